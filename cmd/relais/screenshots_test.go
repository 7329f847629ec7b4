package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
	"relais/internal/revue"
	"relais/internal/testkit/browser"
	"relais/internal/testkit/visitor"
)

// picture is one page to be shown, and what to open on it first.
type picture struct {
	name, address string
	open          []string // summaries to click
	usager        bool     // also on a telephone and on a tablet
	end           bool     // only the end of a long page
}

// TestScreenshots takes the pictures of docs/screenshots: TEST_SCREENSHOTS names
// the folder. Without it, they are taken all the same and thrown away.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("TEST_SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	pictures := newAlbum(t, newWorld(t, config.SQLite)).pictures()
	b := browser.Start(t)
	light := b.Person(t, "light", browser.Options{JavaScript: true})
	dark := b.Person(t, "dark", browser.Options{JavaScript: true, Dark: true})
	for _, x := range pictures {
		x.take(light, 1280, filepath.Join(folder, x.name+"-clair.png"))
		if x.usager {
			x.take(light, 360, filepath.Join(folder, x.name+"-360.png"))
			x.take(light, 768, filepath.Join(folder, x.name+"-768.png"))
		}
		if slices.Contains(alsoNarrow, x.name) {
			x.take(light, 360, filepath.Join(folder, x.name+"-360.png"))
		}
		if slices.Contains(alsoDark, x.name) {
			x.take(dark, 1280, filepath.Join(folder, x.name+"-sombre.png"))
		}
	}
}

// alsoDark are the pages that show between them everything there is to show in
// the dark.
var alsoDark = []string{"01-accueil", "03-guichet", "09-mandat-signe", "13-vous-agissez-pour", "15-journal", "25-activite"}

// alsoNarrow are agents' pages that a telephone shows too.
var alsoNarrow = []string{"15-journal", "16f-revue", "21b-facteurs", "22-confirmer"}

func (x picture) take(p *browser.Person, width int, file string) {
	p.Resize(width, 800)
	p.Open(x.address)
	for _, selector := range x.open {
		p.Click(selector)
	}
	p.NoOverflow()
	if x.end {
		p.ScreenshotEnd(file)
		return
	}
	p.Screenshot(file)
}

// pictures plays a day of the counter and keeps its main pages.
func (a *album) pictures() (all []picture) {
	w, v := a.w, a.person("nadia")
	take := func(name string, from *visitor.Visitor, open ...string) {
		all = append(all, picture{name: name, address: a.page(from), open: open})
	}
	lent := func(name string) { all = append(all, picture{name: name, address: a.page(v), usager: true}) }

	take("01-accueil", v.Open(w.relais+"/"))
	take("02-connexion", v.Open(w.relais+"/connexion"))
	w.signIn(v, "nadia")
	a.busyDay(v)
	take("03-guichet", v.Open(w.relais+"/guichet"))
	take("04-nouveau-mandat", v.Open(w.relais+"/mandats/nouveau").Choose("demarche", "logement/apl"), "details:has(#demarche-logement-apl) > summary")
	p := logement()
	p.demarches = []string{"logement/apl", "argent/declaration-revenus"}
	id := w.draft(v, p)
	v.Open(w.relais + "/mandats/" + id).Submit("/confier").MustBeAt("/tour")
	lent("05-tour")
	v.Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer").MustBeAt("/tour/identite")
	lent("06-est-ce-bien-vous")
	v.Click("oui").MustBeAt("/tour/mandat")
	take("07-texte-du-mandat", v)
	lent("07b-decision")
	all[len(all)-1].end = true
	v.Click("donner")
	w.takeBack(v, "nadia")
	take("08-acceptation", v)
	take("09-mandat-signe", v.Submit("/acceptation"))
	take("10-acte", v.Open(w.relais+"/mandats/"+id+"/acte"))
	request := w.arrive(v, "allocations")
	v.Fill("q", "perrin").Submit("/recherche")
	take("11-agir-recherche", v)
	take("12-agir-choix", v.Open(w.relais+"/agir/"+request+"/mandats/"+id))
	w.choose(v, request, id, "logement")
	take("13-vous-agissez-pour", v.Open(w.relais+"/demarche"))
	take("14-demarche-terminee", v.Submit("/demarche/terminer"))
	thomas, claire, sophie := a.agent("thomas"), a.agent("claire"), a.agent("sophie")
	take("15-journal", thomas.Open(w.relais+"/controle?mandat="+w.mandatOf("nadia", id).Number))
	thomas.Open(w.relais + "/controle/mandats/" + id).Click("reveler")
	take("16b-reveler", thomas)
	entry := strings.TrimSuffix(thomas.URL.Path, "/reveler")
	thomas.Choose("identite", "usager").Fill("motif", "Signature plus rapide que la lecture du texte.").Choose("confirmer", "oui").Submit("/reveler")
	take("16c-identite-revelee", thomas)
	take("16-entree", thomas.Open(w.relais+entry))
	take("16d-agent", thomas.Open(w.relais+"/controle/agents/"+w.missionOf("thomas").Label(w.idOf("nadia"))))
	review := w.openRevue(thomas, "", 12)
	for i := range 12 {
		if thomas.Open(w.relais + "/controle/revues/" + review); i == 4 {
			take("16f-revue", thomas)
		}
		w.mark(thomas, revue.Marks()[i%5%3])
	}
	thomas.Click("clore").Fill("conclusion", "Cinq entrées sur douze restent à éclaircir avec la structure, deux sont des anomalies.\nLes cinq autres sont conformes.").Choose("confirmer", "oui").Submit("/cloture")
	take("16g-revue-rapport", thomas)
	take("16e-mission", sophie.Open(w.relais+"/administration/missions/"+w.missionOf("thomas").ID))
	w.derive()
	take("24-signaux", thomas.Open(w.relais+"/controle/signaux"))
	take("25-activite", thomas.Open(w.relais+"/controle/activite"))
	take("17-equipe", claire.Open(w.relais+"/structure"))
	take("18-habilitations", sophie.Open(w.relais+"/administration"))
	take("19-aide-session", v.Open(w.relais+"/aide/session"))
	a.ownFactors(take, claire, thomas)
	take("20-erreur-404", v.Open(w.relais+"/nulle-part").MustStatus(http.StatusNotFound))
	return all
}

// ownFactors shows the way in of an agent who has no ProConnect.
func (a *album) ownFactors(take func(name string, from *visitor.Visitor, open ...string), claire, thomas *visitor.Visitor) {
	w, julien := a.w, a.agent("julien")
	a.invites(claire, "Léonie", "leonie.sans@ccas-valfictif.example")
	take("21-code-d-invitation", claire)
	w.addPasskey(julien)
	w.addApplication(julien)
	take("21b-facteurs", julien.Open(w.relais+"/compte/facteurs"))
	take("21c-codes-de-secours", julien.Click("creer-codes"))
	w.aged("thomas", time.Hour)
	take("22-confirmer", thomas.Open(w.relais+"/controle/exporter").MustBeAt(confirmPath))
}

// busyDay gives the counter something to show.
func (a *album) busyDay(v *visitor.Visitor) {
	short := logement()
	short.days = "1"
	for _, usager := range []string{"haddad", "hauteville", "muller"} {
		a.w.give(v, "nadia", usager, short)
	}
	a.w.draft(v, logement())
}
