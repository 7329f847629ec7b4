package guichet

import (
	"net/http"
	"strings"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
)

// actePage is the written mandat, twice.
type actePage struct {
	page.Layout
	ID     string
	Copies []copyOf
}

// copyOf is one copy on paper. Everything is repeated in each.
type copyOf struct {
	Heading, Number, Digest, Version string
	Mandant                          []page.Item
	Blocks                           []acte.Block
	Usager, Aidant                   string // names
	Structure                        string
	GivenAt, AcceptedAt              string
}

func (d *Desk) printActe(w http.ResponseWriter, r *http.Request) error {
	m, err := d.signed(r)
	if err != nil {
		return err
	}
	v := desk.Of(r)
	dossier, _, _, err := d.Signatures.Dossier(r.Context(), m.ID)
	if err != nil {
		return err
	}
	attested, err := dossier.Verify()
	if err != nil {
		return err // what is printed as attested must be attested
	}
	agents, err := d.People.Aidants(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	if err := d.Journal.Append(r.Context(), m.Printed(by(v), "acte")); err != nil {
		return err
	}
	one := acteCopy(v, m, dossier.Texte, attested.Pivot, agents)
	p := actePage{Layout: v.Layout("Mandat "+page.Number(m.Number), section), ID: m.ID}
	p.Print = true
	for _, heading := range []string{"Exemplaire de l’usager", "Exemplaire de la structure"} {
		one.Heading = heading
		p.Copies = append(p.Copies, one)
	}
	return d.Pages.Render(w, http.StatusOK, "guichet/acte", &p)
}

// signed fetches a mandat that has been signed; a draft has nothing to print.
func (d *Desk) signed(r *http.Request) (mandat.Mandat, error) {
	m, err := d.mandat(r)
	if err == nil && m.SignedAt.IsZero() {
		err = &desk.Problem{Status: http.StatusConflict, Title: "Ce mandat n’est pas signé", Cause: mandat.ErrState,
			Text: "Il n’y a rien à imprimer avant que l’usager donne le mandat et que vous l’acceptiez.",
			Next: page.Link{Href: "/mandats/" + m.ID, Text: "Ouvrir le brouillon"}}
	}
	return m, err
}

func acteCopy(v desk.Visit, m mandat.Mandat, t acte.Texte, p identite.Pivot, agents []aidant.Aidant) copyOf {
	return copyOf{
		Number: page.Number(m.Number), Digest: t.Nonce(), Version: t.Version, Mandant: mandant(p), Blocks: t.Blocks(),
		Usager: p.Display(), Aidant: redaction.Name(agents, m.AcceptedBy), Structure: v.Organisation.Name,
		GivenAt: page.DateTime(m.Signature.GivenAt.In(v.Zone())), AcceptedAt: page.DateTime(m.SignedAt.In(v.Zone())),
	}
}

// mandant words an identity as FranceConnect attested it. Places are COG codes:
// their names change, the codes do not.
func mandant(p identite.Pivot) []page.Item {
	items := []page.Item{{Term: "Nom de naissance", Text: p.FamilyName}, {Term: "Prénoms", Text: p.GivenName}}
	if p.PreferredUsername != "" && p.PreferredUsername != p.FamilyName {
		items = append(items, page.Item{Term: "Nom d’usage", Text: p.PreferredUsername})
	}
	place := "à l’étranger, pays de code officiel (COG) " + p.Birthcountry
	if p.Birthcountry == identite.France {
		place = "en France, commune de code officiel (COG) " + p.Birthplace
	}
	return append(items,
		page.Item{Term: "Date de naissance", Text: page.Birthdate(string(p.Birthdate))},
		page.Item{Term: "Lieu de naissance", Text: place})
}

// noticePage is the paper that tells the usager of an end.
type noticePage struct {
	page.Layout
	ID, Number, Name            string
	Structure, Address, Phone   string
	City, Date, EndedAt, Reason string
	Revoked, Whole              bool
	Domaines                    []string
	Remaining                   []string
}

func (d *Desk) printNotice(w http.ResponseWriter, r *http.Request) error {
	m, err := d.signed(r)
	if err != nil {
		return err
	}
	v := desk.Of(r)
	entries, err := d.Journal.MandatEntries(r.Context(), m.ID)
	if err != nil {
		return err
	}
	end := lastEnd(entries)
	if end == nil {
		return &desk.Problem{Status: http.StatusConflict, Title: "Il n’y a pas d’avis à imprimer", Cause: mandat.ErrState,
			Text: "Ce mandat n’a été arrêté ni par l’usager ni par la structure.",
			Next: page.Link{Href: "/mandats/" + m.ID, Text: "Revenir au mandat"}}
	}
	file, err := d.People.Usager(r.Context(), m.OrganisationID, m.UsagerID)
	if err != nil {
		return err
	}
	document := "renonciation"
	if end.Action == journal.MandatRevoke {
		document = "revocation"
	}
	if err := d.Journal.Append(r.Context(), m.Printed(by(v), document)); err != nil {
		return err
	}
	p := d.notice(v, m, *end)
	p.Name = file.Usager.Name(v.Zone())
	return d.Pages.Render(w, http.StatusOK, "guichet/avis", p)
}

func (d *Desk) notice(v desk.Visit, m mandat.Mandat, end journal.Record) *noticePage {
	o := v.Organisation
	p := &noticePage{Layout: v.Layout("Votre mandat a pris fin", section), ID: m.ID, Number: page.Number(m.Number),
		Structure: o.Name, Address: o.PostalAddress(), Phone: o.Telephone, City: o.City,
		Date: page.Date(d.Now().In(v.Zone())), EndedAt: page.DateTime(end.At.In(v.Zone())), Revoked: end.Action == journal.MandatRevoke}
	for code := range strings.SplitSeq(end.Details["domaines"], ",") {
		p.Domaines = append(p.Domaines, redaction.Title(code))
	}
	for _, a := range m.ActiveAutorisations(d.Now()) {
		p.Remaining = append(p.Remaining, redaction.Title(a.Domaine))
	}
	if p.Whole = len(p.Remaining) == 0; !p.Whole {
		p.Title = "Une partie de votre mandat a pris fin"
	}
	p.Reason = mandat.Channel(end.Reason).Label()
	for _, reason := range mandat.RenounceReasons() {
		if reason[0] == end.Reason {
			p.Reason = reason[1]
		}
	}
	p.Print = true
	return p
}

// lastEnd is the newest révocation or renonciation of a mandat, nil for none.
func lastEnd(entries []journal.Record) *journal.Record {
	var last *journal.Record
	for i, e := range entries {
		if e.Outcome == journal.OK && (e.Action == journal.MandatRevoke || e.Action == journal.MandatRenounce) &&
			(last == nil || e.StreamSeq > last.StreamSeq) {
			last = &entries[i]
		}
	}
	return last
}
