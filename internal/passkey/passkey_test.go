package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/passkey"
	"relais/internal/testkit/authenticator"
)

const origin = "https://relais.example"

var lea = aidant.Aidant{ID: "a-lea", Email: "lea@mairie.example", GivenName: "Léa", UsualName: "Fontaine"}

func site(t *testing.T, address string) *passkey.Passkeys {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p, err := passkey.New(u, "Relais")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func enrol(t *testing.T, p *passkey.Passkeys, x *authenticator.Authenticator) (facteur.Passkey, error) {
	t.Helper()
	options, challenge, err := p.AskNew(lea, facteur.Facteurs{Agent: lea.ID})
	if err != nil {
		t.Fatal(err)
	}
	return p.New(lea, challenge, []byte(x.Create(t, options)))
}

// TestOptions: what browsers are asked for.
func TestOptions(t *testing.T) {
	p := site(t, origin)
	have := facteur.Facteurs{Agent: lea.ID, Passkeys: []facteur.Passkey{{CredentialID: []byte("déjà là")}}}
	options, challenge, err := p.AskNew(lea, have)
	if err != nil || len(challenge) != 32 {
		t.Fatal(len(challenge), err)
	}
	var o struct {
		RP        struct{ ID, Name string }
		User      struct{ ID, Name, DisplayName string }
		Challenge string
		Params    []struct{ Alg int } `json:"pubKeyCredParams"`
		Selection struct {
			ResidentKey, UserVerification string
			RequireResidentKey            bool
		} `json:"authenticatorSelection"`
		Exclude     []struct{ ID string } `json:"excludeCredentials"`
		Attestation string
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	if o.RP.ID != "relais.example" || o.User.ID != base64.RawURLEncoding.EncodeToString(facteur.Handle("a-lea")) || o.User.DisplayName != "Léa Fontaine" ||
		o.Selection.ResidentKey != "required" || !o.Selection.RequireResidentKey || o.Selection.UserVerification != "required" ||
		(o.Attestation != "none" && o.Attestation != "") || len(o.Exclude) != 1 || len(o.Params) != 3 {
		t.Errorf("%s", options)
	}
	asked, err := p.Ask(challenge, nil)
	if err != nil || !strings.Contains(string(asked), `"userVerification":"required"`) || !strings.Contains(string(asked), `"rpId":"relais.example"`) ||
		strings.Contains(string(asked), `"id":`) {
		t.Errorf("%s, %v", asked, err)
	}
	if asked, err = p.Ask(challenge, &have); err != nil || !strings.Contains(string(asked), `"id":`) {
		t.Errorf("%s, %v", asked, err)
	}
}

func TestEnrolment(t *testing.T) {
	p := site(t, origin)
	k, err := enrol(t, p, authenticator.New(origin, "relais.example"))
	if err != nil || k.Count != 1 || len(k.CredentialID) != 32 || k.BackupEligible {
		t.Fatal(k, err)
	}
	synced := authenticator.New(origin, "relais.example")
	synced.Flags, synced.Count = 5|8|16, 0
	if k, err := enrol(t, p, synced); err != nil || !k.BackupEligible || !k.BackedUp {
		t.Errorf("%+v, %v", k, err)
	}
	for name, change := range map[string]func(*authenticator.Authenticator){
		"not verified":  func(x *authenticator.Authenticator) { x.Flags = 1 },
		"not present":   func(x *authenticator.Authenticator) { x.Flags = 4 },
		"other origin":  func(x *authenticator.Authenticator) { x.Origin = "https://relais.example.evil" },
		"other port":    func(x *authenticator.Authenticator) { x.Origin = "https://relais.example:8443" },
		"capitals":      func(x *authenticator.Authenticator) { x.Origin = "https://RELAIS.example" },
		"without TLS":   func(x *authenticator.Authenticator) { x.Origin = "http://relais.example" },
		"in a frame":    func(x *authenticator.Authenticator) { x.Cross = true },
		"other site":    func(x *authenticator.Authenticator) { x.Site = "example" },
		"a login":       func(x *authenticator.Authenticator) { x.Type = "webauthn.get" },
		"backed up not": func(x *authenticator.Authenticator) { x.Flags = 5 | 16 },
	} {
		x := authenticator.New(origin, "relais.example")
		change(x)
		if _, err := enrol(t, p, x); !errors.Is(err, facteur.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.New(lea, passkey.NewChallenge(), []byte(strings.Repeat("x", 70<<10))); !errors.Is(err, facteur.ErrInvalid) {
		t.Error(err)
	}
	options, _, err := p.AskNew(lea, facteur.Facteurs{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.New(lea, passkey.NewChallenge(), []byte(authenticator.New(origin, "relais.example").Create(t, options))); !errors.Is(err, facteur.ErrInvalid) {
		t.Errorf("another challenge: %v", err)
	}
}

func TestLogin(t *testing.T) {
	p := site(t, origin)
	x := authenticator.New(origin, "relais.example")
	k, err := enrol(t, p, x)
	if err != nil {
		t.Fatal(err)
	}
	k.ID = k.KeyDigest()[:32]
	challenge := passkey.NewChallenge()
	options, err := p.Ask(challenge, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(a aidant.Aidant, k facteur.Passkey, challenge []byte, answer string) (facteur.Presented, facteur.Assertion, error) {
		t.Helper()
		read, err := p.Read([]byte(answer))
		if err != nil {
			return facteur.Presented{}, facteur.Assertion{}, err
		}
		return p.Check(a, k, challenge, read)
	}
	shown, proof, err := check(lea, k, challenge, x.Get(t, options))
	if err != nil || shown != (facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: 1}) || proof.Verify(challenge) != nil || proof.KeyDigest() != k.KeyDigest() {
		t.Fatal(shown, err)
	}
	if _, _, err := check(aidant.Aidant{ID: "a-paul"}, k, challenge, x.Get(t, options)); !errors.Is(err, facteur.ErrRefused) {
		t.Errorf("another agent's: %v", err)
	}
	if _, _, err := check(lea, k, passkey.NewChallenge(), x.Get(t, options)); !errors.Is(err, facteur.ErrRefused) {
		t.Errorf("another challenge: %v", err)
	}
	other := authenticator.New(origin, "relais.example")
	if _, err := enrol(t, p, other); err != nil {
		t.Fatal(err)
	}
	other.ID = x.ID
	if _, _, err := check(lea, k, challenge, other.Get(t, options)); !errors.Is(err, facteur.ErrRefused) {
		t.Errorf("another key under the same name: %v", err)
	}
	for name, change := range map[string]func(*authenticator.Authenticator){
		"not verified":   func(x *authenticator.Authenticator) { x.Flags = 1 },
		"not present":    func(x *authenticator.Authenticator) { x.Flags = 4 },
		"other origin":   func(x *authenticator.Authenticator) { x.Origin = "https://evil.example" },
		"capitals":       func(x *authenticator.Authenticator) { x.Origin = "https://RELAIS.example" },
		"in a frame":     func(x *authenticator.Authenticator) { x.Cross = true },
		"other site":     func(x *authenticator.Authenticator) { x.Site = "evil.example" },
		"an enrolment":   func(x *authenticator.Authenticator) { x.Type = "webauthn.create" },
		"eligible now":   func(x *authenticator.Authenticator) { x.Flags = 5 | 8 },
		"another handle": func(x *authenticator.Authenticator) { x.Handle = facteur.Handle("a-paul") },
	} {
		y := x.Clone()
		change(y)
		if _, _, err := check(lea, k, challenge, y.Get(t, options)); !errors.Is(err, facteur.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, answer := range []string{"", "{}", "null", "[]", strings.Repeat("{", 1000)} {
		if _, err := p.Read([]byte(answer)); !errors.Is(err, facteur.ErrRefused) {
			t.Errorf("%.10q: %v", answer, err)
		}
	}
}

// TestAddresses: an IP address has no passkeys, and says so.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]bool{"http://localhost:8080": true, origin: true, "http://127.0.0.1:8080": false, "http://[::1]:8080": false} {
		if got := site(t, address).Available(); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
