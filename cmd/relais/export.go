package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"relais/internal/acte"
	"relais/internal/config"
	"relais/internal/domaine"
	"relais/internal/journal"
	"relais/internal/store"
	"relais/internal/usager"
	"relais/internal/web/page"
	"relais/ui"
)

// exported is the file that an usager receives: every field in words.
type exported struct {
	Date     string            `json:"fait_le"`
	Identite exportedIdentity  `json:"identite"`
	Mandats  []exportedMandate `json:"mandats"`
}

type exportedIdentity struct {
	Nom         string `json:"nom_de_naissance"`
	Prenoms     string `json:"prenoms"`
	Usage       string `json:"nom_d_usage,omitempty"`
	Naissance   string `json:"date_de_naissance"`
	Sexe        string `json:"sexe"`
	Lieu        string `json:"lieu_de_naissance_cog"`
	Pays        string `json:"pays_de_naissance_cog"`
	Identifiant string `json:"identifiant_franceconnect"`
	Courriel    string `json:"courriel,omitempty"`
	Sur         bool   `json:"courriel_declare_personnel"`
	Telephone   string `json:"telephone,omitempty"`
}

type exportedMandate struct {
	Numero    string          `json:"numero"`
	Structure string          `json:"structure"`
	Adresse   string          `json:"adresse"`
	Etat      string          `json:"etat"`
	Signe     string          `json:"signe_le"`
	Fin       string          `json:"fin"`
	Motif     string          `json:"motif_de_fin,omitempty"`
	Domaines  []string        `json:"domaines"`
	Texte     string          `json:"texte"`
	Actes     []exportedEntry `json:"historique"`
}

type exportedEntry struct {
	Index   int64  `json:"entree"`
	Date    string `json:"date"`
	Action  string `json:"action"`
	Issue   string `json:"issue"`
	Qui     string `json:"qui"`
	Domaine string `json:"domaine,omitempty"`
	Service string `json:"service,omitempty"`
	Motif   string `json:"motif,omitempty"`
}

// exportUsager writes all that is held of one usager as a page and as JSON.
func exportUsager(ctx context.Context, c call) error {
	var out string
	words, err := flags(c.args[1:], func(fs *flag.FlagSet) { fs.StringVar(&out, "out", "", "") })
	if err != nil || len(words) != 1 || out == "" {
		return errUsage
	}
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		id, err := usagerID(ctx, st, words[0])
		if err != nil {
			return err
		}
		held, err := st.ExportUsager(ctx, id, operator())
		if err != nil {
			return err
		}
		doc, err := wordExport(ctx, st, held, time.Now())
		if err != nil {
			return err
		}
		if err := writeExport(out, doc); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "Données remises dans %s : usager.html et usager.json (%d mandat(s)). Supprimez ce dossier une fois remis.\n", out, len(doc.Mandats))
		return err
	})
}

// writeExport makes both files, closed to others, and never over others.
func writeExport(dir string, doc exported) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	var html strings.Builder
	if err := ui.WriteExport(&html, doc); err != nil {
		return err
	}
	for name, content := range map[string]string{"usager.json": string(text) + "\n", "usager.html": html.String()} {
		path := filepath.Join(dir, name)
		err := writeNew(path, strings.NewReader(content))
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s existe déjà : choisissez un dossier vide", path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func wordExport(ctx context.Context, st *store.Store, held store.Export, now time.Time) (exported, error) {
	doc := exported{Date: page.Date(now.UTC()) + now.UTC().Format(" à 15:04 UTC"), Identite: wordIdentity(held.Usager)}
	for _, m := range held.Mandats {
		zone := m.Structure.Location()
		names, err := agentNames(ctx, st, m.Structure.ID)
		if err != nil {
			return doc, err
		}
		one := exportedMandate{Numero: acte.Group(m.Mandat.Number), Structure: m.Structure.Name, Adresse: m.Structure.PostalAddress(),
			Etat: m.Mandat.Status(now).Label(), Signe: moment(m.Mandat.SignedAt, zone), Fin: moment(m.Mandat.EndsAt, zone), Texte: m.Texte.Body}
		if !m.Mandat.EndedAt.IsZero() {
			one.Fin, one.Motif = moment(m.Mandat.EndedAt, zone), m.Mandat.EndReason.Label()
		}
		for _, a := range m.Mandat.Autorisations {
			one.Domaines = append(one.Domaines, domaineTitle(a.Domaine))
		}
		for _, e := range m.Entries {
			one.Actes = append(one.Actes, wordEntry(e, names, zone))
		}
		doc.Mandats = append(doc.Mandats, one)
	}
	return doc, nil
}

func wordIdentity(u usager.Usager) exportedIdentity {
	p := u.Identite
	return exportedIdentity{Nom: p.FamilyName, Prenoms: p.GivenName, Usage: p.PreferredUsername, Naissance: string(p.Birthdate), Sexe: p.Gender,
		Lieu: p.Birthplace, Pays: p.Birthcountry, Identifiant: u.Sub, Courriel: u.Email, Sur: u.EmailSafe, Telephone: u.Telephone}
}

// agentNames are those of the structure: who acted in the usager's name is told
// to the usager, as the mandat's own text does.
func agentNames(ctx context.Context, st *store.Store, organisationID string) (map[string]string, error) {
	agents, err := st.Aidants(ctx, organisationID)
	names := map[string]string{}
	for _, a := range agents {
		names[a.ID] = a.Name()
	}
	return names, err
}

func wordEntry(e journal.Record, names map[string]string, zone *time.Location) exportedEntry {
	out := exportedEntry{Index: e.Index, Date: moment(e.At, zone), Action: e.Action.Label(), Service: e.Details["client"], Motif: e.Reason}
	switch e.Outcome {
	case journal.OK:
		out.Issue = "fait"
	case journal.Denied:
		out.Issue = "refusé"
	default:
		out.Issue = "échec"
	}
	switch e.Actor.Type {
	case journal.ActorUsager:
		out.Qui = "vous"
	case journal.ActorAidant:
		out.Qui = "un agent de la structure"
		if name := names[e.Actor.Ref]; name != "" {
			out.Qui = name
		}
	case journal.ActorClient:
		out.Qui = "le service " + e.Actor.Ref
	default:
		out.Qui = "Relais"
	}
	if e.Action == journal.MissionReveal {
		out.Qui = "un auditeur, dans le cadre d’une mission"
	}
	var titles []string
	for code := range strings.SplitSeq(e.Details["domaine"]+","+e.Details["domaines"], ",") {
		if code != "" {
			titles = append(titles, domaineTitle(code))
		}
	}
	out.Domaine = strings.Join(titles, ", ")
	return out
}

func domaineTitle(code string) string {
	if d, ok := domaine.Current().Find(code); ok {
		return d.Title
	}
	return code
}

func moment(t time.Time, zone *time.Location) string {
	at := t.In(zone)
	return page.Date(at) + at.Format(" à 15:04:05")
}
