package acte_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"relais/internal/acte"
	"relais/internal/facteur"
	"relais/internal/testkit/authenticator"
)

// byPasskey is a dossier whose aidant accepted by passkey.
func byPasskey(t *testing.T) (acte.Dossier, *authenticator.Authenticator) {
	t.Helper()
	d := newEvidence(t).Dossier
	x := authenticator.New("https://relais.example", "relais.example")
	x.Create(t, []byte(`{"challenge":"AAAA","user":{"id":"AAAA"}}`))
	salt := acte.NewSalt()
	d.Aidant = acte.PasskeyProof(salt, assertion(t, x, acte.Challenge(salt, d.Texte.Body)))
	return d, x
}

func assertion(t *testing.T, x *authenticator.Authenticator, challenge []byte) facteur.Assertion {
	t.Helper()
	var answer struct {
		Response struct{ ClientDataJSON, AuthenticatorData, Signature string }
	}
	options := `{"challenge":"` + base64.RawURLEncoding.EncodeToString(challenge) + `"}`
	if err := json.Unmarshal([]byte(x.Get(t, []byte(options))), &answer); err != nil {
		t.Fatal(err)
	}
	raw := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return facteur.Assertion{Origin: x.Origin, PublicKey: x.COSE(t), ClientData: raw(answer.Response.ClientDataJSON),
		AuthenticatorData: raw(answer.Response.AuthenticatorData), Signature: raw(answer.Response.Signature)}
}

func TestAcceptedByPasskey(t *testing.T) {
	d, x := byPasskey(t)
	plain, _, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if d, err = acte.Decode(plain); err != nil {
		t.Fatal(err)
	}
	want := facteur.Passkey{PublicKey: x.COSE(t)}.KeyDigest()
	if got, err := d.VerifyAidant(); err != nil || got != (acte.Accepted{Method: acte.MethodPasskey, Key: want}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := d.Verify(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*acte.Dossier){
		"no salt":        func(d *acte.Dossier) { d.Aidant.Salt = nil },
		"usager's salt":  func(d *acte.Dossier) { d.Aidant.Salt = d.Texte.Salt },
		"another text":   func(d *acte.Dossier) { d.Texte.Body = flip(d.Texte.Body, 0) },
		"no signature":   func(d *acte.Dossier) { d.Aidant.Own.Passkey = nil },
		"unknown method": func(d *acte.Dossier) { d.Aidant.Own.Method = "parole" },
		"as a code":      func(d *acte.Dossier) { d.Aidant.Own.Method = acte.MethodCode },
		"an agent too":   func(d *acte.Dossier) { d.Aidant.Own.Agent = "a-lea" },
		"a token too":    func(d *acte.Dossier) { d.Aidant.IDToken = d.Usager.IDToken },
		"keys too":       func(d *acte.Dossier) { d.Aidant.JWKS = d.Usager.JWKS },
		"the usager's half": func(d *acte.Dossier) {
			d.Aidant, d.Usager = d.Usager, d.Aidant
			d.Aidant.Salt = nil
		},
	} {
		d, _ := byPasskey(t)
		change(&d)
		if got, err := d.VerifyAidant(); !errors.Is(err, acte.ErrEvidence) || got != (acte.Accepted{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	d.Usager = d.Aidant
	if _, err := d.Verify(); !errors.Is(err, acte.ErrEvidence) {
		t.Errorf("a passkey as the usager's login: %v", err)
	}
}

// TestEveryBitOfAnAcceptance counts: the text, the salt, and all that the passkey
// signed or was.
func TestEveryBitOfAnAcceptance(t *testing.T) {
	d, _ := byPasskey(t)
	p := d.Aidant.Own.Passkey
	before, err := d.VerifyAidant()
	if err != nil {
		t.Fatal(err)
	}
	body, origin := []byte(d.Texte.Body), []byte(p.Origin)
	for name, field := range map[string][]byte{"salt": d.Aidant.Salt, "key": p.PublicKey, "client data": p.ClientData,
		"authenticator data": p.AuthenticatorData, "signature": p.Signature, "text": body, "origin": origin} {
		for i := range len(field) * 8 {
			field[i/8] ^= 1 << (i % 8)
			d.Texte.Body, p.Origin = string(body), string(origin)
			if got, err := d.VerifyAidant(); err == nil {
				t.Errorf("bit %d of the %s: %+v", i, name, got)
			}
			field[i/8] ^= 1 << (i % 8)
		}
	}
	d.Texte.Body, p.Origin = string(body), string(origin)
	if after, err := d.VerifyAidant(); err != nil || after != before {
		t.Errorf("%+v, %v", after, err)
	}
}

// TestAcceptedByCode says who, and that nothing was signed.
func TestAcceptedByCode(t *testing.T) {
	d := newEvidence(t).Dossier
	d.Aidant = acte.CodeProof("a-lea")
	if got, err := d.VerifyAidant(); err != nil || got != (acte.Accepted{Method: acte.MethodCode, Agent: "a-lea"}) {
		t.Errorf("%+v, %v", got, err)
	}
	d.Aidant = acte.CodeProof("")
	if _, err := d.VerifyAidant(); !errors.Is(err, acte.ErrEvidence) {
		t.Error(err)
	}
}

// TestOldDossiers: what was sealed before there were factors of our own verifies as
// it did, and is written back byte for byte.
func TestOldDossiers(t *testing.T) {
	plain, err := os.ReadFile("testdata/dossier-2026-11.json")
	if err != nil {
		t.Fatal(err)
	}
	plain = bytes.TrimSpace(plain)
	d, err := acte.Decode(plain)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := d.Verify(); err != nil || who.Sub != "p1" || who.Pivot.FamilyName != "PETIT" {
		t.Errorf("%+v, %v", who, err)
	}
	if got, err := d.VerifyAidant(); err != nil || got != (acte.Accepted{Method: acte.MethodProvider, Sub: "a1"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if again, _, err := d.Encode(); err != nil || string(again) != string(plain) {
		t.Errorf("written back otherwise: %v\n%s", err, again)
	}
	if strings.Contains(string(plain), `"relais"`) && strings.Contains(string(plain), `"methode"`) {
		t.Error("this dossier is not an old one")
	}
}
