package compte_test

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"relais/internal/aidant"
	"relais/internal/debit"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/passkey"
	"relais/internal/session"
	"relais/internal/testkit/authenticator"
	"relais/internal/testkit/pagecheck"
	"relais/internal/web/desk"
	"relais/internal/web/facteurs"
)

// own is the part of the house that keeps factors.
type own struct {
	facteurs facteur.Facteurs
	once     map[string]bool
	attempts int
	// enrolling tells that the session which changes factors is there for nothing else.
	enrolling bool
}

func (h *house) room(t *testing.T, m *session.Manager) *facteurs.Room {
	t.Helper()
	u, err := url.Parse("http://localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := passkey.New(u, "Relais")
	if err != nil {
		t.Fatal(err)
	}
	h.once, h.facteurs.Agent = map[string]bool{}, h.agent.ID
	return facteurs.New(keys, h, h, m, func() time.Time { return now })
}

func (h *house) Aidant(context.Context, string) (aidant.Aidant, error) { return h.agent, nil }

func (h *house) AidantByEmail(_ context.Context, email string) (aidant.Aidant, error) {
	if email != h.agent.Email {
		return aidant.Aidant{}, aidant.ErrNotFound
	}
	return h.agent, nil
}

func (h *house) Facteurs(context.Context, string) (facteur.Facteurs, error) { return h.facteurs, nil }

func (h *house) FactorNotices(context.Context, string) ([]facteur.Notice, error) {
	return []facteur.Notice{{At: now, What: "compteur"}}, nil
}

func (h *house) PasskeyOwner(_ context.Context, id []byte) (string, error) {
	if !slices.ContainsFunc(h.facteurs.Passkeys, func(k facteur.Passkey) bool { return string(k.CredentialID) == string(id) }) {
		return "", facteur.ErrNotFound
	}
	return h.agent.ID, nil
}

func (h *house) DebitKey(_ debit.Rule, of string) string { return of }

func (h *house) Attempt(_ context.Context, rule debit.Rule, _ string) (time.Time, error) {
	if h.attempts++; h.attempts > rule.Limit().Burst {
		return now.Add(rule.Limit().Every), nil
	}
	return time.Time{}, nil
}

func (h *house) ChangeFacteurs(_ context.Context, _, session string, change func(facteur.Facteurs) (facteur.Facteurs, journal.Fact, error)) (facteur.Facteurs, error) {
	next, fact, err := change(h.facteurs)
	if !fact.IsZero() {
		h.facts = append(h.facts, fact)
	}
	if err != nil {
		return next, err
	}
	h.facteurs = next
	for ref := range h.sessions {
		if ref != session || h.enrolling {
			delete(h.sessions, ref)
		}
	}
	return next, nil
}

func (h *house) use(u facteur.Use) (aidant.Aidant, error) {
	if u.Once != "" && h.once[u.Once] {
		return aidant.Aidant{}, facteur.ErrReplayed
	}
	h.once[u.Once] = true
	next, fact, err := u.Decide(h.agent, h.facteurs)
	h.facts, h.facteurs = append(h.facts, fact), next
	return h.agent, err
}

func (h *house) SignInOwn(_ context.Context, u facteur.Use, fresh aidant.Session) (aidant.Aidant, error) {
	a, err := h.use(u)
	if err != nil {
		return aidant.Aidant{}, err
	}
	fresh.AidantID = a.ID
	h.sessions[fresh.Ref] = fresh
	return a, nil
}

func (h *house) ElevateOwn(_ context.Context, u facteur.Use, oldRef string, renewed aidant.Session) error {
	if _, err := h.use(u); err != nil {
		return err
	}
	delete(h.sessions, oldRef)
	h.sessions[renewed.Ref] = renewed
	return nil
}

// browser keeps a desk's cookies between two requests.
type browser struct {
	*setting
	t    *testing.T
	jar  []*http.Cookie
	last *httptest.ResponseRecorder
}

func (b *browser) send(v desk.Visit, method, target string, form url.Values) error {
	b.t.Helper()
	r := httptest.NewRequestWithContext(desk.WithVisit(b.t.Context(), v), method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range b.jar {
		r.AddCookie(c)
	}
	var failed error
	mux := http.NewServeMux()
	for _, rt := range b.routes {
		mux.HandleFunc(rt.Pattern, func(w http.ResponseWriter, r *http.Request) { failed = rt.Handle(w, r) })
	}
	b.last = httptest.NewRecorder()
	mux.ServeHTTP(b.last, r)
	for _, c := range b.last.Result().Cookies() {
		b.jar = slices.DeleteFunc(b.jar, func(old *http.Cookie) bool { return old.Name == c.Name })
		if c.MaxAge >= 0 {
			b.jar = append(b.jar, c)
		}
	}
	return failed
}

// enrolled is a setting whose agent has a passkey.
func enrolled(t *testing.T) (*browser, *authenticator.Authenticator) {
	t.Helper()
	b := &browser{setting: newSetting(t), t: t}
	x := authenticator.New("http://localhost:8080", "localhost")
	if err := b.send(b.visit, "POST", "/compte/facteurs/cle/defi", nil); err != nil {
		t.Fatal(err)
	}
	answer := x.Create(t, b.last.Body.Bytes())
	if err := b.send(b.visit, "POST", "/compte/facteurs/cle", url.Values{"reponse": {answer}, "nom": {pagecheck.Uhoh}}); err != nil || b.last.Code != 303 {
		t.Fatal(b.last.Code, err)
	}
	x.Count++ // a counter of 1 was sent with the enrolment
	return b, x
}

// signIn plays the two requests of a login by passkey.
func (b *browser) signIn(x *authenticator.Authenticator) error {
	b.t.Helper()
	if err := b.send(desk.Visit{}, "POST", "/connexion/cle/defi", nil); err != nil {
		b.t.Fatal(err)
	}
	return b.send(desk.Visit{}, "POST", "/connexion/cle", url.Values{"reponse": {x.Get(b.t, b.last.Body.Bytes())}, "retour": {"/mandats?x=1"}})
}

func TestPasskeyLogin(t *testing.T) {
	b, x := enrolled(t)
	if fact := b.facts[0]; fact.Action() != journal.FacteurEnroll || fact.Detail("cle_sha256") != b.facteurs.Passkeys[0].KeyDigest() {
		t.Errorf("%+v", fact)
	}
	if err := b.signIn(x); err != nil || b.last.Code != 303 || b.last.Header().Get("Location") != "/mandats?x=1" {
		t.Fatal(b.last.Code, err)
	}
	// The same answer again: the browser's cookie is gone, and where it was kept the
	// challenge is used.
	if err := b.send(desk.Visit{}, "POST", "/connexion/cle/defi", nil); err != nil {
		t.Fatal(err)
	}
	kept, answer := slices.Clone(b.jar), url.Values{"reponse": {x.Get(t, b.last.Body.Bytes())}}
	if err := b.send(desk.Visit{}, "POST", "/connexion/cle", answer); err != nil {
		t.Fatal(err)
	}
	for name, jar := range map[string][]*http.Cookie{"without its cookie": nil, "with it": kept} {
		b.jar = jar
		problem(t, b.send(desk.Visit{}, "POST", "/connexion/cle", answer), 403, "n’est plus valable")
		if fact := b.facts[len(b.facts)-1]; jar == nil && (fact.Action() != journal.SessionRefuse || fact.Reason() != "defi_inconnu") {
			t.Errorf("%s: %+v", name, fact)
		}
	}
}

func TestPasskeyRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *browser, x *authenticator.Authenticator)
		title  string
		reason string
	}{
		"a copy":         {func(_ *browser, x *authenticator.Authenticator) { x.Count = 1 }, "a été refusée", "compteur_recule"},
		"not verified":   {func(_ *browser, x *authenticator.Authenticator) { x.Flags = 1 }, "n’est pas reconnue", "cle_refusee"},
		"another origin": {func(_ *browser, x *authenticator.Authenticator) { x.Origin = "http://localhost:9" }, "n’est pas reconnue", "cle_refusee"},
		"unknown":        {func(b *browser, _ *authenticator.Authenticator) { b.facteurs.Passkeys = nil }, "n’est pas reconnue", "cle_inconnue"},
	} {
		b, x := enrolled(t)
		c.change(b, x)
		problem(t, b.signIn(x), 403, c.title)
		if fact := b.facts[len(b.facts)-1]; fact.Action() != journal.SessionRefuse || fact.Reason() != c.reason {
			t.Errorf("%s: %s %s", name, fact.Action(), fact.Reason())
		}
	}
	b, x := enrolled(t)
	b.agent.SuspendedAt = now
	problem(t, b.signIn(x), 403, "suspendu")
	if err := b.send(desk.Visit{}, "POST", "/connexion/cle", url.Values{"reponse": {"{"}}); err == nil {
		t.Error("nonsense was taken")
	}
}

const phrase = "trois bouleaux derrière la grange"

// application enrols a code application through the page.
func (b *browser) application(v desk.Visit) []byte {
	b.t.Helper()
	if err := b.send(v, "GET", "/compte/facteurs/application", nil); err != nil {
		b.t.Fatal(err)
	}
	page := b.last.Body.String()
	pagecheck.Check(b.t, "application", page)
	if err := b.send(v, "GET", "/compte/facteurs/application/code.png", nil); err != nil || b.last.Header().Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(b.last.Body.String(), "\x89PNG") {
		b.t.Fatal(err, b.last.Header())
	}
	_, rest, _ := strings.Cut(page, `id="secret">`)
	text, _, _ := strings.Cut(rest, "<")
	return secretOf(b.t, text)
}

func TestApplication(t *testing.T) {
	b := &browser{setting: newSetting(t), t: t}
	b.visit.Session.AuthAt = now
	b.agent.Email, b.visit.Aidant.Email = "camille@mairie.example", "camille@mairie.example"
	secret := b.application(b.visit)
	send := func(phrase, again, code string) string {
		t.Helper()
		if err := b.send(b.visit, "POST", "/compte/facteurs/application", url.Values{"phrase": {phrase}, "confirmation": {again}, "code": {code}}); err != nil {
			t.Fatal(err)
		}
		return b.last.Body.String()
	}
	for _, c := range [][4]string{
		{"courte", "courte", code(t, secret, now), "au moins 15"}, {phrase, "autre chose", code(t, secret, now), "deux fois"},
		{phrase, phrase, "000000", "six chiffres"}, {"mairie mairie mairie", "mairie mairie mairie", code(t, secret, now), "deviner"},
	} {
		body := send(c[0], c[1], c[2])
		if b.last.Code != 422 || b.facteurs.TOTP != nil || strings.Contains(body, `value="`+c[0]) {
			t.Errorf("%v: %d", c, b.last.Code)
		}
		pagecheck.MustShow(t, body, c[3])
	}
	send(phrase, phrase, code(t, secret, now))
	if b.last.Code != 303 || b.facteurs.TOTP == nil || b.facteurs.TOTP.LastStep != facteur.Step(now) {
		t.Fatal(b.last.Code)
	}
	in := func(who, phrase, code string) int {
		t.Helper()
		if err := b.send(desk.Visit{}, "POST", "/connexion/code", url.Values{"courriel": {who}, "phrase": {phrase}, "code": {code}}); err != nil {
			t.Fatal(err)
		}
		return b.last.Code
	}
	next := code(t, secret, now.Add(30*time.Second))
	var refusals []string
	for _, c := range [][4]string{{"x@mairie.example", phrase, next, "compte_inconnu"}, {b.agent.Email, "une autre phrase longue", next, "phrase_refusee"},
		{b.agent.Email, phrase, "000000", "code_refuse"}, {b.agent.Email, phrase, code(t, secret, now), "code_deja_utilise"}} {
		if got := in(c[0], c[1], c[2]); got != 422 || b.facts[len(b.facts)-1].Reason() != c[3] {
			t.Errorf("%v: %d, %s", c, got, b.facts[len(b.facts)-1].Reason())
		}
		refusals = append(refusals, strings.ReplaceAll(b.last.Body.String(), c[0], ""))
	}
	if slices.Sort(refusals); len(slices.Compact(refusals)) != 1 {
		t.Error("two refusals differ")
	}
	if got := in(" Camille@Mairie.example ", phrase, next); got != 303 || b.last.Header().Get("Location") != "/guichet" {
		t.Errorf("%d %s", got, b.last.Header().Get("Location"))
	}
	// Ten attempts, then none, the right ones included.
	b.attempts = 10
	err := b.send(desk.Visit{}, "POST", "/connexion/code", url.Values{"courriel": {b.agent.Email}, "phrase": {phrase}, "code": {code(t, secret, now.Add(time.Minute))}})
	problem(t, err, 429, "Trop d’essais")
	if b.last.Header().Get("Retry-After") != "601" {
		t.Errorf("Retry-After %q", b.last.Header().Get("Retry-After"))
	}
	for _, f := range b.facts {
		if f.Check() != nil {
			t.Errorf("%+v", f)
		}
	}
}

// TestEnrolmentSession: what it enrols ends it.
func TestEnrolmentSession(t *testing.T) {
	b := &browser{setting: newSetting(t), t: t}
	v := b.visit
	v.Session.Auth, b.enrolling = aidant.AuthInvitation, true
	body := func() string {
		if err := b.send(v, "GET", "/compte/facteurs", nil); err != nil {
			t.Fatal(err)
		}
		return b.last.Body.String()
	}()
	pagecheck.Check(t, "facteurs", body)
	pagecheck.MustShow(t, body, "quinze minutes")
	pagecheck.MustHide(t, body, "Créer dix nouveaux codes", "Guichet", "Rester connecté") // nothing makes it longer
	secret := b.application(v)
	err := b.send(v, "POST", "/compte/facteurs/application", url.Values{"phrase": {phrase}, "confirmation": {phrase}, "code": {code(t, secret, now)}})
	if err != nil || b.last.Header().Get("Location") != "/connexion?enregistre=application" || len(b.sessions) != 0 {
		t.Errorf("%v, %s, %d sessions", err, b.last.Header().Get("Location"), len(b.sessions))
	}
	pagecheck.MustShow(t, pagecheck.Read(t, b.routes, desk.Visit{}, "GET", "/connexion?enregistre=application", nil, 200), "Identifiez-vous maintenant avec un code")
}

// TestRecoveryCodes are shown once, and alone open an enrolment session.
func TestRecoveryCodes(t *testing.T) {
	b, _ := enrolled(t)
	b.agent.Email = "camille@mairie.example"
	if err := b.send(b.visit, "POST", "/compte/facteurs/codes", nil); err != nil || b.last.Header().Get("Location") != "/compte/facteurs/codes" {
		t.Fatal(err)
	}
	if err := b.send(b.visit, "GET", "/compte/facteurs/codes", nil); err != nil {
		t.Fatal(err)
	}
	body := b.last.Body.String()
	pagecheck.Check(t, "codes", body)
	_, rest, _ := strings.Cut(body, `<li><code>`)
	first, _, _ := strings.Cut(rest, "<")
	problem(t, b.send(b.visit, "GET", "/compte/facteurs/codes", nil), 404, "plus affichés")
	in := func(code string) int {
		t.Helper()
		if err := b.send(desk.Visit{}, "POST", "/connexion/secours", url.Values{"courriel": {b.agent.Email}, "code": {code}, "phrase": {"x"}}); err != nil {
			t.Fatal(err)
		}
		return b.last.Code
	}
	if in("0000-0000-0000-0000") != 422 || in("123456") != 422 {
		t.Error("a wrong code came in")
	}
	b.agent.SuspendedAt = now // says so to whoever holds a code, and to nobody else
	if in("0000-0000-0000-0000") != 422 || b.facts[len(b.facts)-1].Reason() != "code_refuse" {
		t.Error("a wrong code tells that its agent is suspended")
	}
	b.agent.SuspendedAt = time.Time{}
	if in(strings.ToLower(first)) != 303 || b.last.Header().Get("Location") != "/compte/facteurs" {
		t.Error("the right code did not")
	}
	if in(first) != 422 {
		t.Error("a code came in twice")
	}
	if !slices.ContainsFunc(mapValues(b.sessions), func(s aidant.Session) bool { return s.Auth == aidant.AuthSecours }) {
		t.Error("not an enrolment session")
	}
}

func mapValues(m map[string]aidant.Session) (out []aidant.Session) {
	for _, s := range m {
		out = append(out, s)
	}
	return out
}

func TestFactorPages(t *testing.T) {
	b, _ := enrolled(t)
	b.facteurs.Passkeys[0].ClonedAt = now
	id := b.facteurs.Passkeys[0].ID
	body := pagecheck.Read(t, b.routes, b.visit, "GET", "/compte/facteurs", nil, 200)
	pagecheck.MustShow(t, body, "Peut-être copiée", pagecheck.Uhoh, "Créer dix nouveaux codes", "son compteur est revenu en arrière")
	for _, target := range []string{"/compte/facteurs/cle", "/compte/facteurs/" + id + "/supprimer", "/compte"} {
		pagecheck.Read(t, b.routes, b.visit, "GET", target, nil, 200)
	}
	for _, target := range []string{"/connexion", "/connexion/code?retour=/mandats", "/connexion/secours"} {
		pagecheck.Read(t, b.routes, desk.Visit{}, "GET", target, nil, 200)
	}
	problem(t, b.send(b.visit, "GET", "/compte/facteurs/rien/supprimer", nil), 404, "n’existe pas")
	v := b.visit
	v.Session.Auth = aidant.AuthPasskey
	problem(t, b.send(v, "POST", "/compte/facteurs/"+id+"/supprimer", nil), 409, "dernier facteur")
	b.facteurs.TOTP = &facteur.TOTP{Secret: facteur.NewSecret(), Phrase: "x"}
	body = pagecheck.Read(t, b.routes, v, "GET", "/connexion/confirmer?retour=/structure", nil, 200)
	pagecheck.MustShow(t, body, "Confirmer avec ma clé d’accès", "Confirmer avec un code")
	pagecheck.MustShow(t, pagecheck.Read(t, b.routes, v, "GET", "/compte/facteurs/application/supprimer", nil, 200), "l’application de codes")
	if err := b.send(v, "POST", "/compte/facteurs/"+id+"/supprimer", nil); err != nil || len(b.facteurs.Passkeys) != 0 {
		t.Error(err)
	}
}

// TestConfirmOwn: an agent who came by a factor of their own confirms by one.
func TestConfirmOwn(t *testing.T) {
	b, x := enrolled(t)
	v := b.visit
	v.Session.Auth = aidant.AuthPasskey
	ask := func() url.Values {
		t.Helper()
		if err := b.send(v, "POST", "/connexion/confirmer/defi", nil); err != nil {
			t.Fatal(err)
		}
		return url.Values{"reponse": {x.Get(t, b.last.Body.Bytes())}, "retour": {"/structure"}}
	}
	if err := b.send(v, "POST", "/connexion/confirmer/cle", ask()); err != nil || b.last.Header().Get("Location") != "/structure" {
		t.Fatal(err, b.last.Header())
	}
	if f := b.facts[len(b.facts)-1]; f.Action() != journal.SessionElevate || f.Actor().Auth != aidant.AuthPasskey {
		t.Errorf("%+v", f)
	}
	// An answer made to sign in confirms nothing.
	if err := b.send(desk.Visit{}, "POST", "/connexion/cle/defi", nil); err != nil {
		t.Fatal(err)
	}
	problem(t, b.send(v, "POST", "/connexion/confirmer/cle", url.Values{"reponse": {x.Get(t, b.last.Body.Bytes())}}), 403, "n’est plus valable")
	answer := ask()
	v.Session.Auth = "proconnect:eidas1-mfa"
	problem(t, b.send(v, "POST", "/connexion/confirmer/cle", answer), 409, "identité professionnelle")
	problem(t, b.send(v, "POST", "/connexion/confirmer/code", answer), 409, "identité professionnelle")
}

func TestNoPasskeyHere(t *testing.T) {
	b := &browser{setting: newSetting(t), t: t}
	v := b.visit
	v.Session.Auth = aidant.AuthTOTP
	if err := b.send(v, "POST", "/connexion/confirmer/defi", nil); err != nil || b.last.Code != http.StatusConflict {
		t.Fatal(err)
	}
	var said struct{ Erreur string }
	if err := json.Unmarshal(b.last.Body.Bytes(), &said); err != nil || said.Erreur == "" {
		t.Error(b.last.Body.String())
	}
}

func secretOf(t *testing.T, text string) []byte {
	t.Helper()
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil || len(secret) != 20 {
		t.Fatalf("secret %q: %v", text, err)
	}
	return secret
}

func code(t *testing.T, secret []byte, at time.Time) string {
	t.Helper()
	out, err := totp.GenerateCode(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret), at)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
