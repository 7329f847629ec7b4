package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/acte"
	"relais/internal/login"
)

// encryptionKeys are Relais's own: for ECDH-ES and for RSA-OAEP.
func encryptionKeys(t testing.TB) []jose.JSONWebKey {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return []jose.JSONWebKey{{Key: ec, KeyID: "ec", Use: "enc", Algorithm: "ECDH-ES"}, {Key: rs, KeyID: "rsa", Use: "enc"}}
}

// encrypt is what a provider does with a signed token.
func encrypt(t testing.TB, alg jose.KeyAlgorithm, enc jose.ContentEncryption, key jose.JSONWebKey, token string, zip ...jose.CompressionAlgorithm) string {
	t.Helper()
	opts := (&jose.EncrypterOptions{}).WithContentType("JWT")
	if len(zip) > 0 {
		opts.Compression = zip[0]
	}
	public := key.Public()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: public.Key, KeyID: key.KeyID}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := e.Encrypt([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestEncryptedAnswers: id_token and userinfo, signed and encrypted in each way
// that may be agreed. The evidence holds the signed tokens.
func TestEncryptedAnswers(t *testing.T) {
	keys := encryptionKeys(t)
	for name, c := range map[string]struct {
		alg jose.KeyAlgorithm
		key jose.JSONWebKey
	}{"ECDH-ES": {jose.ECDH_ES, keys[0]}, "RSA-OAEP": {jose.RSA_OAEP, keys[1]}, "RSA-OAEP-256": {jose.RSA_OAEP_256, keys[1]}} {
		f := newFake(t)
		f.decrypt = keys
		wrap := func(claims any) string { return encrypt(t, c.alg, jose.A256GCM, c.key, sign(f.key, f.kid, claims)) }
		f.signID, f.signInfo = wrap, wrap
		l := f.login(t)
		text := acte.Texte{Version: "v", Body: "Je donne mandat\n", Salt: acte.NewSalt()}
		s := startUsager(t, l, text.Nonce())
		s.State.Salt = text.Salt
		u, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State))
		if err != nil || strings.Count(u.Proof.IDToken, ".") != 2 || strings.Count(u.Userinfo, ".") != 2 || u.LogoutHint != u.Proof.IDToken {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := (acte.Dossier{Texte: text, Usager: u.Proof, Userinfo: u.Userinfo}).Verify(); err != nil || got != u.Attested {
			t.Errorf("%s: evidence %v", name, err)
		}
		if a, err := rp(t, f, nil); err != nil || a.Login.Sub != "personne-1" {
			t.Errorf("%s: agent %v", name, err)
		}
	}
}

// TestEncryptedAnswersRefused: for another key, by another algorithm, compressed, in
// clear within or without, and whatever is wrong with the signature inside.
func TestEncryptedAnswersRefused(t *testing.T) {
	keys, foreign := encryptionKeys(t), encryptionKeys(t)
	foreign[0].KeyID = "ec"
	for name, wrap := range map[string]func(*fake, any) string{
		"in clear": func(f *fake, c any) string { return sign(f.key, f.kid, c) },
		"for another key": func(f *fake, c any) string {
			return encrypt(t, jose.ECDH_ES, jose.A256GCM, foreign[0], sign(f.key, f.kid, c))
		},
		"RSA1_5": func(f *fake, c any) string {
			return encrypt(t, jose.RSA1_5, jose.A256GCM, keys[1], sign(f.key, f.kid, c))
		}, //nolint:staticcheck
		"A128CBC-HS256": func(f *fake, c any) string {
			return encrypt(t, jose.ECDH_ES, jose.A128CBC_HS256, keys[0], sign(f.key, f.kid, c))
		},
		"compressed": func(f *fake, c any) string {
			return encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], sign(f.key, f.kid, c), jose.DEFLATE)
		},
		"not signed within": func(_ *fake, c any) string { return encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], unsigned(c)) },
		"another's signature": func(f *fake, c any) string {
			return encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], sign(newKey(t), f.kid, c))
		},
		"encrypted twice": func(f *fake, c any) string {
			return encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], sign(f.key, f.kid, c)))
		},
		"words": func(*fake, any) string { return "a.b.c.d.e" },
	} {
		for _, of := range []string{"id_token", "userinfo"} {
			f := newFake(t)
			f.decrypt = keys
			right := func(c any) string { return encrypt(t, jose.ECDH_ES, jose.A256GCM, keys[0], sign(f.key, f.kid, c)) }
			wrong := func(c any) string { return wrap(f, c) }
			f.signID, f.signInfo = wrong, right
			if of == "userinfo" {
				f.signID, f.signInfo = right, wrong
			}
			l := f.login(t)
			s := startUsager(t, l, digest)
			u, err := l.FinishUsager(t.Context(), s.State, f.callback(s.State))
			if !errors.Is(err, login.ErrToken) || u.Attested.Sub != "" || (of == "userinfo") != (u.LogoutHint != "") && name != "not signed within" && name != "another's signature" && name != "encrypted twice" {
				t.Errorf("%s %s: %v, hint %v", of, name, err, u.LogoutHint != "")
			}
		}
	}
}
