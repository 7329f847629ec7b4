package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/config"
)

// TestDecryptionKeys: private keys of encryption with a name, in a file that others
// cannot read; what is wrong is said without quoting a key, and they never print.
func TestDecryptionKeys(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	right := jose.JSONWebKey{Key: private, KeyID: "a", Use: "enc", Algorithm: "ECDH-ES"}
	set := func(change func(*jose.JSONWebKey)) string {
		k := right
		change(&k)
		text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	load := func(text string, mode os.FileMode) (config.Config, error) {
		path := filepath.Join(t.TempDir(), "cles.json")
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		values := good(t)
		values["RELAIS_FRANCECONNECT_DECHIFFREMENT"] = path
		return config.Load(environ(values))
	}
	same := func(*jose.JSONWebKey) {}
	c, err := load(set(same), 0o600)
	if err != nil || len(c.FranceConnect.Keys) != 1 || len(c.ProConnect.Keys) != 0 {
		t.Fatalf("%v, %d keys", err, len(c.FranceConnect.Keys))
	}
	if text := fmt.Sprintf("%v %+v %#v", c.FranceConnect, c.FranceConnect.Keys, c.FranceConnect.Keys); strings.Contains(text, private.D.String()) || strings.Contains(text, "0x") {
		t.Error("a private key was printed")
	}
	for name, text := range map[string]string{
		"words": "ceci", "no key": `{"keys":[]}`, "public": set(func(k *jose.JSONWebKey) { *k = k.Public() }), "without a name": set(func(k *jose.JSONWebKey) { k.KeyID = "" }),
		"for signatures": set(func(k *jose.JSONWebKey) { k.Use = "sig" }), "another algorithm": set(func(k *jose.JSONWebKey) { k.Algorithm = "RSA1_5" }), "no algorithm": set(func(k *jose.JSONWebKey) { k.Algorithm = "" }),
	} {
		if _, err := load(text, 0o600); err == nil || !strings.Contains(err.Error(), "RELAIS_FRANCECONNECT_DECHIFFREMENT") || strings.Contains(err.Error(), `"d"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := load(set(same), 0o644); err == nil {
		t.Error("a file that all can read was taken")
	}
}
