package monespace_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"relais/internal/acte"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/mandat"
)

// goes sends the usager to FranceConnect and back, up to the end of its logout.
func (s *screen) goes(status int, to string) string {
	s.Helper()
	s.post("/tour/identification", http.StatusOK, "")
	out := s.see("/identification/retour?code=c&state=s", http.StatusSeeOther, "https://fc/session/end?state=")
	return s.see(back(s.T, out), status, to)
}

// back is where FranceConnect sends a logged-out usager.
func back(t *testing.T, out string) string {
	t.Helper()
	u, err := url.Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	return "/identification/deconnecte?state=" + u.Query().Get("state")
}

func (s *screen) confirmed() {
	s.Helper()
	s.goes(http.StatusSeeOther, "/tour/identite")
	s.post("/tour/identite", http.StatusSeeOther, "/tour/mandat", "decision", "oui", "courriel_sur", "oui")
}

func TestTheUsagerGives(t *testing.T) {
	s := newScreen(t)
	s.see("/tour", http.StatusOK, "")
	s.see("/tour/mandat", http.StatusSeeOther, "/tour")
	body := s.post("/tour/identification", http.StatusOK, "")
	if !strings.Contains(body, s.m.Texte.Nonce()) {
		t.Error("the login does not carry the digest of the text")
	}
	if len(s.keys) != 1 || s.keys[0] != acte.KeysDigest([]byte(login.FranceConnect)) {
		t.Errorf("keys committed before the login: %v", s.keys)
	}
	out := s.see("/identification/retour?code=c&state=s", http.StatusSeeOther, "https://fc/session/end?state=")
	s.see("/identification/deconnecte?state=wrong", http.StatusBadRequest, "")
	s.see(back(t, out), http.StatusSeeOther, "/tour/identite") // reloaded: the store knows the step
	if body := s.see("/tour/identite", http.StatusOK, ""); !strings.Contains(body, "mars 1948") || !strings.Contains(body, "jeanne@") {
		t.Error("name, birth date or address are missing")
	}
	s.post("/tour/identite", http.StatusUnprocessableEntity, "", "decision", "x")
	for range 2 {
		s.post("/tour/identite", http.StatusSeeOther, "/tour/mandat", "decision", "oui", "courriel_sur", "oui")
	}
	if body := s.see("/tour/mandat", http.StatusOK, ""); !strings.Contains(body, "Gratuité") || !strings.Contains(body, "Je préfère réfléchir") {
		t.Error("the text or a choice is missing")
	}
	s.post("/tour/mandat", http.StatusUnprocessableEntity, "")
	s.post("/tour/mandat", http.StatusSeeOther, "/tour/mandat", "decision", "donner", "empreinte", "of another text")
	for range 2 {
		s.post("/tour/mandat", http.StatusSeeOther, "/tour/fin", "decision", "donner", "empreinte", s.m.Texte.Nonce())
	}
	s.see("/tour/fin", http.StatusOK, "")
	for _, path := range []string{"/tour", "/tour/identite", "/tour/mandat", "/tour/remplacer"} {
		s.see(path, http.StatusSeeOther, "/tour/fin")
	}
	s.post("/tour/mandat", http.StatusSeeOther, "/tour/fin", "decision", "reflechir")
	s.post("/tour/identification", http.StatusSeeOther, "/tour/fin")
	if gives, _ := s.outcomes(journal.MandatGive); gives != 1 || !s.m.Signature.EmailSafe {
		t.Errorf("given %d times", gives)
	}
	if confirms, _ := s.outcomes(journal.MandatConfirm); confirms != 1 {
		t.Errorf("confirmed %d times", confirms)
	}
}

func TestNotMeAndThinking(t *testing.T) {
	s := newScreen(t)
	s.goes(http.StatusSeeOther, "/tour/identite")
	s.post("/tour/identite", http.StatusSeeOther, "/tour", "decision", "non")
	s.confirmed()
	for range 2 {
		s.post("/tour/mandat", http.StatusSeeOther, "/tour/fin", "decision", "reflechir")
	}
	s.see("/tour/fin", http.StatusOK, "")
	if n, _ := s.outcomes(journal.MandatDecline); n != 1 || s.m.State != mandat.Brouillon {
		t.Errorf("declined %d times, %s", n, s.m.State)
	}
}

func TestRefusals(t *testing.T) {
	young := jeanne
	young.Birthdate = "2010-00-00"
	broken := jeanne
	broken.Birthplace = ""
	for name, c := range map[string]struct {
		pivot identite.Pivot
		idp   string
		want  string
	}{
		"circle":     {jeanne, "relais-idp", "autre compte"},
		"minor":      {young, "la-poste", "18 ans"},
		"incomplete": {broken, "la-poste", "incomplète"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(t)
			s.comesBack(c.pivot, c.idp)
			if body := s.goes(http.StatusForbidden, ""); !strings.Contains(body, c.want) {
				t.Errorf("the page does not say %q", c.want)
			}
			if _, denied := s.outcomes(journal.MandatIdentify); denied != 1 || !s.m.Signature.IdentifiedAt.IsZero() {
				t.Errorf("%d refusals written", denied)
			}
			s.see("/tour", http.StatusOK, "")
		})
	}
}

func TestTextOfAnotherLogin(t *testing.T) {
	s := newScreen(t)
	s.usager.Proof.IDToken = s.usager.Userinfo // signed, but for no text
	s.goes(http.StatusConflict, "")
	if !s.m.Signature.IdentifiedAt.IsZero() {
		t.Error("identified")
	}
}

func TestAlwaysLoggedOut(t *testing.T) {
	s := newScreen(t)
	s.saves = errors.New("no database")
	s.goes(http.StatusInternalServerError, "")
	s = newScreen(t)
	s.hubDown = login.ErrDown
	s.post("/tour/identification", http.StatusOK, "")
	to := s.see("/identification/retour?code=c", http.StatusSeeOther, "/identification/deconnecte?state=")
	s.see(to, http.StatusSeeOther, "/tour/identite")
	if len(s.flashes) != 1 || !strings.HasPrefix(s.flashes[0], "warning") {
		t.Errorf("nothing says that FranceConnect stayed open: %v", s.flashes)
	}
}

func TestLoggedOutAfterAFailure(t *testing.T) {
	for err, status := range map[error]int{login.ErrSub: 400, login.ErrToken: 400, login.ErrStale: 400, login.ErrKeysChanged: 400,
		login.ErrDown: 503, errors.New("no database"): 500} {
		s := newScreen(t)
		s.failure, s.left = err, "id_token"
		if body := s.goes(status, ""); !strings.Contains(body, "Recommencer") {
			t.Errorf("%v: no way to start again", err)
		}
		if _, denied := s.outcomes(journal.MandatIdentify); denied != 1 || !s.m.Signature.IdentifiedAt.IsZero() {
			t.Errorf("%v: %d refusals written", err, denied)
		}
	}
}

func TestFailuresKeepTheDraft(t *testing.T) {
	for err, status := range map[error]int{login.ErrCancelled: 200, login.ErrExpired: 400, login.ErrDown: 503, login.ErrToken: 400,
		login.ErrKeysChanged: 400, login.ErrRefused{Code: "invalid_scope"}: 400} {
		s := newScreen(t)
		s.post("/tour/identification", http.StatusOK, "")
		s.failure = err
		if body := s.see("/identification/retour?error=x", status, ""); !strings.Contains(body, "Recommencer") {
			t.Errorf("%v: no way to start again", err)
		} else if strings.Contains(body, "fermez toutes les fenêtres") == errors.Is(err, login.ErrCancelled) {
			t.Errorf("%v: wrong advice on a FranceConnect left open", err)
		}
		if _, denied := s.outcomes(journal.MandatIdentify); denied != 1 || s.m.Texte.IsZero() {
			t.Errorf("%v: %d refusals written", err, denied)
		}
		s.see("/tour", http.StatusOK, "")
	}
	s := newScreen(t)
	s.see("/identification/retour?code=stolen&state=s", http.StatusBadRequest, "") // nothing is waiting here
	s.down = login.ErrDown
	s.post("/tour/identification", http.StatusServiceUnavailable, "")
	if len(s.facts) != 0 {
		t.Error("a callback that nobody asked for changed something")
	}
}

func TestOverlap(t *testing.T) {
	s := newScreen(t)
	s.old = []mandat.Replacement{{MandatID: "old", Number: "BCDFGHJKMPQR", Domaine: "famille"}}
	s.confirmed()
	s.see("/tour/mandat", http.StatusSeeOther, "/tour/remplacer")
	if body := s.see("/tour/remplacer", http.StatusOK, ""); !strings.Contains(body, "BCDF GHJK MPQR") || !strings.Contains(body, "21 février 2027") {
		t.Error("the older mandat is not shown")
	}
	s.post("/tour/mandat", http.StatusSeeOther, "/tour/remplacer", "decision", "donner", "empreinte", s.m.Texte.Nonce())
	s.post("/tour/remplacer", http.StatusSeeOther, "/tour/remplacer")
	before := s.m.Texte.Nonce()
	s.post("/tour/remplacer", http.StatusSeeOther, "/tour", "decision", "remplacer")
	if s.m.Texte.Nonce() == before || !strings.Contains(s.m.Texte.Body, "BCDF GHJK MPQR") || len(s.m.Replaces) != 1 {
		t.Error("the text does not say what it replaces")
	}
	s.see("/tour", http.StatusOK, "")
	s.comesBack(jeanne, "la-poste")
	s.confirmed()
	s.see("/tour/remplacer", http.StatusSeeOther, "/tour/mandat")
	s.see("/tour/mandat", http.StatusOK, "")
	s.post("/tour/mandat", http.StatusSeeOther, "/tour/fin", "decision", "donner", "empreinte", s.m.Texte.Nonce())

	s = newScreen(t)
	s.old = []mandat.Replacement{{MandatID: "old", Number: "BCDFGHJKMPQR", Domaine: "famille"}}
	s.confirmed()
	s.post("/tour/remplacer", http.StatusSeeOther, "/tour/fin", "decision", "garder")
}

// takes is ProConnect's callback, as the desk of the account hands it over.
func (s *screen) takes(p login.Pending, sub, acr string, status int, to string) {
	s.Helper()
	w := httptest.NewRecorder()
	a := login.Agent{AuthAt: start, Proof: acte.Proof{Issuer: "https://pc"}}
	a.Login.Sub, a.Login.ACR = sub, acr
	s.serve(w, httptest.NewRequest(http.MethodGet, "/connexion/retour", nil), func(w http.ResponseWriter, r *http.Request) error {
		return s.desk.TakeBack(w, r, p, a)
	})
	if w.Code != status || w.Header().Get("Location") != to {
		s.Fatalf("take back: %d to %q, want %d to %q: %s", w.Code, w.Header().Get("Location"), status, to, w.Body)
	}
}

func (s *screen) pending() login.Pending {
	s.Helper()
	s.post("/tour/reprendre", http.StatusOK, "")
	var p login.Pending
	if err := s.Take(nil, nil, "connexion", &p); err != nil {
		s.Fatal(err)
	}
	return p
}

func TestTakeBack(t *testing.T) {
	s := newScreen(t)
	s.confirmed()
	s.post("/tour/mandat", http.StatusSeeOther, "/tour/fin", "decision", "donner", "empreinte", s.m.Texte.Nonce())
	p := s.pending()
	if !s.asked.Force || s.asked.Nonce != acte.Digest(s.asked.Salt, s.m.Texte.Body) {
		t.Errorf("asked %+v", s.asked)
	}
	s.takes(p, "sub-other", "eidas1-mfa", http.StatusForbidden, "")
	s.takes(p, camil.Sub, "eidas1", http.StatusForbidden, "")
	other := p
	other.MandatID = "m2"
	s.takes(other, camil.Sub, "eidas1-mfa", http.StatusBadRequest, "")
	other = p
	other.Nonce = acte.Digest(p.Salt, "another text")
	s.takes(other, camil.Sub, "eidas1-mfa", http.StatusConflict, "")
	if _, denied := s.outcomes(journal.AccessRefuse); denied != 2 || s.setID != "" || s.session.Entrusted == "" {
		t.Errorf("%d refusals written, session %q", denied, s.setID)
	}
	s.takes(p, camil.Sub, "eidas1-mfa", http.StatusSeeOther, "/mandats/m1/acceptation")
	if s.setID != "fresh" || s.m.Signature.TakenBackAt.IsZero() || string(s.dossier.Aidant.Salt) != string(p.Salt) {
		t.Error("the screen is not back")
	}
	s.takes(p, camil.Sub, "eidas1-mfa", http.StatusSeeOther, "/guichet") // a second callback
	s.post("/tour/reprendre", http.StatusSeeOther, "/guichet")
}

func TestTakeBackBeforeAnything(t *testing.T) {
	s := newScreen(t)
	s.see("/tour/fin", http.StatusOK, "")
	s.down = login.ErrDown
	s.post("/tour/reprendre", http.StatusServiceUnavailable, "")
	s.down = nil
	p := s.pending()
	s.m, _, _ = s.m.Abandon(camil.Actor(""), time.Time{}) // by a colleague: the text goes too
	s.takes(p, camil.Sub, "eidas1-mfa", http.StatusConflict, "")
	s = newScreen(t)
	s.takes(s.pending(), camil.Sub, "eidas1-mfa", http.StatusSeeOther, "/mandats/m1")
}
