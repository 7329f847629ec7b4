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
}

// entry shows one entry as it is stored. Opening it is a search of one.
func (d *Desk) entry(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	index, err := strconv.ParseInt(r.PathValue("index"), 10, 64)
	if err != nil || index < 0 {
		return noEntry()
	}
	row, err := d.Journal.Entry(r.Context(), index)
	if errors.Is(err, journal.ErrNotFound) {
		return noEntry()
	}
	if err != nil {
		return fmt.Errorf("entrée %d: %w", index, err)
	}
	if err := d.trace(r.Context(), v, []string{"entree"}); err != nil {
		return err
	}
	title := "Entrée " + strconv.FormatInt(index, 10)
	p := &entryPage{Layout: v.Layout(title, home), Heading: title, Body: string(row.Body), Leaf: row.Leaf.String()}
	p.Wide = true
	rec, fault := sound(row)
	if row.PrunedBy != 0 {
		p.Pruned = "Le contenu de cette entrée d’accès a été supprimé au terme de sa durée de conservation (entrée " +
			strconv.FormatInt(row.PrunedBy, 10) + "). Son empreinte reste dans l’arbre : toutes les preuves tiennent."
	}
	p.Fault = fault
	state := d.Seal.State().Progress.State(index)
	p.State = states[state]
	p.Items = describe(index, rec, state, v.Zone())
	for _, key := range slices.Sorted(maps.Keys(rec.Details)) {
		p.Details = append(p.Details, page.Item{Term: key, Text: rec.Details[key]})
	}
	return d.Pages.Render(w, http.StatusOK, "controle/entree", p)
}

func noEntry() error {
	return &desk.Problem{Status: http.StatusNotFound, Title: "Cette entrée n’existe pas",
		Text: "Le journal ne contient pas d’entrée à cet index.",
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
func describe(index int64, rec journal.Record, state journal.State, zone *time.Location) []page.Item {
	items := []page.Item{
		{Term: "Index", Text: strconv.FormatInt(index, 10)},
		{Term: "Identifiant", Text: rec.ID},
		{Term: "État", Text: capital(state)},
		{Term: "Date et heure", Text: moment(rec.At, zone)},
		{Term: "Action", Text: rec.Action.Label() + " (" + string(rec.Action) + ")"},
		{Term: "Issue", Text: outcome(rec.Outcome).Text},
		{Term: "Motif", Text: orNone(rec.Reason)},
		{Term: "Acteur", Text: actorWord(rec.Actor.Type)},
	}
	if rec.Actor.Ref != "" {
		items = append(items, page.Item{Term: "Référence de l’acteur", Text: rec.Actor.Ref, Href: home + "?acteur=" + url.QueryEscape(rec.Actor.Ref)})
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

// actorCell names the kind of actor and the end of their reference; it leads to
// what else they did.
func actorCell(a journal.Actor) page.Cell {
	if a.Ref == "" || a.Type == journal.ActorSysteme {
		return page.Cell{Text: actorWord(a.Type)}
	}
	return page.Cell{Text: actorWord(a.Type) + " " + short(a.Ref), Href: home + "?acteur=" + url.QueryEscape(a.Ref), Number: true}
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
