package guichet

import (
	"net/http"
	"strconv"
	"strings"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
)

// mandatPage shows a draft or a mandat.
type mandatPage struct {
	page.Layout
	ID, Number, State, StateTag string
	Name                        string // of the usager, "" while unknown
	Proof                       *page.Proof
	Step                        string // of a draft, in words
	CanEntrust, Restarts        bool
	CanAccept, CanChange        bool
	Signed, Running, Notice     bool
	Facts                       []page.Item
	Parts                       []part
	History                     page.Table
}

// part is one autorisation.
type part struct {
	Title, State, Tag string
	Ended             string // when and why, "" while it runs
	Demarches         []string
}

func (d *Desk) show(w http.ResponseWriter, r *http.Request) error {
	m, err := d.mandat(r)
	if err != nil {
		return err
	}
	v := desk.Of(r)
	agents, err := d.People.Aidants(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	name, err := d.nameOf(r, m)
	if err != nil {
		return err
	}
	entries, err := d.Journal.MandatEntries(r.Context(), m.ID)
	if err != nil {
		return err
	}
	if err := d.Journal.Append(r.Context(), m.Viewed(by(v))); err != nil {
		return err
	}
	p := d.mandatPage(v, m, agents, name)
	p.History = history(v, entries, agents)
	p.Notice = lastEnd(entries) != nil
	if p.Signed && r.URL.Query().Get("signe") == "oui" {
		p.Proof = &page.Proof{Heading: "Le mandat est signé", Label: "Numéro du mandat", Number: page.Number(m.Number),
			Text: "L’usager l’a donné et vous l’avez accepté. Imprimez les deux exemplaires : un pour l’usager, un pour la structure."}
	}
	return d.Pages.Render(w, http.StatusOK, "guichet/mandat", p)
}

// nameOf names the usager of a signed mandat.
func (d *Desk) nameOf(r *http.Request, m mandat.Mandat) (string, error) {
	if m.UsagerID == "" {
		return "", nil
	}
	file, err := d.People.Usager(r.Context(), m.OrganisationID, m.UsagerID)
	if err != nil {
		return "", err
	}
	if file.Usager.Erased() {
		return file.Usager.Name(desk.Of(r).Zone()), nil
	}
	u := file.Usager.Identite
	return u.Display() + ", naissance : " + page.Birthdate(string(u.Birthdate)), nil
}

func (d *Desk) mandatPage(v desk.Visit, m mandat.Mandat, agents []aidant.Aidant, name string) *mandatPage {
	now := d.Now()
	state := m.Status(now)
	p := &mandatPage{Layout: v.Layout("Mandat "+page.Number(m.Number), section), ID: m.ID, Number: page.Number(m.Number),
		State: state.Label(), StateTag: stateTag(state), Name: name, Signed: !m.SignedAt.IsZero(), Running: state == mandat.Actif || state == mandat.Suspendu}
	p.Wide = true
	if m.State == mandat.Brouillon {
		p.Title = "Brouillon " + p.Number
		p.Step, p.CanAccept = step(m), acceptable(m)
		p.CanEntrust = !p.CanAccept
		p.Restarts = p.CanEntrust && !m.Signature.EntrustedAt.IsZero()
		p.CanChange = m.Signature.GivenAt.IsZero()
	}
	p.Facts = facts(v, m, agents, name)
	for _, a := range m.Autorisations {
		p.Parts = append(p.Parts, d.part(v, m, a))
	}
	return p
}

// step says where a draft stands.
func step(m mandat.Mandat) string {
	s := m.Signature
	switch {
	case acceptable(m):
		return "L’usager a donné mandat et vous avez repris l’écran. Il reste à accepter le mandat."
	case !s.GivenAt.IsZero():
		return "L’usager a donné mandat. L’aidant à qui l’écran appartient doit le reprendre, sur ce même écran, pour accepter. Sinon, la signature est à recommencer."
	case !s.DeclinedAt.IsZero():
		return "L’usager préfère réfléchir. Le brouillon reste ici : vous pourrez lui passer l’écran de nouveau."
	case !s.EntrustedAt.IsZero(), !s.TakenBackAt.IsZero():
		return "La signature a été commencée puis laissée. Rien n’est signé. Vous pouvez passer l’écran à l’usager de nouveau."
	}
	return "Le brouillon est prêt. Relisez-le avec l’usager, puis passez-lui l’écran."
}

// acceptable tells that the usager gave the mandat and that the aidant has
// identified again since.
func acceptable(m mandat.Mandat) bool {
	s := m.Signature
	return m.State == mandat.Brouillon && !s.GivenAt.IsZero() && !s.TakenBackAt.Before(s.GivenAt)
}

func facts(v desk.Visit, m mandat.Mandat, agents []aidant.Aidant, name string) []page.Item {
	if name == "" {
		name = "Pas encore identifié : l’usager s’identifiera lui-même"
	}
	items := []page.Item{
		{Term: "Mandant (l’usager)", Text: name},
		{Term: "Mandataire", Text: v.Organisation.Name},
		{Term: "Qui peut agir", Text: redaction.Actors(agents, m)},
		{Term: "Jusqu’au", Text: page.DateTime(m.EndsAt.In(v.Zone())) + " (heure de " + redaction.ZoneName(v.Organisation.Timezone) + ")"},
	}
	if m.SignedAt.IsZero() {
		return append(items, page.Item{Term: "Brouillon ouvert", Text: page.DateTime(m.CreatedAt.In(v.Zone())) + ", par " + redaction.Name(agents, m.CreatedBy)})
	}
	items = append(items,
		page.Item{Term: "Donné par l’usager", Text: page.DateTime(m.Signature.GivenAt.In(v.Zone()))},
		page.Item{Term: "Accepté", Text: page.DateTime(m.SignedAt.In(v.Zone())) + ", par " + redaction.Name(agents, m.AcceptedBy)},
		page.Item{Term: "Niveau de preuve", Text: "Identité prouvée par FranceConnect pour ce texte précis ; accord donné à l’écran par l’usager ; accepté par l’aidant avec son second facteur. Ce n’est pas une signature électronique qualifiée."})
	if !m.EndedAt.IsZero() {
		items = append(items, page.Item{Term: "Fin", Text: page.DateTime(m.EndedAt.In(v.Zone())) + " : " + m.EndReason.Label()})
	}
	return items
}

func (d *Desk) part(v desk.Visit, m mandat.Mandat, a mandat.Autorisation) part {
	words := redaction.Section(a)
	p := part{Title: words.Title, Demarches: words.Demarches, State: "En préparation", Tag: "info"}
	_, active := m.Active(a.Domaine, d.Now())
	switch {
	case !a.EndedAt.IsZero():
		p.State, p.Tag = "Terminée", "neutral"
		p.Ended = "Le " + page.DateTime(a.EndedAt.In(v.Zone())) + " : " + a.EndReason.Label()
	case active:
		p.State, p.Tag = "En cours", "success"
	case m.State == mandat.Suspendu:
		p.State, p.Tag = "Suspendue", "warning"
	case m.State == mandat.SansSuite:
		p.State, p.Tag = "Sans suite", "neutral"
	case m.State != mandat.Brouillon:
		p.State, p.Tag, p.Ended = "Terminée", "neutral", mandat.Echeance.Label()
	}
	return p
}

// history words the journal's entries of one mandat, the newest first.
func history(v desk.Visit, entries []journal.Record, agents []aidant.Aidant) page.Table {
	t := page.Table{Caption: "Historique, inscrit au journal", Hidden: true, Columns: []string{"Entrée", "Quand", "Quoi", "Qui", "Issue"}}
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		issue := page.Cell{Text: "Fait", Tag: "success"}
		if e.Outcome != journal.OK {
			issue = page.Cell{Text: "Refusé", Tag: "warning"}
		}
		what := e.Action.Label()
		if codes := e.Details["domaines"]; codes != "" {
			what += " : " + titles(codes)
		}
		t.Rows = append(t.Rows, []page.Cell{
			{Text: "n° " + strconv.FormatInt(e.StreamSeq, 10), Number: true},
			{Text: page.DateTime(e.At.In(v.Zone()))}, {Text: what}, {Text: who(e, agents)}, issue,
		})
	}
	return t
}

// titles words a list of domaines as the journal writes it.
func titles(codes string) string {
	var all []string
	for code := range strings.SplitSeq(codes, ",") {
		all = append(all, redaction.Title(code))
	}
	return strings.Join(all, " ; ")
}

func who(e journal.Record, agents []aidant.Aidant) string {
	a := e.Actor
	if e.Action == journal.MissionReveal {
		return "Un auditeur, dans le cadre d’une mission"
	}
	switch a.Type {
	case journal.ActorAidant:
		return redaction.Name(agents, a.Ref)
	case journal.ActorUsager:
		return "L’usager"
	case journal.ActorClient:
		return "Le service public ou FranceConnect"
	case journal.ActorSysteme:
		return "Relais"
	}
	return "Inconnu"
}
