package main

import (
	"encoding/base32"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/testkit/authenticator"
	"relais/internal/testkit/visitor"
)

const phraseOfNadia = "trois bouleaux derrière la grange"

// enrolling gives a visitor a session that may only enrol a factor, as a code opens
// it.
func (w *world) enrolling(v *visitor.Visitor, agent string) {
	w.t.Helper()
	_, id := w.onlyEnrols(w.idOf(agent))
	u, err := url.Parse(w.relais)
	if err != nil {
		w.t.Fatal(err)
	}
	v.Client.Jar.SetCookies(u, []*http.Cookie{{Name: w.d.sessions.Name(), Value: id, Path: "/"}})
}

// onlyEnrols opens such a session, and gives the identifier that the browser has.
func (w *world) onlyEnrols(agentID string) (fresh aidant.Session, id string) {
	w.t.Helper()
	fresh, id = w.d.sessions.Fresh(httptest.NewRequest(http.MethodGet, "/", nil))
	fresh.Auth, fresh.AuthAt = aidant.AuthSecours, time.Now()
	use := facteur.Use{Agent: agentID, Decide: func(a aidant.Aidant, f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return f, journal.NewFact(a.Actor(fresh.Auth), journal.SessionOpen, journal.Object{Type: "session"}), nil
	}}
	if _, err := w.d.store.SignInOwn(w.t.Context(), use, fresh); err != nil {
		w.t.Fatal(err)
	}
	return fresh, id
}

// addPasskey enrols a passkey in software for whoever the visitor is.
func (w *world) addPasskey(v *visitor.Visitor) *authenticator.Authenticator {
	w.t.Helper()
	x := authenticator.New(w.relais, "localhost")
	v.Post(w.relais+"/compte/facteurs/cle/defi", url.Values{}).MustStatus(http.StatusOK)
	answer := x.Create(w.t, []byte(v.Body))
	v.Post(w.relais+"/compte/facteurs/cle", url.Values{"reponse": {answer}, "nom": {"Poste de l’accueil"}}).MustStatus(http.StatusOK)
	x.Count++
	return x
}

// byPasskey signs a visitor in with a passkey.
func (w *world) byPasskey(v *visitor.Visitor, x *authenticator.Authenticator) *visitor.Visitor {
	w.t.Helper()
	v.Post(w.relais+"/connexion/cle/defi", url.Values{}).MustStatus(http.StatusOK)
	return v.Post(w.relais+"/connexion/cle", url.Values{"reponse": {x.Get(w.t, []byte(v.Body))}})
}

// addApplication enrols an application of codes, with the code of the step before
// this one, and returns its secret.
func (w *world) addApplication(v *visitor.Visitor) string {
	w.t.Helper()
	secret := strings.ReplaceAll(v.Open(w.relais+"/compte/facteurs/application").TextOf("secret"), " ", "")
	if _, err := base32.StdEncoding.DecodeString(secret); err != nil {
		w.t.Fatal(secret, err)
	}
	v.Fill("phrase", phraseOfNadia).Fill("confirmation", phraseOfNadia).Fill("code", w.code(secret, -30*time.Second)).
		Submit("/compte/facteurs/application").MustStatus(http.StatusOK)
	return secret
}

func (w *world) code(secret string, offset time.Duration) string {
	w.t.Helper()
	if left := 30 - time.Now().Unix()%30; left < 10 { // a slow machine must not see the step end on the way
		time.Sleep(time.Duration(left) * time.Second)
	}
	code, err := totp.GenerateCode(secret, time.Now().Add(offset))
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

func (w *world) emailOf(agent string) string {
	w.t.Helper()
	a, err := w.d.store.Aidant(w.t.Context(), w.idOf(agent))
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Email
}

// giveUntilBack plays the three screens up to the usager's « Je donne mandat ».
func (w *world) giveUntilBack(v *visitor.Visitor) string {
	w.t.Helper()
	id := w.draft(v, logement())
	w.identify(v, id, "perrin")
	v.Click("oui")
	if strings.Contains(v.URL.Path, "remplacer") {
		v.Click("remplacer").Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer").Click("oui")
	}
	v.Click("donner").MustBeAt("/tour/fin").Click("reprendre").MustBeAt("/tour/reprise")
	return id
}

// TestMandatByPasskey: an agent signs in by a passkey, and what it signs when they
// take the screen back is verified offline, as an id_token is.
func TestMandatByPasskey(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia := w.agent("nadia")
			x := w.addPasskey(nadia)
			nadia.Post(w.relais+"/deconnexion", url.Values{})
			nadia = visitor.New(t)
			w.byPasskey(nadia, x).MustStatus(http.StatusOK).MustBeAt("/guichet")
			id := w.giveUntilBack(nadia)
			// A colleague's key does not give the screen back, nor an answer made to sign in.
			other := w.addPasskey(w.agent("julien"))
			nadia.Post(w.relais+"/tour/reprise/defi", url.Values{}).MustStatus(http.StatusOK)
			nadia.Post(w.relais+"/tour/reprise/cle", url.Values{"reponse": {other.Get(t, []byte(nadia.Body))}}).MustStatus(http.StatusForbidden)
			nadia.Post(w.relais+"/connexion/cle/defi", url.Values{}).MustStatus(http.StatusForbidden)
			stranger := visitor.New(t).Post(w.relais+"/connexion/cle/defi", url.Values{})
			nadia.Post(w.relais+"/tour/reprise/cle", url.Values{"reponse": {x.Get(t, []byte(stranger.Body))}}).MustStatus(http.StatusForbidden)
			nadia.Post(w.relais+"/tour/reprise/defi", url.Values{}).MustStatus(http.StatusOK)
			nadia.Post(w.relais+"/tour/reprise/cle", url.Values{"reponse": {x.Get(t, []byte(nadia.Body))}}).MustBeAt("/mandats/" + id + "/acceptation")
			nadia.Submit("/acceptation").MustBeAt("/mandats/" + id)
			m, err := w.d.store.Mandat(t.Context(), w.structureOf("nadia"), id)
			if err != nil {
				t.Fatal(err)
			}
			if code, out := w.verb("mandat", "verify", m.Number); code != 0 || !strings.Contains(out, "la clé d’accès de l’aidant, inscrite au journal auparavant, a signé") {
				t.Errorf("verify: %d\n%s", code, out)
			}
			w.use(nadia, id)
			if engine == config.SQLite {
				w.passkeyEvidenceChanged(given{id: id, number: m.Number})
			}
		})
	}
}

// use plays one use of the mandat to its end.
func (w *world) use(v *visitor.Visitor, id string) {
	w.t.Helper()
	request := w.arrive(v, "allocations")
	w.choose(v, request, id, "logement")
	v.MustSee("Perrin")
	v.Open(w.relais + "/guichet").MustSee("Vous agissez pour")
}

// passkeyEvidenceChanged: one bit of what the passkey signed, sealed again with the
// house's own keys, and the evidence holds no more.
func (w *world) passkeyEvidenceChanged(g given) {
	for name, change := range map[string]func(*acte.Dossier){
		"key":                func(d *acte.Dossier) { d.Aidant.Own.Passkey.PublicKey[40] ^= 1 },
		"client data":        func(d *acte.Dossier) { d.Aidant.Own.Passkey.ClientData[30] ^= 1 },
		"authenticator data": func(d *acte.Dossier) { d.Aidant.Own.Passkey.AuthenticatorData[36] ^= 1 },
		"signature":          func(d *acte.Dossier) { d.Aidant.Own.Passkey.Signature[20] ^= 1 },
		"salt":               func(d *acte.Dossier) { d.Aidant.Salt[0] ^= 1 },
		"as a code":          func(d *acte.Dossier) { d.Aidant = acte.CodeProof(w.idOf("nadia")) },
	} {
		db, environ := w.copied()
		w.reseal(db, g.id, change)
		if code, out := verbOn(environ, "mandat", "verify", g.number); code != 1 || !strings.Contains(out, "LA PREUVE NE TIENT PAS") {
			w.t.Errorf("%s: exit %d\n%s", name, code, out)
		}
	}
}

// TestMandatByCode: pass phrase and code give the screen back too, and everything
// says that nothing was signed.
func TestMandatByCode(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	secret := w.addApplication(nadia)
	nadia = visitor.New(t)
	used := w.code(secret, 0)
	nadia.Open(w.relais+"/connexion").Click("par-code").Fill("courriel", w.emailOf("nadia")).Fill("phrase", phraseOfNadia).
		Fill("code", used).Submit("/connexion/code").MustBeAt("/guichet")
	id := w.giveUntilBack(nadia)
	nadia.Fill("phrase", phraseOfNadia).Fill("code", used).Submit("/tour/reprise/code").MustStatus(http.StatusUnprocessableEntity)
	nadia.Fill("phrase", phraseOfNadia).Fill("code", w.code(secret, 30*time.Second)).Submit("/tour/reprise/code").MustBeAt("/mandats/" + id + "/acceptation")
	nadia.Submit("/acceptation").MustBeAt("/mandats/" + id)
	m, err := w.d.store.Mandat(t.Context(), w.structureOf("nadia"), id)
	if err != nil {
		t.Fatal(err)
	}
	code, out := w.verb("mandat", "verify", m.Number)
	if code != 0 || !strings.Contains(out, "rien n’est signé de sa main") || !strings.Contains(out, "aucune signature ne le prouve") || strings.Contains(out, "La preuve tient.") {
		t.Errorf("verify: %d\n%s", code, out)
	}
}

// TestLockedOutByCode: whoever guesses at an account closes its codes, and neither
// the account's passkey nor the colleagues behind the same address.
func TestLockedOutByCode(t *testing.T) {
	w := newWorld(t, config.SQLite)
	nadia := w.agent("nadia")
	x := w.addPasskey(nadia)
	secret := w.addApplication(nadia)
	stranger := visitor.New(t)
	try := func(email, phrase, code string) *visitor.Visitor {
		return stranger.Post(w.relais+"/connexion/code", url.Values{"courriel": {email}, "phrase": {phrase}, "code": {code}})
	}
	for range 10 {
		try(w.emailOf("nadia"), "une phrase au hasard", "000000").MustStatus(http.StatusUnprocessableEntity)
	}
	if try(w.emailOf("nadia"), phraseOfNadia, w.code(secret, 0)).MustStatus(http.StatusTooManyRequests); stranger.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for range 11 { // an account that does not exist answers as the others do
		try("personne@ccas.example", "une phrase au hasard", "000000")
	}
	stranger.MustStatus(http.StatusTooManyRequests)
	try(w.emailOf("julien"), "une phrase au hasard", "000000").MustStatus(http.StatusUnprocessableEntity)
	w.byPasskey(visitor.New(t), x).MustBeAt("/guichet")
}

// TestEnrolmentSessionReachesNothing but enrolment, and ends with it.
func TestEnrolmentSessionReachesNothing(t *testing.T) {
	w := newWorld(t, config.SQLite)
	v := visitor.New(t)
	w.enrolling(v, "nadia")
	w.agent("nadia") // a session that somebody else may hold
	for _, path := range []string{"/guichet", "/mandats", "/compte", "/compte/facteurs/codes", confirmPath} {
		v.Open(w.relais + path).MustStatus(http.StatusForbidden).MustSee("Enregistrez d’abord un facteur")
	}
	v.Open(w.relais + "/").MustBeAt("/compte/facteurs")
	v.Open(w.relais + "/connexion?retour=/mandats").MustBeAt("/compte/facteurs")
	w.addPasskey(v)
	v.MustBeAt("/connexion").MustSee("Votre clé d’accès est enregistrée")
	if n := len(w.sessionsOf("nadia")); n != 0 {
		t.Errorf("%d sessions outlive the enrolment", n)
	}
	w.enrolling(v, "nadia")
	for _, s := range w.sessionsOf("nadia") {
		if !s.Ended(time.Now().Add(aidant.EnrolmentLife), time.Hour, 12*time.Hour) {
			t.Error("an enrolment session lasts longer than a quarter of an hour")
		}
	}
	v.Post(w.relais+"/deconnexion", url.Values{}).MustBeAt("/deconnexion/retour")
}

// TestFactorChangeEndsSessions, and is told on the account's page.
func TestFactorChangeEndsSessions(t *testing.T) {
	w := newWorld(t, config.SQLite)
	here, elsewhere := w.agent("nadia"), w.agent("nadia")
	w.addPasskey(here)
	here.Open(w.relais + "/compte").MustStatus(http.StatusOK).MustSee("Une clé d’accès a été ajoutée.")
	elsewhere.Open(w.relais + "/guichet").MustBeAt("/connexion")
	w.aged("nadia", time.Hour) // and none is changed by a session left open
	for _, path := range []string{"/compte/facteurs/cle", "/compte/facteurs/application"} {
		here.Open(w.relais + path).MustBeAt(confirmPath)
	}
	here.Post(w.relais+"/compte/facteurs/application", url.Values{"phrase": {phraseOfNadia}}).MustBeAt(confirmPath)
	here.Post(w.relais+"/compte/facteurs/codes", url.Values{}).MustBeAt(confirmPath)
}

// proving meets the pages of agents' own factors.
func (a *album) proving() {
	w, v := a.w, a.agent("julien")
	for _, path := range []string{"/compte/facteurs", "/compte/facteurs/cle", "/compte/facteurs/rien/supprimer"} {
		v.Open(w.relais + path)
	}
	x := w.addPasskey(v)
	v.Open(w.relais + "/compte/facteurs").Click("supprimer-0")
	v.Open(w.relais + "/compte/facteurs/application").Submit("/compte/facteurs/application").MustStatus(http.StatusUnprocessableEntity)
	secret := w.addApplication(v)
	v.Open(w.relais + "/compte/facteurs").Click("creer-codes").MustSee("Vos codes de secours")
	v.Open(w.relais + "/compte/facteurs/codes").MustStatus(http.StatusNotFound)
	v.Open(w.relais + "/compte/facteurs").Click("ajouter-application")
	v.Open(w.relais + "/compte")
	in := a.person("par clé d’accès")
	w.byPasskey(in, x).MustBeAt("/guichet")
	in.Open(w.relais + confirmPath).Submit("/connexion/confirmer/code").MustStatus(http.StatusUnprocessableEntity)
	id := w.draft(in, logement())
	in.Open(w.relais + "/mandats/" + id).Submit("/confier").Open(w.relais + "/tour/fin").Click("reprendre").MustBeAt("/tour/reprise")
	in.Submit("/tour/reprise/code").MustStatus(http.StatusUnprocessableEntity)
	in.Post(w.relais+"/tour/reprise/cle", url.Values{}).MustStatus(http.StatusForbidden)
	x.Count = 1
	copied := a.person("copie")
	w.byPasskey(copied, x).MustStatus(http.StatusForbidden)
	out := a.person("par code")
	out.Open(w.relais + "/connexion/code").Submit("/connexion/code").MustStatus(http.StatusUnprocessableEntity)
	out.Open(w.relais + "/connexion/secours").Submit("/connexion/secours").MustStatus(http.StatusUnprocessableEntity)
	out.Open(w.relais+"/connexion/code").Fill("courriel", w.emailOf("julien")).Fill("phrase", phraseOfNadia).Fill("code", w.code(secret, 0)).Submit("/connexion/code").MustBeAt("/guichet")
	out.Open(w.relais + "/compte/facteurs")
	w.enrolling(a.person("enrôlement"), "julien")
}

// playFactors plays every route by which an agent's own factors change or serve.
func (w *world) playFactors() {
	w.t.Helper()
	nadia := w.agent("nadia")
	x, secret := w.addPasskey(nadia), w.addApplication(nadia)
	code := nadia.Open(w.relais + "/compte/facteurs").Click("creer-codes").Match(`<code>([0-9A-Z-]{19})</code>`)
	in := visitor.New(w.t)
	w.byPasskey(in, x).MustBeAt("/guichet")
	in.Post(w.relais+"/connexion/confirmer/defi", url.Values{})
	in.Post(w.relais+"/connexion/confirmer/cle", url.Values{"reponse": {x.Get(w.t, []byte(in.Body))}}).MustBeAt("/guichet")
	in.Open(w.relais+confirmPath).Fill("phrase", phraseOfNadia).Fill("code", w.code(secret, 0)).Submit("/connexion/confirmer/code").MustBeAt("/guichet")
	w.giveUntilBack(in)
	in.Fill("phrase", phraseOfNadia).Fill("code", code).Submit("/tour/reprise/code").MustBeAt("/mandats/")
	w.giveUntilBack(in)
	in.Post(w.relais+"/tour/reprise/defi", url.Values{})
	in.Post(w.relais+"/tour/reprise/cle", url.Values{"reponse": {x.Get(w.t, []byte(in.Body))}}).MustBeAt("/mandats/")
	visitor.New(w.t).Open(w.relais+"/connexion/code").Fill("courriel", w.emailOf("nadia")).Fill("phrase", phraseOfNadia).
		Fill("code", w.code(secret, 30*time.Second)).Submit("/connexion/code").MustBeAt("/guichet")
	in.Open(w.relais + "/compte/facteurs").Click("supprimer-1").Click("supprimer").MustBeAt("/compte/facteurs")
	monique := w.agent("monique")
	w.addPasskey(monique)
	code = monique.Open(w.relais + "/compte/facteurs").Click("creer-codes").Match(`<code>([0-9A-Z-]{19})</code>`)
	visitor.New(w.t).Open(w.relais+"/connexion").Click("par-secours").Fill("courriel", w.emailOf("monique")).Fill("code", strings.ToLower(code)).
		Submit("/connexion/secours").MustBeAt("/compte/facteurs")
}
