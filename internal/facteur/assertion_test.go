package facteur_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"testing"

	"relais/internal/facteur"
)

var challenge = []byte("0123456789abcdef0123456789abcdef")

// signed is an assertion as a browser and an authenticator make it.
func signed(t *testing.T, sign func(message []byte) []byte, key []byte, kind string, flags byte, challenge []byte) facteur.Assertion {
	t.Helper()
	site := sha256.Sum256([]byte("relais.example"))
	a := facteur.Assertion{Origin: "https://relais.example", PublicKey: key,
		ClientData: []byte(`{"type":"` + kind + `","challenge":"` + base64.RawURLEncoding.EncodeToString(challenge) +
			`","origin":"https://relais.example","crossOrigin":false}`)}
	a.AuthenticatorData = append(site[:], flags, 0, 0, 0, 7)
	sum := sha256.Sum256(a.ClientData)
	a.Signature = sign(append(append([]byte{}, a.AuthenticatorData...), sum[:]...))
	return a
}

func es256(t *testing.T, key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(message []byte) []byte {
		sum := sha256.Sum256(message)
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
}

func TestAssertion(t *testing.T) {
	key := newKey(t)
	good := signed(t, es256(t, key), cose(t, key), "webauthn.get", 0x05, challenge)
	if err := good.Verify(challenge); err != nil {
		t.Fatal(err)
	}
	other := signed(t, es256(t, newKey(t)), cose(t, key), "webauthn.get", 0x05, challenge)
	elsewhere := good
	elsewhere.Origin = "https://relais.example:8443"
	short := signed(t, es256(t, key), cose(t, key), "webauthn.get", 0x05, []byte("x"))
	for name, a := range map[string]facteur.Assertion{
		"an enrolment":    signed(t, es256(t, key), cose(t, key), "webauthn.create", 0x05, challenge),
		"not verified":    signed(t, es256(t, key), cose(t, key), "webauthn.get", 0x01, challenge),
		"not present":     signed(t, es256(t, key), cose(t, key), "webauthn.get", 0x04, challenge),
		"other challenge": signed(t, es256(t, key), cose(t, key), "webauthn.get", 0x05, []byte("0123456789abcdef0123456789abcdeg")),
		"other key":       other, "other origin": elsewhere, "zero": {},
	} {
		if err := a.Verify(challenge); !errors.Is(err, facteur.ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := short.Verify([]byte("x")); !errors.Is(err, facteur.ErrEvidence) {
		t.Errorf("a short challenge: %v", err)
	}
}

// TestEveryBit of what is kept counts.
func TestEveryBit(t *testing.T) {
	key := newKey(t)
	good := signed(t, es256(t, key), cose(t, key), "webauthn.get", 0x05, challenge)
	for name, field := range map[string]func(*facteur.Assertion) *[]byte{
		"key":    func(a *facteur.Assertion) *[]byte { return &a.PublicKey },
		"client": func(a *facteur.Assertion) *[]byte { return &a.ClientData },
		"data":   func(a *facteur.Assertion) *[]byte { return &a.AuthenticatorData },
		"seal":   func(a *facteur.Assertion) *[]byte { return &a.Signature },
		"origin": nil,
	} {
		raw := []byte(good.Origin)
		if field != nil {
			raw = *field(&good)
		}
		for i := range len(raw) * 8 {
			a := good
			changed := append([]byte{}, raw...)
			changed[i/8] ^= 1 << (i % 8)
			if field == nil {
				a.Origin = string(changed)
			} else {
				*field(&a) = changed
			}
			if a.Verify(challenge) == nil {
				t.Errorf("bit %d of %s means nothing", i, name)
			}
		}
	}
}

// TestOtherKeys: Ed25519 and RSA authenticators exist too.
func TestOtherKeys(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	okp := append([]byte{0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20}, public...)
	a := signed(t, func(m []byte) []byte { return ed25519.Sign(private, m) }, okp, "webauthn.get", 0x05, challenge)
	if err := a.Verify(challenge); err != nil {
		t.Error(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n := append([]byte{0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, 0x01, 0x00}, key.N.FillBytes(make([]byte, 256))...)
	n = append(n, 0x21, 0x43, 0x01, 0x00, 0x01)
	a = signed(t, func(m []byte) []byte {
		sum := sha256.Sum256(m)
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}, n, "webauthn.get", 0x05, challenge)
	if err := a.Verify(challenge); err != nil {
		t.Error(err)
	}
}
