package acte_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/acte"
	"relais/internal/identite"
)

const (
	hubURL = "https://hub.example/api/v2"
	client = "relais"
)

// signer plays an identity provider with one key.
type signer struct {
	key *ecdsa.PrivateKey
	kid string
}

func newSigner(t *testing.T, kid string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, kid}
}

func (s signer) jwks(t *testing.T) []byte {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: s.kid, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (s signer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.ES256, s.key, s.kid, claims)
}

func signWith(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := made.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none"}`)) + "." + enc(body) + "."
}

// evidence is a dossier that holds, and what it was made from.
type evidence struct {
	acte.Dossier
	hub        signer
	id, info   map[string]any
	acceptance map[string]any
}

func newEvidence(t *testing.T) evidence {
	t.Helper()
	hub := newSigner(t, "hub-1")
	text := acte.Texte{Version: "2026-11-01", Body: "Je donne mandat pour le logement.\n", Salt: acte.NewSalt()}
	salt := acte.NewSalt()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	e := evidence{
		hub:        hub,
		id:         map[string]any{"iss": hubURL, "aud": client, "sub": "p1", "nonce": text.Nonce(), "iat": at.Unix(), "exp": at.Unix() + 60},
		acceptance: map[string]any{"iss": hubURL, "aud": client, "sub": "a1", "nonce": acte.Digest(salt, text.Body), "iat": at.Unix()},
		info: map[string]any{"sub": "p1", "family_name": "PETIT", "given_name": "Andrée", "gender": "female", "birthdate": "1942-01-01",
			"idp_birthdate": "1942-00-00", "birthplace": "2A004", "birthcountry": "99100", "email": "a@example.fr", "idp_id": "impots"},
	}
	e.Dossier = acte.Dossier{
		Texte:    text,
		Usager:   acte.Proof{Issuer: hubURL, ClientID: client, Salt: text.Salt, IDToken: hub.sign(t, e.id), JWKS: hub.jwks(t)},
		Userinfo: hub.sign(t, e.info),
		Aidant:   acte.Proof{Issuer: hubURL, ClientID: client, Salt: salt, IDToken: hub.sign(t, e.acceptance), JWKS: hub.jwks(t)},
	}
	return e
}

func with(base map[string]any, name string, value any) map[string]any {
	out := maps.Clone(base)
	out[name] = value
	return out
}

func TestDossierHolds(t *testing.T) {
	e := newEvidence(t)
	plain, digest, err := e.Encode()
	if err != nil || digest != acte.KeysDigest(plain) {
		t.Fatal(digest, err)
	}
	d, err := acte.Decode(plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Verify()
	if err != nil {
		t.Fatal(err)
	}
	want := acte.Attested{Sub: "p1", IDP: "impots", Email: "a@example.fr", LoggedInAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		Pivot: identite.Pivot{FamilyName: "PETIT", GivenName: "Andrée", Gender: "female", Birthdate: "1942-00-00", Birthplace: "2A004", Birthcountry: "99100"}}
	if got != want {
		t.Errorf("Verify = %+v, want %+v", got, want)
	}
	if got, err := d.VerifyAidant(); err != nil || got != (acte.Accepted{Method: acte.MethodProvider, Sub: "a1"}) {
		t.Errorf("VerifyAidant = %+v, %v", got, err)
	}
}

// Without the person's own date, the one FranceConnect gives counts.
func TestDossierWithoutOriginalBirthdate(t *testing.T) {
	e := newEvidence(t)
	e.Userinfo = e.hub.sign(t, with(e.info, "idp_birthdate", ""))
	if got, err := e.Verify(); err != nil || got.Pivot.Birthdate != "1942-01-01" {
		t.Errorf("Verify = %s, %v", got.Pivot.Birthdate, err)
	}
}

// flip changes one bit of the byte at i.
func flip(s string, i int) string {
	b := []byte(s)
	b[i] ^= 1
	return string(b)
}

func TestDossierRefusesAChangedByte(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *evidence){
		"text":         func(_ *testing.T, e *evidence) { e.Texte.Body = flip(e.Texte.Body, 3) },
		"salt":         func(_ *testing.T, e *evidence) { e.Texte.Salt = []byte(flip(string(e.Texte.Salt), 0)) },
		"proof's salt": func(_ *testing.T, e *evidence) { e.Usager.Salt = []byte(flip(string(e.Usager.Salt), 0)) },
		"both salts":   func(_ *testing.T, e *evidence) { e.Texte.Salt = acte.NewSalt(); e.Usager.Salt = e.Texte.Salt },
		"no salt":      func(_ *testing.T, e *evidence) { e.Texte.Salt, e.Usager.Salt = nil, nil },
		"token's head": func(_ *testing.T, e *evidence) { e.Usager.IDToken = flip(e.Usager.IDToken, 12) },
		"token's body": func(_ *testing.T, e *evidence) {
			e.Usager.IDToken = flip(e.Usager.IDToken, strings.Index(e.Usager.IDToken, ".")+20)
		},
		"token's seal":   func(_ *testing.T, e *evidence) { e.Usager.IDToken = flip(e.Usager.IDToken, len(e.Usager.IDToken)-9) },
		"userinfo":       func(_ *testing.T, e *evidence) { e.Userinfo = flip(e.Userinfo, strings.Index(e.Userinfo, ".")+20) },
		"userinfo empty": func(_ *testing.T, e *evidence) { e.Userinfo = "" },
		"key": func(_ *testing.T, e *evidence) {
			i := bytes.Index(e.Usager.JWKS, []byte(`"x":"`)) + 10
			e.Usager.JWKS = []byte(flip(string(e.Usager.JWKS), i))
		},
		"other key": func(t *testing.T, e *evidence) { e.Usager.JWKS = newSigner(t, "hub-1").jwks(t) },
		"no keys":   func(_ *testing.T, e *evidence) { e.Usager.JWKS = []byte(`{"keys":[]}`) },
		"nonce": func(t *testing.T, e *evidence) {
			e.Usager.IDToken = e.hub.sign(t, with(e.id, "nonce", strings.Repeat("0", 64)))
		},
		"iss": func(t *testing.T, e *evidence) { e.Usager.IDToken = e.hub.sign(t, with(e.id, "iss", hubURL+"/")) },
		"aud": func(t *testing.T, e *evidence) { e.Usager.IDToken = e.hub.sign(t, with(e.id, "aud", "autre")) },
		"two auds": func(t *testing.T, e *evidence) {
			e.Usager.IDToken = e.hub.sign(t, with(e.id, "aud", []string{client, "autre"}))
		},
		"no issuer": func(t *testing.T, e *evidence) {
			e.Usager.Issuer = ""
			e.Usager.IDToken = e.hub.sign(t, with(e.id, "iss", ""))
		},
		"no sub":    func(t *testing.T, e *evidence) { e.Usager.IDToken = e.hub.sign(t, with(e.id, "sub", "")) },
		"no iat":    func(t *testing.T, e *evidence) { e.Usager.IDToken = e.hub.sign(t, with(e.id, "iat", nil)) },
		"other sub": func(t *testing.T, e *evidence) { e.Userinfo = e.hub.sign(t, with(e.info, "sub", "p2")) },
		"none":      func(t *testing.T, e *evidence) { e.Usager.IDToken = unsigned(t, e.id) },
		"info none": func(t *testing.T, e *evidence) { e.Userinfo = unsigned(t, e.info) },
		"HS256": func(t *testing.T, e *evidence) {
			e.Usager.IDToken = signWith(t, jose.HS256, bytes.Repeat([]byte("k"), 32), "hub-1", e.id)
		},
		"info HS256": func(t *testing.T, e *evidence) {
			e.Userinfo = signWith(t, jose.HS256, bytes.Repeat([]byte("k"), 32), "hub-1", e.info)
		},
		"shared key in the set": func(t *testing.T, e *evidence) {
			k := bytes.Repeat([]byte("k"), 32)
			e.Usager.JWKS, _ = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: k, KeyID: "hub-1", Algorithm: "HS256"}}}) // a key set always encodes
			e.Usager.IDToken = signWith(t, jose.HS256, k, "hub-1", e.id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEvidence(t)
			change(t, &e)
			if got, err := e.Verify(); !errors.Is(err, acte.ErrEvidence) || got.Sub != "" {
				t.Errorf("Verify = %+v, %v", got, err)
			}
		})
	}
}

// Every single byte of the text counts, and every one of both tokens.
func TestDossierEveryByteCounts(t *testing.T) {
	e := newEvidence(t)
	for i := range e.Texte.Body {
		d := e.Dossier
		d.Texte.Body = flip(d.Texte.Body, i)
		if _, err := d.Verify(); err == nil {
			t.Errorf("byte %d of the text", i)
		}
	}
	for i := range e.Usager.IDToken { // also the unused bits of base64, which decoders drop
		d := e.Dossier
		d.Usager.IDToken = flip(d.Usager.IDToken, i)
		if _, err := d.Verify(); err == nil {
			t.Errorf("byte %d of the id_token", i)
		}
	}
	for i := range e.Userinfo {
		d := e.Dossier
		d.Userinfo = flip(d.Userinfo, i)
		if _, err := d.Verify(); err == nil {
			t.Errorf("byte %d of the userinfo", i)
		}
	}
}

func TestAcceptanceIsOfThisText(t *testing.T) {
	e := newEvidence(t)
	e.Aidant.Salt = e.Texte.Salt
	if _, err := e.VerifyAidant(); !errors.Is(err, acte.ErrEvidence) {
		t.Errorf("the usager's salt: %v", err)
	}
	e = newEvidence(t)
	e.Texte.Body = flip(e.Texte.Body, 0)
	if _, err := e.VerifyAidant(); !errors.Is(err, acte.ErrEvidence) {
		t.Errorf("another text: %v", err)
	}
	e = newEvidence(t)
	e.Aidant.IDToken = e.Usager.IDToken
	if _, err := e.VerifyAidant(); !errors.Is(err, acte.ErrEvidence) {
		t.Errorf("the usager's login: %v", err)
	}
}
