package provider_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/provider"
	"relais/internal/usager"
)

// ledger keeps logins in memory, by the nouns' own transitions.
type ledger struct {
	mu      sync.Mutex
	now     func() time.Time
	logins  map[string]delegation.Login
	choices map[string]provider.Choice
	facts   []journal.Fact
	calls   map[string]int
	broken  error // what Redeem and Show fail with, when set
}

func (l *ledger) call(name string) func() {
	l.mu.Lock()
	l.calls[name]++
	return l.mu.Unlock
}

func (l *ledger) find(match func(delegation.Login) bool) (delegation.Login, error) {
	for _, login := range l.logins {
		if match(login) {
			return login, nil
		}
	}
	return delegation.Login{}, delegation.ErrNotFound
}

func (l *ledger) ByCode(_ context.Context, hash string) (delegation.Login, error) {
	defer l.call("ByCode")()
	return l.find(func(x delegation.Login) bool { return x.CodeHash == hash })
}

func (l *ledger) ByToken(_ context.Context, hash string) (delegation.Login, error) {
	defer l.call("ByToken")()
	return l.find(func(x delegation.Login) bool { return x.TokenHash == hash })
}

func (l *ledger) Redeem(_ context.Context, hash string, t delegation.Token) error {
	defer l.call("Redeem")()
	if l.broken != nil {
		return l.broken
	}
	login, err := l.find(func(x delegation.Login) bool { return x.CodeHash == hash })
	if err != nil {
		return err
	}
	next, fact, err := login.Redeem(t, l.now())
	l.logins[login.ID] = next
	l.facts = append(l.facts, fact)
	return err
}

func (l *ledger) Show(_ context.Context, hash string) (delegation.Identity, error) {
	defer l.call("Show")()
	if l.broken != nil {
		return delegation.Identity{}, l.broken
	}
	login, err := l.find(func(x delegation.Login) bool { return x.TokenHash == hash })
	if err != nil {
		return delegation.Identity{}, err
	}
	c := l.choices[login.ID]
	fact, err := login.Show(c.Mandat, l.now())
	l.facts = append(l.facts, fact)
	return delegation.Identity{Login: login, Usager: c.Usager, Mandat: c.Mandat, Aidant: c.Aidant, Organisation: c.Organisation}, err
}

func (l *ledger) Inspect(_ context.Context, hash string, by journal.Actor) (delegation.Identity, error) {
	defer l.call("Inspect")()
	login, err := l.find(func(x delegation.Login) bool { return x.TokenHash == hash })
	if err != nil {
		return delegation.Identity{}, err
	}
	c := l.choices[login.ID]
	fact, err := login.Inspect(by, c.Mandat, l.now())
	l.facts = append(l.facts, fact)
	return delegation.Identity{Login: login, Usager: c.Usager, Mandat: c.Mandat, Aidant: c.Aidant, Organisation: c.Organisation}, err
}

func (l *ledger) Stop(_ context.Context, id string, by journal.Actor, reason string, ended bool) error {
	defer l.call("Stop")()
	login, ok := l.logins[id]
	if !ok {
		return delegation.ErrNotFound
	}
	next, fact := login.Revoke(by, reason, l.now())
	if ended {
		next, fact = login.End(by, reason, l.now())
	}
	l.logins[id] = next
	l.facts = append(l.facts, fact)
	return nil
}

func (l *ledger) Append(_ context.Context, facts ...journal.Fact) error {
	defer l.call("Append")()
	l.facts = append(l.facts, facts...)
	return nil
}

func (l *ledger) record(c provider.Choice) func(context.Context, delegation.Login) error {
	return func(_ context.Context, login delegation.Login) error {
		defer l.call("Use")()
		if l.broken != nil {
			return l.broken
		}
		if _, ok := l.logins[login.ID]; ok {
			return delegation.ErrMade
		}
		l.logins[login.ID], l.choices[login.ID] = login, c
		return nil
	}
}

func (l *ledger) reasons() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, f := range l.facts {
		all = append(all, string(f.Action())+":"+f.Reason())
	}
	return strings.Join(all, " ")
}

func (l *ledger) count(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls[name]
}

func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

// sealer is AES-256-GCM, with the purpose as additional data.
type sealer struct{ aead cipher.AEAD }

func newSealer(t testing.TB) sealer {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return sealer{aead}
}

func (s sealer) SealShort(purpose string, plain []byte) (string, error) {
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(purpose))), nil
}

func (s sealer) RevealShort(purpose, text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 12 {
		return nil, errors.New("sealed")
	}
	return s.aead.Open(nil, b[:12], b[12:], []byte(purpose))
}

// house is a provider with its desk, on real HTTP.
type house struct {
	t      testing.TB
	p      *provider.Provider
	l      *ledger
	keys   provider.Keys
	url    string
	mu     sync.Mutex
	offset time.Duration
	choice provider.Choice
	gone   bool // the aidant's session ended
	asked  []string
	wait   time.Duration // what MayAct answers
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.offset)
}

func (h *house) later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offset += d
}

var (
	keysOnce sync.Once
	testKeys provider.Keys
	keysErr  error
)

func newHouse(t testing.TB, change ...func(*provider.Options)) *house {
	t.Helper()
	keysOnce.Do(func() {
		list, err := provider.NewSigningKeys(time.Now().Add(-time.Hour))
		if keysErr = err; err == nil {
			testKeys, keysErr = provider.NewKeys(list)
		}
	})
	if keysErr != nil {
		t.Fatal(keysErr)
	}
	h := &house{t: t, keys: testKeys, choice: choice()}
	h.l = &ledger{now: h.now, logins: map[string]delegation.Login{}, choices: map[string]provider.Choice{}, calls: map[string]int{}}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	h.url = srv.URL
	o := provider.Options{
		Issuer: srv.URL, Clients: clients(), Keys: testKeys, Ledger: h.l, Recorder: h.l, Sealer: newSealer(t),
		Pseudonym: pseudonym, CourrielAbsent: "absent@relais.example", Now: h.now,
		Reuse: h, Inspector: h.l, Standing: h,
		ChoosePath: func(id string) string { return "/agir/" + id },
	}
	for _, f := range change {
		f(&o)
	}
	p, err := provider.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h.p = p
	mux.Handle("/", p.Handler())
	mux.HandleFunc("GET /agir/{id}", h.show)
	mux.HandleFunc("POST /agir/{id}", h.choose)
	mux.HandleFunc("POST /refuser/{id}", h.refuse)
	return h
}

func pseudonym(kind string, parts ...string) string {
	m := hmac.New(sha256.New, []byte("clé d'essai"))
	m.Write([]byte(kind + "\x00" + strings.Join(parts, "\x00")))
	return hex.EncodeToString(m.Sum(nil))
}

const secret = "0123456789abcdef-%/+é 0123456789abcdef"

func clients() []provider.Client {
	hub := provider.Client{
		ID: "hub", Secret: secret, Name: "FranceConnect fictif", AuthMethod: "client_secret_post",
		RedirectURIs:           []string{"http://127.0.0.1:8082/api/v2/oidc-callback"},
		PostLogoutRedirectURIs: []string{"http://127.0.0.1:8082/api/v2/client/logout-callback"},
		Scopes:                 strings.Fields("openid profile email birth phone"), IDTokenAlg: "ES256", UserinfoAlg: "ES256",
		Profile: provider.ProfileFranceConnect,
	}
	hs := hub
	hs.ID, hs.Secret, hs.IDTokenAlg, hs.UserinfoAlg = "hub-hs", "hs-secret-0123456789-0123456789-01234", "HS256", "HS256"
	hs2 := hs
	hs2.ID, hs2.Secret = "hub-hs2", "other-secret-0123456789-0123456789-01"
	std := hub
	std.ID, std.AuthMethod, std.IDTokenAlg, std.UserinfoAlg = "service", "client_secret_basic", "RS256", ""
	std.Profile, std.PKCERequired, std.Act = provider.ProfileStandard, true, true
	std.Name, std.RedirectURIs = "Service direct", []string{"https://service.example/cb?x=1"}
	suite := std // what a conformance suite registers
	suite.ID, suite.Name, suite.RedirectURIs, suite.Act = "suite", "Suite", []string{"https://suite.example/cb"}, false
	suite.PostLogoutRedirectURIs = []string{"https://suite.example/out"}
	suite.Scopes, suite.PKCERequired = strings.Fields("openid profile email address phone birth"), false
	post := suite
	post.ID, post.AuthMethod = "suite-post", "client_secret_post"
	server := suite // a resource server of two of them
	server.ID, server.AuthMethod, server.Act, server.Reads = "ressource", "client_secret_post", true, []string{"suite", "fort"}
	server.Asks = true
	return []provider.Client{hub, hs, hs2, std, suite, post, server}
}

func choice() provider.Choice {
	return provider.Choice{
		MandatID: "m1", Domaine: "social",
		Usager: usager.Usager{ID: "u1", Email: "jeanne@example.fr", EmailSafe: true, Identite: identite.Pivot{
			FamilyName: "Le Goff", GivenName: "Jeanne Marie", PreferredUsername: "Petit", Gender: "female",
			Birthdate: "1941-00-00", Birthplace: "2A004", Birthcountry: "99100"}},
		Aidant:       aidant.Aidant{ID: "a1", OrganisationID: "o1"},
		Session:      aidant.Session{Ref: "s1", Auth: "proconnect:eidas1-mfa"},
		Organisation: organisation.Organisation{ID: "o1", Name: "CCAS de Rennes", SIRET: "12345678200010"},
		Mandat: mandat.Mandat{ID: "m1", Number: "BCDF3467GHJK", OrganisationID: "o1", State: mandat.Actif, Colleagues: true,
			Autorisations: []mandat.Autorisation{{Domaine: "social"}, {Domaine: "argent"}}, EndsAt: time.Now().AddDate(1, 0, 0)},
	}
}

func (h *house) show(w http.ResponseWriter, r *http.Request) {
	req, err := h.p.Pending(r, r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(req)
}

func (h *house) choose(w http.ResponseWriter, r *http.Request) {
	c := h.choice
	if d := r.FormValue("domaine"); d != "" {
		c.Domaine = d
	}
	target, err := h.p.Choose(w, r, r.PathValue("id"), c, h.l.record(c))
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "aidant", Value: c.Session.Ref, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	_, _ = io.WriteString(w, target)
}

// Live is the desk's half of a silent answer: the aidant's session is a cookie
// that the choice sets.
func (h *house) Live(r *http.Request, clientID string, since time.Time) (provider.Live, error) {
	c, err := r.Cookie("aidant")
	if err != nil || h.gone {
		return provider.Live{}, provider.ErrNoChoice
	}
	h.l.mu.Lock()
	defer h.l.mu.Unlock()
	h.l.calls["Live"]++
	var live provider.Live
	for _, l := range h.l.logins {
		if l.ClientID == clientID && l.SessionRef == c.Value && l.EndedAt.IsZero() && !l.ChosenAt.Before(since) {
			live.Logins = append(live.Logins, l)
		}
	}
	if len(live.Logins) == 0 {
		return provider.Live{}, provider.ErrNoChoice
	}
	slices.SortFunc(live.Logins, func(a, b delegation.Login) int { return b.ChosenAt.Compare(a.ChosenAt) })
	live.Choice = h.l.choices[live.Logins[0].ID]
	live.Choice.Mandat = h.choice.Mandat // as it stands now
	live.Record = func(ctx context.Context, within []string, l delegation.Login) error {
		m := live.Choice.Mandat
		_, fact, err := m.Use(live.Choice.Domaine, within, "o1", clientID, l.ID, journal.Actor{Type: journal.ActorAidant, Ref: "a1"}, h.now())
		_ = h.l.Append(ctx, fact)
		if err != nil {
			return err
		}
		return h.l.record(live.Choice)(ctx, l)
	}
	return live, nil
}

// MayAct answers for the one mandat of the choice.
func (h *house) MayAct(_ context.Context, number, siret, domaine string, by journal.Actor) (time.Time, time.Duration, error) {
	h.asked = append(h.asked, number+" "+siret+" "+domaine+" "+by.Ref)
	c := h.choice
	if h.wait > 0 || number != c.Mandat.Number || siret != c.Organisation.SIRET {
		return time.Time{}, h.wait, nil
	}
	until, _ := c.Mandat.Standing(c.Organisation.ID, domaine, by, h.now())
	return until, 0, nil
}

// EndUsesLike ends all that the session made for the client.
func (h *house) EndUsesLike(ctx context.Context, id string, by journal.Actor, reason string) error {
	h.l.mu.Lock()
	of, ok := h.l.logins[id]
	var all []string
	for _, l := range h.l.logins {
		if l.SessionRef == of.SessionRef && l.ClientID == of.ClientID {
			all = append(all, l.ID)
		}
	}
	h.l.mu.Unlock()
	if !ok {
		return delegation.ErrNotFound
	}
	for _, one := range all {
		_ = h.l.Stop(ctx, one, by, reason, true)
	}
	return nil
}

func (h *house) refuse(w http.ResponseWriter, r *http.Request) {
	target, err := h.p.Refuse(w, r, r.PathValue("id"), "access_denied", "the aidant gave up")
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	_, _ = io.WriteString(w, target)
}

// browser keeps cookies and follows nothing.
type browser struct {
	h *house
	c *http.Client
}

func (h *house) browser() browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return browser{h, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type response struct {
	status int
	header http.Header
	body   string
}

func (b browser) do(r *http.Request) response {
	b.h.t.Helper()
	resp, err := b.c.Do(r)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(body)}
}

func (b browser) get(address string) response {
	r, err := http.NewRequest(http.MethodGet, b.h.abs(address), nil)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return b.do(r)
}

func (b browser) post(address string, form url.Values, change ...func(*http.Request)) response {
	r, err := http.NewRequest(http.MethodPost, b.h.abs(address), strings.NewReader(form.Encode()))
	if err != nil {
		b.h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, f := range change {
		f(r)
	}
	return b.do(r)
}

func (h *house) abs(address string) string {
	if strings.HasPrefix(address, "http") {
		return address
	}
	return h.url + address
}

// hubRequest is what FranceConnect sends.
func hubRequest(change ...string) url.Values {
	v := url.Values{
		"client_id": {"hub"}, "response_type": {"code"}, "scope": {"openid profile email birth"},
		"redirect_uri": {"http://127.0.0.1:8082/api/v2/oidc-callback"}, "acr_values": {"eidas1"},
		"state": {strings.Repeat("5a", 32)}, "nonce": {strings.Repeat("0e", 32)}, "prompt": {"login"},
		"claims": {`{"id_token":{"rep_scope":{"essential":true,"values":["Social-Santé","Logement"]}}}`},
	}
	return with(v, change...)
}

// with changes pairs of name and value; an empty value removes.
func with(v url.Values, change ...string) url.Values {
	v = maps.Clone(v)
	for i := 0; i+1 < len(change); i += 2 {
		if change[i+1] == "" {
			v.Del(change[i])
			continue
		}
		v.Set(change[i], change[i+1])
	}
	return v
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func serviceRequest(change ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	return with(url.Values{
		"client_id": {"service"}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"s t"},
		"redirect_uri": {"https://service.example/cb?x=1"}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}, change...)
}

// begin goes to /authorize and returns the request's id.
func (b browser) begin(v url.Values) string {
	b.h.t.Helper()
	resp := b.get("/authorize?" + v.Encode())
	id, ok := strings.CutPrefix(resp.header.Get("Location"), "/agir/")
	if resp.status != http.StatusSeeOther || !ok {
		b.h.t.Fatalf("authorize = %d %s %s", resp.status, resp.header.Get("Location"), resp.body)
	}
	return id
}

// code makes the choice, and returns the code and the whole query of the way back.
func (b browser) code(v url.Values) (string, url.Values) {
	b.h.t.Helper()
	resp := b.post("/agir/"+b.begin(v), nil)
	if resp.status != http.StatusOK {
		b.h.t.Fatalf("choose = %d %s", resp.status, resp.body)
	}
	u, err := url.Parse(resp.body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return u.Query().Get("code"), u.Query()
}

// hubForm is how the hub redeems.
func hubForm(code string, change ...string) url.Values {
	return with(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"http://127.0.0.1:8082/api/v2/oidc-callback"},
		"client_id": {"hub"}, "client_secret": {secret},
	}, change...)
}

type tokens struct {
	Access    string `json:"access_token"`
	IDToken   string `json:"id_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Refresh   string `json:"refresh_token"`
	Error     string `json:"error"`
}

func (h *house) token(form url.Values, change ...func(*http.Request)) (tokens, response) {
	h.t.Helper()
	resp := h.browser().post("/token", form, change...)
	var tk tokens
	if err := json.Unmarshal([]byte(resp.body), &tk); err != nil {
		h.t.Fatalf("token = %d %s", resp.status, resp.body)
	}
	return tk, resp
}

func (h *house) userinfo(access string) response {
	h.t.Helper()
	r, err := http.NewRequest(http.MethodGet, h.url+"/userinfo", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+access)
	return h.browser().do(r)
}
