package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/testkit/visitor"
)

const directBack = "https://direct.example/retour"

// direct is a public service that comes without a hub.
func direct(cfg *config.Config) {
	cfg.Clients = append(cfg.Clients, config.Client{ClientID: "direct", ClientSecret: config.Secret(strings.Repeat("s", 40)), ClientName: "Service direct",
		RedirectURIs: []string{directBack}, Scope: "openid profile", TokenEndpointAuthMethod: config.AuthPost, IDTokenSignedResponseAlg: "ES256",
		Profile: config.ProfileStandard})
}

// goDirect sends a browser from the service to Relais and returns where it is sent
// next.
func (w *world) goDirect(v *visitor.Visitor, prompt string) *url.URL {
	w.t.Helper()
	q := url.Values{"client_id": {"direct"}, "response_type": {"code"}, "scope": {"openid profile"}, "redirect_uri": {directBack}, "state": {"s"}}
	if prompt != "" {
		q.Set("prompt", prompt)
	}
	a := w.send(v, http.MethodGet, "/authorize?"+q.Encode(), "", nil)
	to, err := url.Parse(a.header.Get("Location"))
	if a.status != http.StatusSeeOther || err != nil {
		w.t.Fatalf("authorize = %d %s", a.status, a.text())
	}
	return to
}

// chooseDirect comes from the service and chooses.
func (w *world) chooseDirect(v *visitor.Visitor, mandat string) {
	w.t.Helper()
	to := w.goDirect(v, "login")
	if a := w.postForm(v, to.Path, url.Values{"mandat": {mandat}, "domaine": {"logement"}}); a.status != 200 || !strings.Contains(a.body, "code=") {
		w.t.Fatalf("%s: %d %s", to, a.status, a.text())
	}
}

func (w *world) mustBeAsked(v *visitor.Visitor, when string) {
	w.t.Helper()
	if to := w.goDirect(v, "none"); to.Query().Get("error") != "login_required" || to.Query().Has("code") {
		w.t.Errorf("%s: prompt=none leads to %s", when, to)
	}
	if to := w.goDirect(v, ""); !strings.HasPrefix(to.Path, "/agir/") || to.Host != "" {
		w.t.Errorf("%s: answered without a page: %s", when, to)
	}
}

// TestDirectServiceReuses: a service of the standard profile is answered again
// without a page, each time by a use of the mandat, and never once anything
// behind the choice has changed.
func TestDirectServiceReuses(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine, direct)
			nadia := w.agent("nadia")
			g := w.give(nadia, "nadia", "perrin", logement())
			w.mustBeAsked(nadia, "before any choice")
			w.chooseDirect(nadia, g.id)
			uses := w.count(journal.DelegationUse)
			to := w.goDirect(nadia, "none")
			if !to.Query().Has("code") || !strings.HasPrefix(to.String(), directBack) || w.count(journal.DelegationUse) != uses+1 {
				t.Errorf("prompt=none leads to %s, %d uses written", to, w.count(journal.DelegationUse)-uses)
			}
			form := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {directBack},
				"client_id": {"direct"}, "client_secret": {strings.Repeat("s", 40)}}
			if a := w.send(nil, http.MethodPost, "/token", form.Encode(), nil); a.status != 200 {
				t.Errorf("token: %d %s", a.status, a.body)
			}
			w.mustBeAsked(visitor.New(t), "another browser")
			w.mustBeAsked(w.agent("nadia"), "another session of hers")

			if a := w.postForm(nadia, "/demarche/terminer", nil); a.status != 303 {
				t.Fatal(a.status)
			}
			w.mustBeAsked(nadia, "once the démarche is over")
			w.chooseDirect(nadia, g.id)
			if to := w.goDirect(nadia, ""); !to.Query().Has("code") {
				t.Errorf("after a new choice: %s", to)
			}
			w.revoke(nadia, g.id, "")
			w.mustBeAsked(nadia, "once the mandat is revoked")
			w.chooseDirect(nadia, w.give(nadia, "nadia", "perrin", logement()).id)
			if to := w.goDirect(nadia, ""); !to.Query().Has("code") {
				t.Errorf("under another mandat: %s", to)
			}
			draft := w.draft(nadia, logement())
			nadia.Open(w.relais + "/mandats/" + draft).Submit("/mandats/" + draft + "/confier").MustBeAt("/tour")
			w.mustBeAsked(nadia, "on an entrusted screen")
			w.checkJournal()
		})
	}
}
