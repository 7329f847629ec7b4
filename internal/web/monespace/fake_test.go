package monespace_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/desk"
	"relais/internal/web/monespace"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
	"relais/ui"
	"relais/ui/actes"
)

const (
	uhoh = pagecheck.Uhoh
	id   = "m1"
)

var (
	start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	camil = aidant.Aidant{ID: "a1", OrganisationID: "o1", Sub: "sub-a1", Email: "camille@exemple.fr", GivenName: "Camille", UsualName: uhoh, Roles: []aidant.Role{aidant.RoleAidant}}
	house = organisation.Organisation{ID: "o1", Name: "Maison " + uhoh, SIRET: "13002526500013", Address: "1 place", Postcode: "25300",
		City: "Pontarlier", Telephone: "03 81 00 00 00", Timezone: "Europe/Paris"}
	jeanne = identite.Pivot{FamilyName: "MARTIN " + uhoh, GivenName: "Jeanne", Gender: "female", Birthdate: "1948-03-00", Birthplace: "25462", Birthcountry: identite.France}
)

// screen is an entrusted screen: the desk on a mux, over a store, a session and
// providers in memory.
type screen struct {
	*testing.T
	mux     *http.ServeMux
	desk    *monespace.Desk
	recueil *acte.Recueil
	m       mandat.Mandat
	dossier acte.Dossier
	old     []mandat.Replacement
	facts   []journal.Fact
	keys    []string
	jar     map[string][]byte
	flashes []string
	session aidant.Session
	usager  login.Usager
	failure error  // of FinishUsager
	left    string // the id_token that comes with the failure, or ""
	down    error  // of Keys
	hubDown error  // of LogoutUsagerURL
	saves   error  // of IdentifyUsager
	asked   login.StartAgent
	setID   string
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	s := &screen{T: t, mux: http.NewServeMux(), jar: map[string][]byte{}, session: aidant.Session{Ref: "s1", AidantID: "a1", OrganisationID: "o1", Entrusted: id}}
	now := func() time.Time { return start }
	pages, err := page.New(ui.FS, page.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if s.recueil, err = acte.Open(actes.FS); err != nil {
		t.Fatal(err)
	}
	s.desk = &monespace.Desk{Pages: pages, Mandats: s, Evidence: s, People: s, Login: s, Sessions: s, Recueil: s.recueil, Log: slog.New(slog.DiscardHandler), Now: now}
	for _, rt := range s.desk.Routes() {
		s.mux.HandleFunc(rt.Pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, rt.Handle) })
	}
	s.entrust()
	return s
}

func (s *screen) serve(w http.ResponseWriter, r *http.Request, handle desk.Handler) {
	v := desk.Visit{Aidant: camil, Organisation: house, Session: s.session}
	err := handle(w, r.WithContext(desk.WithVisit(r.Context(), v)))
	if err == nil {
		return
	}
	status := http.StatusInternalServerError
	var problem *desk.Problem
	if errors.As(err, &problem) {
		status = problem.Status
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(err.Error()))
}

// entrust opens a draft and hands it over.
func (s *screen) entrust() {
	s.Helper()
	m, _, err := mandat.Draft(id, mandat.NewNumber(), house, mandat.Plan{
		Autorisations: []mandat.Autorisation{{Domaine: "famille", Demarches: []string{"bourse"}}},
		Aidants:       []string{"a1"}, Duration: mandat.Duration{Days: 31}, Capacity: mandat.CapacityFull}, camil.Actor(""), start)
	if err != nil {
		s.Fatal(err)
	}
	text, ends, err := redaction.Compose(s.recueil, house, []aidant.Aidant{camil}, m, nil, start)
	if err != nil {
		s.Fatal(err)
	}
	if s.m, _, err = m.Entrust(text, nil, ends, camil.Actor(""), start); err != nil {
		s.Fatal(err)
	}
	s.comesBack(jeanne, "la-poste")
}

// comesBack prepares what FranceConnect says for the text of now.
func (s *screen) comesBack(p identite.Pivot, idp string) {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		s.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		s.Fatal(err)
	}
	sign := func(claims map[string]any) string {
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			s.Fatal(err)
		}
		return token
	}
	token := sign(map[string]any{"iss": "https://fc", "aud": "relais", "sub": "fc-1", "iat": start.Unix(), "nonce": s.m.Texte.Nonce()})
	s.usager = login.Usager{
		Proof: acte.Proof{Issuer: "https://fc", ClientID: "relais", Salt: s.m.Texte.Salt, IDToken: token, JWKS: jwks}, LogoutHint: token,
		Userinfo: sign(map[string]any{"sub": "fc-1", "idp_id": idp, "email": "jeanne@exemple.fr", "family_name": p.FamilyName, "given_name": p.GivenName,
			"gender": p.Gender, "birthdate": p.Birthdate, "birthplace": p.Birthplace, "birthcountry": p.Birthcountry}),
		Identified: mandat.Identified{Pivot: p, IDP: idp, OwnIDP: "relais-idp", ACR: "eidas1", JWKS: acte.KeysDigest(jwks)},
	}
}

func (s *screen) Mandat(_ context.Context, _, want string) (mandat.Mandat, error) {
	if want == "old" {
		return mandat.Mandat{ID: "old", EndsAt: start.AddDate(0, 3, 0)}, nil
	}
	if want != id {
		return mandat.Mandat{}, mandat.ErrNotFound
	}
	return s.m, nil
}

func (s *screen) keep(m mandat.Mandat, fact journal.Fact, err error) (mandat.Mandat, error) {
	if !fact.IsZero() {
		s.facts = append(s.facts, fact)
	}
	if err == nil {
		s.m = m
	}
	return m, err
}

func (s *screen) ChangeMandat(_ context.Context, _, _ string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	return s.keep(t(s.m))
}

func (s *screen) EntrustScreen(_ context.Context, _, _, _ string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	return s.keep(t(s.m))
}

func (s *screen) TakeBack(_ context.Context, old string, renewed aidant.Session, _ string, proof acte.Proof, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	if old != s.session.Ref || renewed.Entrusted != "" || renewed.Ref == old {
		s.Error("the session is not renewed")
	}
	s.dossier.Aidant, s.session = proof, renewed
	return s.keep(t(s.m))
}

func (s *screen) Overlaps(context.Context, string, string, []string, time.Time) ([]mandat.Replacement, error) {
	return s.old, nil
}

func (s *screen) CommitKeys(_ context.Context, _, digest string) error {
	s.keys = append(s.keys, digest)
	return nil
}

func (s *screen) IdentifyUsager(_ context.Context, _, _ string, d acte.Dossier, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	if s.saves != nil {
		return mandat.Mandat{}, s.saves
	}
	m, err := s.keep(t(s.m))
	if err == nil {
		s.dossier = d
	}
	return m, err
}

func (s *screen) DraftDossier(context.Context, string, string) (acte.Dossier, error) {
	return s.dossier, nil
}

func (s *screen) Append(_ context.Context, facts ...journal.Fact) error {
	s.facts = append(s.facts, facts...)
	return nil
}

func (s *screen) Aidants(context.Context, string) ([]aidant.Aidant, error) {
	return []aidant.Aidant{camil}, nil
}

func (s *screen) Keys(_ context.Context, which login.Which) ([]byte, string, error) {
	return []byte(which), "https://" + string(which), s.down
}

func (s *screen) StartUsager(_ context.Context, nonce, mandatID string) (login.Start, error) {
	return login.Start{URL: "https://fc/authorize?nonce=" + nonce, State: login.Pending{MandatID: mandatID, Nonce: nonce}}, nil
}

func (s *screen) FinishUsager(context.Context, login.Pending, url.Values) (login.Usager, error) {
	if s.failure != nil {
		return login.Usager{Proof: s.usager.Proof, LogoutHint: s.left}, s.failure
	}
	return s.usager, nil
}

func (s *screen) LogoutUsagerURL(_ context.Context, hint, state string) (string, error) {
	if hint == "" || len(state) < 32 {
		s.Error("a logout without id_token or state")
	}
	return "https://fc/session/end?state=" + state, s.hubDown
}

func (s *screen) StartAgent(_ context.Context, ask login.StartAgent) (login.Start, error) {
	s.asked = ask
	return login.Start{URL: "https://pc/authorize", State: login.Pending{MandatID: ask.MandatID, Nonce: ask.Nonce, Salt: ask.Salt}}, nil
}

func (s *screen) Put(_ http.ResponseWriter, name string, v any, _ time.Duration) (err error) {
	s.jar[name], err = json.Marshal(v)
	return err
}

func (s *screen) Take(_ http.ResponseWriter, _ *http.Request, name string, v any) error {
	value, ok := s.jar[name]
	if !ok {
		return http.ErrNoCookie
	}
	delete(s.jar, name)
	return json.Unmarshal(value, v)
}

func (s *screen) Renew(old aidant.Session) (aidant.Session, string) {
	old.Ref = "s2"
	return old, "fresh"
}

func (s *screen) SetID(_ http.ResponseWriter, id string) { s.setID = id }

func (s *screen) Flash(_ http.ResponseWriter, kind, text string) error {
	s.flashes = append(s.flashes, kind+": "+text)
	return nil
}

// see opens a page: to is the address of a redirection, or "".
func (s *screen) see(path string, status int, to string) string {
	s.Helper()
	return s.ask(httptest.NewRequest(http.MethodGet, path, nil), status, to)
}

func (s *screen) post(path string, status int, to string, pairs ...string) string {
	s.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		form.Set(pair[0], pair[1])
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.ask(r, status, to)
}

func (s *screen) ask(r *http.Request, status int, to string) string {
	s.Helper()
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	got := w.Header().Get("Location")
	if w.Code != status || (to != got && (to == "" || !strings.HasPrefix(got, to) || !strings.HasSuffix(to, "="))) {
		s.Fatalf("%s %s: %d to %q, want %d to %q: %.300s", r.Method, r.URL.Path, w.Code, got, status, to, w.Body)
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && to == "" {
		pagecheck.Check(s.T, r.URL.Path, w.Body.String())
		if strings.Contains(w.Body.String(), "camille@") {
			s.Errorf("%s shows an agent's e-mail", r.URL.Path)
		}
	}
	if got != "" {
		return got
	}
	return w.Body.String()
}

func (s *screen) outcomes(a journal.Action) (ok, denied int) {
	for _, f := range s.facts {
		if f.Action() == a && f.Outcome() == journal.OK {
			ok++
		} else if f.Action() == a {
			denied++
		}
	}
	return ok, denied
}
