package organisation

// Departement is the code of the structure's département, from its postcode: two
// digits, three overseas (97x, 98x). Empty when there is no postcode.
func (o Organisation) Departement() string {
	n := 2
	if len(o.Postcode) >= 2 && (o.Postcode[:2] == "97" || o.Postcode[:2] == "98") {
		n = 3
	}
	if len(o.Postcode) < n {
		return ""
	}
	return o.Postcode[:n]
}
