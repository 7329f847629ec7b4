package guichet_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/testkit/pagecheck"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/guichet"
	"relais/internal/web/page"
	"relais/ui"
	"relais/ui/actes"
)

const uhoh = pagecheck.Uhoh

var (
	start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	camil = aidant.Aidant{ID: "a1", OrganisationID: "o1", Sub: "sub-a1", GivenName: "Camille", UsualName: uhoh, Roles: []aidant.Role{aidant.RoleAidant}}
	sacha = aidant.Aidant{ID: "a2", OrganisationID: "o1", Sub: "sub-a2", GivenName: "Sacha", UsualName: "Petit", Roles: []aidant.Role{aidant.RoleAidant}}
	house = organisation.Organisation{ID: "o1", Name: "Maison " + uhoh, SIRET: "13002526500013", Address: "1 place", Postcode: "25300",
		City: "Pontarlier", Telephone: "03 81 00 00 00", Timezone: "Europe/Paris"}
	jeanne = identite.Pivot{FamilyName: "MARTIN" + uhoh, GivenName: "Jeanne", Gender: "female", Birthdate: "1948-03-00", Birthplace: "25462", Birthcountry: identite.France}
)

// fake is a store in memory.
type fake struct {
	facteurs facteur.Facteurs
	searched string
	mandats  map[string]mandat.Mandat
	dossier  acte.Dossier
	facts    []journal.Fact
	flashes  []string
	overlap  []mandat.Replacement
	found    []usager.File
}

func (f *fake) Mandat(_ context.Context, o, id string) (mandat.Mandat, error) {
	if m, ok := f.mandats[id]; ok && m.OrganisationID == o {
		return m, nil
	}
	return mandat.Mandat{}, mandat.ErrNotFound
}

func (f *fake) file(m mandat.Mandat) usager.File {
	return usager.File{Usager: usager.Usager{ID: "u1", Identite: jeanne}, Mandats: []mandat.Mandat{m}}
}

func (f *fake) Mandats(_ context.Context, _ string, q mandat.Filter) ([]usager.File, string, error) {
	var files []usager.File
	for _, m := range f.mandats {
		if q.Status == "" || q.Status == m.State {
			files = append(files, f.file(m))
		}
	}
	return files, "suivant", nil
}

func (f *fake) keep(m mandat.Mandat, fact journal.Fact, err error) (mandat.Mandat, error) {
	if !fact.IsZero() {
		f.facts = append(f.facts, fact)
	}
	if err == nil {
		m.Rev++
		f.mandats[m.ID] = m
	}
	return m, err
}

func (f *fake) Draft(_ context.Context, open func() (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	return f.keep(open())
}

func (f *fake) ChangeMandat(ctx context.Context, o, id string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	m, err := f.Mandat(ctx, o, id)
	if err != nil {
		return m, err
	}
	return f.keep(t(m))
}

func (f *fake) EntrustScreen(ctx context.Context, _, o, id string, t func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	return f.ChangeMandat(ctx, o, id, t)
}

func (f *fake) DraftDossier(context.Context, string, string) (acte.Dossier, error) {
	return f.dossier, nil
}

func (f *fake) SignMandat(ctx context.Context, o, id string, _ acte.Attested, t func(mandat.Mandat, string, []mandat.Replacement, string) (mandat.Mandat, journal.Fact, error), _ func(mandat.Mandat, string) (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	m, err := f.Mandat(ctx, o, id)
	if err != nil {
		return m, err
	}
	return f.keep(t(m, "u1", f.overlap, "abc"))
}

func (f *fake) Dossier(context.Context, string) (acte.Dossier, []byte, usager.Usager, error) {
	return f.dossier, nil, usager.Usager{ID: "u1", Identite: jeanne}, nil
}

func (f *fake) SearchUsagers(context.Context, string, identite.Query, int) ([]usager.File, error) {
	return f.found, nil
}

func (f *fake) Usager(context.Context, string, string) (usager.File, error) {
	return f.file(mandat.Mandat{}), nil
}

func (f *fake) Aidants(context.Context, string) ([]aidant.Aidant, error) {
	return []aidant.Aidant{camil, sacha}, nil
}

func (f *fake) Append(_ context.Context, facts ...journal.Fact) error {
	f.facts = append(f.facts, facts...)
	return nil
}

func (f *fake) MandatEntries(_ context.Context, id string) ([]journal.Record, error) {
	var all []journal.Record
	for _, fact := range f.facts {
		if fact.Stream() != id {
			continue
		}
		body, err := journal.Entry{ID: "e", At: start, Fact: fact, StreamSeq: int64(len(all) + 1)}.Canonical()
		if err != nil {
			return nil, err
		}
		r, err := journal.Parse(body)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func (f *fake) Put(_ http.ResponseWriter, _ string, v any, _ time.Duration) error {
	f.searched = v.(string)
	return nil
}

func (f *fake) Peek(_ *http.Request, _ string, v any) error {
	if f.searched == "" {
		return http.ErrNoCookie
	}
	*v.(*string) = f.searched
	return nil
}

func (f *fake) Flash(_ http.ResponseWriter, kind, text string) error {
	f.flashes = append(f.flashes, kind+": "+text)
	return nil
}

// house of the tests: the desk on a mux, without the accesses of package web.
type counter struct {
	*testing.T
	*fake
	mux *http.ServeMux
	as  aidant.Aidant
	now time.Time
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{T: t, fake: &fake{mandats: map[string]mandat.Mandat{}}, mux: http.NewServeMux(), as: camil, now: start}
	pages, err := page.New(ui.FS, page.Options{Now: func() time.Time { return c.now }})
	if err != nil {
		t.Fatal(err)
	}
	recueil, err := acte.Open(actes.FS)
	if err != nil {
		t.Fatal(err)
	}
	d := &guichet.Desk{Pages: pages, Mandats: c.fake, Signatures: c.fake, People: c.fake, Journal: c.fake, Facteurs: c.fake, Sessions: c.fake,
		Recueil: recueil, Now: func() time.Time { return c.now }}
	for _, rt := range d.Routes() {
		c.mux.HandleFunc(rt.Pattern, func(w http.ResponseWriter, r *http.Request) {
			v := desk.Visit{Aidant: c.as, Organisation: house, Session: aidant.Session{Ref: "s1", Auth: "proconnect:eidas1-mfa"}}
			if err := rt.Handle(w, r.WithContext(desk.WithVisit(r.Context(), v))); err != nil {
				answer(w, err)
			}
		})
	}
	return c
}

// answer stands for package web's table of errors.
func answer(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var problem *desk.Problem
	switch {
	case errors.As(err, &problem):
		status = problem.Status
	case errors.Is(err, mandat.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, mandat.ErrState), errors.Is(err, mandat.ErrStale), errors.Is(err, mandat.ErrEnded):
		status = http.StatusConflict
	case errors.Is(err, page.ErrFormRepeated), errors.Is(err, page.ErrFormMalformed):
		status = http.StatusBadRequest
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(err.Error()))
}

func (c *counter) get(path string, status int) string {
	c.Helper()
	w := httptest.NewRecorder()
	c.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != status {
		c.Fatalf("GET %s: %d, want %d: %.300s", path, w.Code, status, w.Body)
	}
	if w.Code == http.StatusOK {
		pagecheck.Check(c.T, path, w.Body.String())
	}
	return w.Body.String()
}

// post sends a form; to is the address of the redirection, or "".
func (c *counter) post(path string, form url.Values, status int, to string) string {
	c.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.mux.ServeHTTP(w, r)
	if w.Code != status || w.Header().Get("Location") != to {
		c.Fatalf("POST %s: %d to %q, want %d to %q: %.400s", path, w.Code, w.Header().Get("Location"), status, to, w.Body)
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && status != http.StatusSeeOther {
		pagecheck.Check(c.T, path, w.Body.String())
	}
	return w.Body.String()
}

// evidence makes a dossier that holds for a text.
func evidence(t *testing.T, text acte.Texte, sub string) acte.Dossier {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(claims map[string]any) string {
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	login := func(sub string, salt []byte) acte.Proof {
		return acte.Proof{Issuer: "https://idp", ClientID: "relais", Salt: salt, JWKS: jwks, IDToken: sign(map[string]any{
			"iss": "https://idp", "aud": "relais", "sub": sub, "iat": start.Unix(), "nonce": acte.Digest(salt, text.Body)})}
	}
	return acte.Dossier{Texte: text, Usager: login("fc-1", text.Salt), Aidant: login(sub, acte.NewSalt()),
		Userinfo: sign(map[string]any{"sub": "fc-1", "idp_id": "other", "family_name": jeanne.FamilyName, "given_name": jeanne.GivenName,
			"gender": "female", "birthdate": "1948-03-00", "birthplace": "25462", "birthcountry": identite.France})}
}

func (f *fake) Facteurs(context.Context, string) (facteur.Facteurs, error) { return f.facteurs, nil }
