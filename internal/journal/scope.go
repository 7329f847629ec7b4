package journal

// Scope is the part of the journal that somebody may read: one structure's
// entries, those of a département's structures, or, when zero, all of it. At
// most one field is set.
type Scope struct{ Structure, Departement string }

// Facets are what an entry is about, beside its own fields: identifiers, never
// names.
type Facets struct{ Structure, Departement, Actor, Usager, Domaine, Service string }

// Covers tells whether an entry lies in the scope. One that concerns no
// structure is covered by the whole journal only.
func (s Scope) Covers(f Facets) bool {
	switch {
	case s == Scope{}:
		return true
	case s.Structure != "" && s.Departement != "":
		return false
	case s.Structure != "":
		return f.Structure == s.Structure
	}
	return f.Departement == s.Departement
}
