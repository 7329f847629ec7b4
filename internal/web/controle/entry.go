package controle

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type entryPage struct {
	page.Layout
	Heading string
	Items   []page.Item
	Details []page.Item
	Body    string
	Leaf    string
	Pruned  string // why the body is gone, "" while it is there
	State   string // what the entry's state means
	Fault   string // why the entry does not hold, "" when its own parts agree
	Unknown string // what such an entry cannot know, "" for most
	Agent   string // where everything this agent did is, "" for another actor
	Reveal  string // where an identity is asked for, "" when there is none
	Export  string
}

// unknownOfUse is what no entry of a use can say: a hub names no service, and may
// open another in its own session without asking Relais.
const unknownOfUse = "Quand le client est FranceConnect, Relais ne sait pas quel service public s’est ouvert, ni si un autre s’est ouvert ensuite dans la même session de FranceConnect, jusqu’à 30 minutes après sa dernière utilisation. L’absence d’une autre entrée ne prouve donc pas qu’il n’y en a pas eu."

// entry shows one entry as it is stored. Opening it is a search of one.
func (d *Desk) entry(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	row, err := d.one(r, v)
	if err != nil {
		return err
	}
	index := row.Index
	if err := d.trace(r.Context(), v, []string{"entree"}); err != nil {
		return err
	}
	title := "Entrée " + strconv.FormatInt(index, 10)
	p := &entryPage{Layout: v.Layout(title, home), Heading: title, Body: string(row.Body), Leaf: row.Leaf.String()}
	p.Wide, p.Export = true, exporter+"?entree="+strconv.FormatInt(index, 10)
	rec, fault := sound(row)
	if row.PrunedBy != 0 {
		p.Pruned = "Le contenu de cette entrée d’accès a été supprimé au terme de sa durée de conservation (entrée " +
			strconv.FormatInt(row.PrunedBy, 10) + "). Son empreinte reste dans l’arbre : toutes les preuves tiennent."
	}
	p.Fault = fault
	state := d.Seal.State().Progress.State(index)
	p.State = states[state]
	if err := d.openActor(r.Context(), &rec); err != nil {
		return err
	}
	if rec.Actor.Type == journal.ActorAidant && !journal.Hidden(rec.Actor.Ref) && rec.Actor.Ref != "" {
		p.Agent = agents + v.Mission.Label(rec.Actor.Ref)
	}
	if p.Agent != "" || rec.Mandat != "" {
		p.Reveal = revealPath(index)
	}
	p.Items = describe(v, index, rec, state)
	around, err := d.around(r.Context(), v, index)
	if err != nil {
		return err
	}
	p.Items = append(p.Items, around...)
	if rec.Action == journal.DelegationUse {
		p.Unknown = unknownOfUse
	}
	for _, key := range slices.Sorted(maps.Keys(rec.Details)) {
		p.Details = append(p.Details, page.Item{Term: key, Text: rec.Details[key]})
	}
	return d.Pages.Render(w, http.StatusOK, "controle/entree", p)
}

// one reads the entry of the address, if it lies in the mission's scope.
func (d *Desk) one(r *http.Request, v desk.Visit) (journal.Row, error) {
	index, err := strconv.ParseInt(r.PathValue("index"), 10, 64)
	if err != nil || index < 0 {
		return journal.Row{}, noEntry()
	}
	row, err := d.Journal.Entry(r.Context(), index)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Row{}, noEntry()
	}
	if err != nil {
		return journal.Row{}, fmt.Errorf("entrée %d: %w", index, err)
	}
	inside, err := d.inside(r, v, index)
	if err == nil && !inside {
		err = noEntry()
	}
	row.Index = index
	return row, err
}

func noEntry() error {
	return &desk.Problem{Status: http.StatusNotFound, Title: "Cette entrée n’existe pas",
		Text: "Le journal ne contient pas d’entrée à cet index, ou elle n’est pas dans le périmètre de votre mission.",
		Do:   []string{"Repartez du journal : l’index de chaque entrée y mène à sa page."},
		Next: page.Link{Href: home, Text: "Ouvrir le journal"}, Cause: journal.ErrNotFound}
}

// sound reads the entry from its bytes, and says what does not agree with them.
func sound(row journal.Row) (journal.Record, string) {
	if row.PrunedBy != 0 {
		return row.Copies, ""
	}
	rec, err := journal.Parse(row.Body)
	switch {
	case err != nil:
		return row.Copies, "Le contenu de l’entrée n’est pas lisible : ce qui suit vient des colonnes de recherche."
	case journal.Leaf(row.Body) != row.Leaf:
		return rec, "L’empreinte ne correspond pas au contenu : l’entrée a été modifiée après son enregistrement."
	case row.Altered:
		return rec, "Les colonnes de recherche ne correspondent pas au contenu."
	}
	return rec, ""
}

// describe lists every field of an entry.
func describe(v desk.Visit, index int64, rec journal.Record, state journal.State) []page.Item {
	items := []page.Item{
		{Term: "Index", Text: strconv.FormatInt(index, 10)},
		{Term: "Identifiant", Text: rec.ID},
		{Term: "État", Text: capital(state)},
		{Term: "Date et heure", Text: moment(rec.At, v.Zone())},
		{Term: "Action", Text: rec.Action.Label() + " (" + string(rec.Action) + ")"},
		{Term: "Issue", Text: outcome(rec.Outcome).Text},
		{Term: "Motif", Text: fullReason(rec.Reason)},
		actorItem(v, rec.Actor),
	}
	if rec.Actor.Auth != "" {
		items = append(items, page.Item{Term: "Identification", Text: rec.Actor.Auth})
	}
	items = append(items, page.Item{Term: "Objet", Text: rec.Object.Type}, page.Item{Term: "Référence de l’objet", Text: orNone(rec.Object.ID)})
	if rec.Mandat != "" {
		items = append(items, page.Item{Term: "Mandat", Text: rec.Mandat, Href: mandats + url.PathEscape(rec.Mandat)},
			page.Item{Term: "Compteur du mandat", Text: strconv.FormatInt(rec.StreamSeq, 10)})
	}
	return append(items, page.Item{Term: "Requête", Text: orNone(rec.RequestID)})
}

// moment is a date with its seconds: what an auditeur compares.
func moment(t time.Time, zone *time.Location) string {
	local := t.In(zone)
	return page.Date(local) + " à " + local.Format("15:04:05")
}

func outcome(o journal.Outcome) page.Cell {
	switch o {
	case journal.OK:
		return page.Cell{Text: "Fait", Tag: "success"}
	case journal.Denied:
		return page.Cell{Text: "Refusé", Tag: "warning"}
	}
	return page.Cell{Text: "Échec", Tag: "error"}
}

func actorWord(kind journal.ActorType) string {
	switch kind {
	case journal.ActorAidant:
		return "Agent"
	case journal.ActorUsager:
		return "Usager"
	case journal.ActorClient:
		return "Service"
	case journal.ActorSysteme:
		return "Relais"
	}
	return "Inconnu"
}

func mandatCell(id string) page.Cell {
	if id == "" {
		return page.Cell{Text: "–"}
	}
	return page.Cell{Text: short(id), Href: mandats + url.PathEscape(id), Number: true}
}

// short is the end of an opaque reference: the beginning of a UUIDv7 is a time,
// and two made together would look alike.
func short(ref string) string {
	const keep = 8
	if len(ref) <= keep+4 {
		return ref
	}
	return "…" + ref[len(ref)-keep:]
}

func orNone(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
