package login_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/acte"
	"relais/internal/login"
)

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func names(q url.Values) []string {
	var out []string
	for k := range q {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func startUsager(t *testing.T, l *login.Login, nonce string) login.Start {
	t.Helper()
	s, err := l.StartUsager(t.Context(), nonce, "m1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The hub refuses any parameter outside its list, and PKCE though it announces it.
func TestStartUsagerSendsExactlyTheHubsParameters(t *testing.T) {
	f := newFake(t)
	s := startUsager(t, f.login(t), digest)
	q := query(t, s.URL)
	want := []string{"acr_values", "client_id", "nonce", "prompt", "redirect_uri", "response_type", "scope", "state"}
	if got := names(q); !slices.Equal(got, want) {
		t.Errorf("parameters = %v, want %v", got, want)
	}
	for k, v := range map[string]string{
		"acr_values": "eidas1", "nonce": digest, "prompt": "login", "response_type": "code", "client_id": clientID,
		"redirect_uri": relaisURL + "/identification/retour",
		"scope":        "openid given_name family_name preferred_username gender birthdate birthcountry birthplace email idp_id idp_birthdate",
	} {
		if q.Get(k) != v {
			t.Errorf("%s = %q, want %q", k, q.Get(k), v)
		}
	}
	if len(q.Get("state")) != 64 || s.State.Verifier != "" || s.State.MandatID != "m1" || !s.State.Bound {
		t.Errorf("pending = %+v", s.State)
	}
}

func TestStartAgentAsksForASecondFactor(t *testing.T) {
	f := newFake(t)
	s, err := f.login(t).StartAgent(t.Context(), login.StartAgent{ReturnTo: "/mandats?page=2", Force: true})
	if err != nil {
		t.Fatal(err)
	}
	q := query(t, s.URL)
	var claims struct {
		IDToken map[string]*struct {
			Essential bool
			Values    []string
		} `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(q.Get("claims")), &claims); err != nil {
		t.Fatal(err)
	}
	acr := claims.IDToken["acr"]
	if _, asked := claims.IDToken["amr"]; acr == nil || !acr.Essential || !slices.Contains(acr.Values, "eidas1-mfa") || slices.Contains(acr.Values, "eidas1") || !asked {
		t.Errorf("claims = %s", q.Get("claims"))
	}
	if q.Get("prompt") != "login" || q.Has("login_hint") || q.Get("code_challenge_method") != "S256" || len(q.Get("nonce")) < 32 {
		t.Errorf("query = %v", q)
	}
	if s.State.ReturnTo != "/mandats?page=2" || s.State.Bound {
		t.Errorf("pending = %+v", s.State)
	}
	f.pkce = false
	s, err = f.login(t).StartAgent(t.Context(), login.StartAgent{})
	if err != nil || query(t, s.URL).Has("code_challenge") || query(t, s.URL).Has("prompt") {
		t.Errorf("without PKCE announced: %v %v", s.URL, err)
	}
}

func TestReturnToStaysHere(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	for _, bad := range []string{"", "https://evil.example", "//evil.example", `/\evil.example`, "evil", "/a\nb", "javascript:alert(1)"} {
		s, err := l.StartAgent(t.Context(), login.StartAgent{ReturnTo: bad})
		if err != nil || s.State.ReturnTo != "/" {
			t.Errorf("ReturnTo %q = %q, %v", bad, s.State.ReturnTo, err)
		}
	}
}

func TestAgentSignsIn(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	s, err := l.StartAgent(t.Context(), login.StartAgent{Nonce: digest, Salt: []byte("sel"), Force: true, MandatID: "m1"})
	if err != nil {
		t.Fatal(err)
	}
	f.idToken = map[string]any{"acr": "eidas1-mfa", "auth_time": f.now.Unix()}
	f.userinfo = map[string]any{"given_name": "Camille", "idp_id": "fi"}
	a, err := l.FinishAgent(t.Context(), s.State, f.callback(s.State))
	if err != nil {
		t.Fatal(err)
	}
	if a.Login.Issuer != f.issuer() || a.Login.Sub != "personne-1" || a.Login.Email != "andree@example.fr" ||
		a.Login.SIRET != "21340172201787" || a.Login.ACR != "eidas1-mfa" || a.GivenName != "Camille" || a.UsualName != "Martin" {
		t.Errorf("agent = %+v", a.Login)
	}
	if !a.AuthAt.Equal(f.now) || a.IDToken == "" || a.Proof.IDToken != a.IDToken || string(a.Proof.Salt) != "sel" {
		t.Errorf("proof = %+v", a)
	}
	if f.form.Get("client_secret") != secret || f.form.Get("code_verifier") != s.State.Verifier || f.form.Get("redirect_uri") != relaisURL+"/connexion/retour" {
		t.Error("token request lacks the secret, the verifier or the redirect URI")
	}
	f.idToken = map[string]any{"acr": nil}
	if a, err = l.FinishAgent(t.Context(), s.State, f.callback(s.State)); err != nil || a.Login.ACR != "" {
		t.Errorf("without acr = %q, %v; aidant.SignIn decides on it", a.Login.ACR, err)
	}
	f.idToken = map[string]any{"auth_time": f.now.Add(-time.Hour).Unix()}
	if _, err = l.FinishAgent(t.Context(), s.State, f.callback(s.State)); !errors.Is(err, login.ErrStale) {
		t.Errorf("an old login after prompt=login = %v", err)
	}
}

// The evidence kept verifies offline and says the same as the login did.
func TestUsagerIdentifiesAndTheEvidenceAgrees(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	jwks, issuer, err := l.Keys(t.Context(), login.FranceConnect)
	if err != nil || issuer != f.issuer() {
		t.Fatal(issuer, err)
	}
	text := acte.Texte{Version: "2026-11-01", Body: "Je donne mandat\n", Salt: acte.NewSalt()}
	s := startUsager(t, l, text.Nonce())
	if s.State.Keys != acte.KeysDigest(jwks) {
		t.Error("the login does not start with the keys committed")
	}
	s.State.Salt = text.Salt
	u, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(u.Proof.JWKS, jwks) || u.Identified.JWKS != acte.KeysDigest(jwks) {
		t.Error("the proof does not hold the keys committed")
	}
	if u.Attested.Pivot.Birthdate != "1942-00-00" || u.Identified.Pivot.Birthdate != "1942-00-00" {
		t.Errorf("birth date = %s, want the original one", u.Attested.Pivot.Birthdate)
	}
	if u.Circle() || u.Identified.IDP != "1d4f0a52-impots-fictif" || u.Identified.OwnIDP != ownIDP || u.Identified.ACR != "eidas1" {
		t.Errorf("identified = %+v", u.Identified)
	}
	d := acte.Dossier{Texte: text, Usager: u.Proof, Userinfo: u.Userinfo}
	got, err := d.Verify()
	if err != nil || got != u.Attested {
		t.Errorf("Verify = %+v, %v; want %+v", got, err, u.Attested)
	}
	if f.form.Has("code_verifier") {
		t.Error("PKCE towards FranceConnect")
	}
	f.userinfo["idp_id"] = ownIDP
	if u, err = l.FinishUsager(t.Context(), s.State, f.callback(s.State)); err != nil || !u.Circle() {
		t.Errorf("through Relais itself: circle %v, %v", u.Circle(), err)
	}
}

func TestLogoutURLs(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	usager, err := l.LogoutUsagerURL(t.Context(), "jeton", "etat")
	if err != nil {
		t.Fatal(err)
	}
	q := query(t, usager)
	if !slices.Equal(names(q), []string{"id_token_hint", "post_logout_redirect_uri", "state"}) || q.Get("post_logout_redirect_uri") != relaisURL+"/identification/deconnecte" {
		t.Errorf("usager: %v", q)
	}
	agent, err := l.LogoutAgentURL(t.Context(), "", "etat")
	if q = query(t, agent); err != nil || q.Get("client_id") != clientID || q.Get("post_logout_redirect_uri") != relaisURL+"/deconnexion/retour" {
		t.Errorf("agent: %v %v", q, err)
	}
}

// A rotation between the start and the callback: the usager starts again, with
// the new keys committed first; an agent's plain login goes on.
func TestKeysThatChange(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	s := startUsager(t, l, digest)
	a, err := l.StartAgent(t.Context(), login.StartAgent{})
	if err != nil {
		t.Fatal(err)
	}
	f.key, f.kid = newKey(t), "cle-2"
	u, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State))
	if !errors.Is(err, login.ErrKeysChanged) || u.LogoutHint == "" || u.Attested.Sub != "" || len(u.Proof.JWKS) == 0 || acte.KeysDigest(u.Proof.JWKS) == s.State.Keys {
		t.Errorf("usager: %v, %+v", err, u)
	}
	if got, err := l.FinishAgent(t.Context(), a.State, f.callback(a.State)); err != nil || got.KeysDigest == a.State.Keys {
		t.Errorf("agent: %v", err)
	}
	s = startUsager(t, l, digest)
	if _, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State)); err != nil {
		t.Errorf("again: %v", err)
	}
	// Another Relais process, or a restart: the same keys are fetched and found equal.
	if _, err := f.login(t).FinishUsager(t.Context(), s.State, f.callback(s.State)); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	// A key of the same name that is not the same key.
	f.key = newKey(t)
	if _, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State)); !errors.Is(err, login.ErrToken) {
		t.Errorf("same kid, other key: %v", err)
	}
}

func TestAnswersRefused(t *testing.T) {
	other := newKey(t)
	for name, c := range map[string]struct {
		change func(*fake)
		want   error
	}{
		"wrong nonce":       {func(f *fake) { f.idToken["nonce"] = strings.Repeat("a", 64) }, login.ErrToken},
		"no nonce":          {func(f *fake) { f.idToken["nonce"] = nil }, login.ErrToken},
		"wrong iss":         {func(f *fake) { f.idToken["iss"] = f.issuer() + "/" }, login.ErrToken},
		"wrong aud":         {func(f *fake) { f.idToken["aud"] = "autre" }, login.ErrToken},
		"two auds":          {func(f *fake) { f.idToken["aud"] = []string{clientID, "autre"} }, login.ErrToken},
		"wrong azp":         {func(f *fake) { f.idToken["azp"] = "autre" }, login.ErrToken},
		"no sub":            {func(f *fake) { f.idToken["sub"] = nil }, login.ErrToken},
		"no exp":            {func(f *fake) { f.idToken["exp"] = nil }, login.ErrToken},
		"expired":           {func(f *fake) { f.idToken["exp"] = f.now.Add(-31 * time.Second).Unix() }, login.ErrToken},
		"no iat":            {func(f *fake) { f.idToken["iat"] = nil }, login.ErrToken},
		"iat to come":       {func(f *fake) { f.idToken["iat"] = f.now.Add(31 * time.Second).Unix() }, login.ErrToken},
		"wrong at_hash":     {func(f *fake) { f.idToken["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, login.ErrToken},
		"acr below":         {func(f *fake) { f.idToken["acr"] = "eidas0" }, login.ErrToken},
		"HS256":             {func(f *fake) { f.signID = func(c any) string { return signWith(jose.HS256, []byte(secret), f.kid, c) } }, login.ErrToken},
		"none":              {func(f *fake) { f.signID = unsigned }, login.ErrToken},
		"other key":         {func(f *fake) { f.signID = func(c any) string { return sign(other, f.kid, c) } }, login.ErrToken},
		"unknown kid":       {func(f *fake) { f.signID = func(c any) string { return sign(other, "inconnue", c) } }, login.ErrToken},
		"no kid, other key": {func(f *fake) { f.signID = func(c any) string { return sign(other, "", c) } }, login.ErrToken},
		"no id_token":       {func(f *fake) { f.token["id_token"] = nil }, login.ErrToken},
		"token not bearer":  {func(f *fake) { f.token["token_type"] = "mac" }, login.ErrToken},
		"userinfo of other": {func(f *fake) { f.userinfo["sub"] = "personne-2" }, login.ErrSub},
		"userinfo, no sub":  {func(f *fake) { f.userinfo["sub"] = nil }, login.ErrSub},
		"userinfo unsigned": {func(f *fake) { f.signInfo = unsigned }, login.ErrToken},
		"userinfo as JSON":  {func(f *fake) { f.infoType = "application/json" }, login.ErrToken},
		"userinfo HS256": {func(f *fake) {
			f.signInfo = func(c any) string { return signWith(jose.HS256, []byte(secret), f.kid, c) }
		}, login.ErrToken},
		"userinfo other key": {func(f *fake) { f.signInfo = func(c any) string { return sign(other, f.kid, c) } }, login.ErrToken},
		"userinfo wrong iss": {func(f *fake) { f.userinfo["iss"] = "https://autre.example" }, login.ErrToken},
		"userinfo wrong aud": {func(f *fake) { f.userinfo["aud"] = "autre" }, login.ErrToken},
		"userinfo expired":   {func(f *fake) { f.userinfo["exp"] = f.now.Add(-time.Minute).Unix() }, login.ErrToken},
		"no idp_id":          {func(f *fake) { f.userinfo["idp_id"] = nil }, login.ErrToken},
		"given_name a list":  {func(f *fake) { f.userinfo["given_name"] = []string{"Andrée"} }, login.ErrToken},
		"oversized userinfo": {func(f *fake) { f.userinfo["given_name"] = strings.Repeat("a", 300<<10) }, login.ErrToken},
		"oversized token":    {func(f *fake) { f.token["plein"] = strings.Repeat("a", 300<<10) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			l := f.login(t)
			s := startUsager(t, l, digest)
			c.change(f)
			u, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State))
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
				t.Fatalf("err = %v, want %v", err, c.want)
			}
			if u.Attested.Sub != "" || u.Proof.IDToken != "" || u.Userinfo != "" {
				t.Error("something was learnt from a refused answer")
			}
			for _, leak := range []string{"jeton-acces", "personne-1", "PETIT", "eyJ", secret, "code-1"} {
				if strings.Contains(err.Error(), leak) {
					t.Errorf("the error holds %q", leak)
				}
			}
		})
	}
}

// Two honest clocks may differ by half a minute, and no kid is no fault.
func TestAnswersTaken(t *testing.T) {
	for name, change := range map[string]func(*fake){
		"exp 29 s ago":         func(f *fake) { f.idToken["exp"] = f.now.Add(-29 * time.Second).Unix() },
		"iat in 29 s":          func(f *fake) { f.idToken["iat"] = f.now.Add(29 * time.Second).Unix() },
		"aud as a list":        func(f *fake) { f.idToken["aud"] = []string{clientID} },
		"azp ours":             func(f *fake) { f.idToken["azp"] = clientID },
		"no at_hash":           func(f *fake) { f.idToken["at_hash"] = nil },
		"no kid":               func(f *fake) { f.signID = func(c any) string { return sign(f.key, "", c) } },
		"userinfo, no iss/aud": func(f *fake) { f.userinfo["iss"], f.userinfo["aud"] = nil, nil },
		"no idp_birthdate":     func(f *fake) { f.userinfo["idp_birthdate"] = nil },
	} {
		f := newFake(t)
		l := f.login(t)
		s := startUsager(t, l, digest)
		change(f)
		if _, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCallbacksRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fake, *login.Pending, url.Values)
		want   error
	}{
		"other state":      {func(_ *fake, _ *login.Pending, q url.Values) { q.Set("state", strings.Repeat("0", 64)) }, login.ErrState},
		"no state":         {func(_ *fake, _ *login.Pending, q url.Values) { q.Del("state") }, login.ErrState},
		"empty pending":    {func(_ *fake, p *login.Pending, q url.Values) { *p = login.Pending{}; q.Set("state", "") }, login.ErrState},
		"two states":       {func(_ *fake, _ *login.Pending, q url.Values) { q.Add("state", "x") }, login.ErrState},
		"two codes":        {func(_ *fake, _ *login.Pending, q url.Values) { q.Add("code", "x") }, login.ErrState},
		"no code":          {func(_ *fake, _ *login.Pending, q url.Values) { q.Del("code") }, login.ErrState},
		"other iss":        {func(_ *fake, _ *login.Pending, q url.Values) { q.Set("iss", "https://autre.example") }, login.ErrState},
		"iss announced":    {func(_ *fake, _ *login.Pending, q url.Values) { q.Del("iss") }, login.ErrState},
		"an agent's":       {func(_ *fake, p *login.Pending, _ url.Values) { p.Purpose = "agent" }, login.ErrState},
		"too late":         {func(f *fake, _ *login.Pending, _ url.Values) { f.now = f.now.Add(16 * time.Minute) }, login.ErrExpired},
		"from the future":  {func(_ *fake, p *login.Pending, _ url.Values) { p.StartedAt = p.StartedAt.Add(time.Minute) }, login.ErrExpired},
		"cancelled":        {func(_ *fake, _ *login.Pending, q url.Values) { q.Set("error", "access_denied") }, login.ErrCancelled},
		"provider's fault": {func(_ *fake, _ *login.Pending, q url.Values) { q.Set("error", "server_error") }, login.ErrDown},
		"unknown error":    {func(_ *fake, _ *login.Pending, q url.Values) { q.Set("error", "<script>") }, login.ErrRefused{Code: "autre"}},
		"Y500015": {func(_ *fake, _ *login.Pending, q url.Values) {
			q.Set("error", "access_denied")
			q.Set("error_description", "authentication aborted (Y500015)")
		},
			login.ErrRefused{Code: "access_denied", Detail: "Y500015"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			l := f.login(t)
			s := startUsager(t, l, digest)
			q := f.callback(s.State)
			c.change(f, &s.State, q)
			if _, err := l.FinishUsager(t.Context(), s.State, q); !errors.Is(err, c.want) {
				t.Errorf("err = %v, want %v", err, c.want)
			}
			if f.calls["/token"] != 0 {
				t.Error("the code was sent")
			}
		})
	}
}

// The callback itself holds no memory: its single use is the cookie's removal
// here, and the provider's refusal of the code there.
func TestReplayedCodeIsRefusedByTheProvider(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	s := startUsager(t, l, digest)
	if _, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State)); err != nil {
		t.Fatal(err)
	}
	f.handle = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"secret detail"}`))
		}
	}
	_, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State))
	if !errors.Is(err, login.ErrRefused{Code: "invalid_grant"}) || strings.Contains(err.Error(), "detail") {
		t.Errorf("err = %v", err)
	}
}

// ProConnect says access_denied both for a level it cannot reach and for an
// agent who gives up.
func TestAgentWithoutSecondFactor(t *testing.T) {
	f := newFake(t)
	l := f.login(t)
	s, err := l.StartAgent(t.Context(), login.StartAgent{})
	if err != nil {
		t.Fatal(err)
	}
	for description, want := range map[string]error{
		"requested ACRs could not be satisfied": login.ErrWeak,
		"User auth aborted":                     login.ErrCancelled,
	} {
		q := url.Values{"state": {s.State.State}, "error": {"access_denied"}, "error_description": {description}, "iss": {f.issuer()}}
		if _, err := l.FinishAgent(t.Context(), s.State, q); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", description, err, want)
		}
	}
}
