package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/config"
)

// TestEncryptedIdentity: FranceConnect encrypts what it says for the keys that
// Relais publishes, the mandat is given all the same, its proof is verified without
// those keys, and an answer in clear is not taken any more.
func TestEncryptedIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cles.json")
	var out strings.Builder
	if err := keysVerb(t.Context(), call{args: []string{"chiffrement", path}, stdout: &out}); err != nil || strings.Contains(out.String(), `"d"`) {
		t.Fatalf("keys: %v", err)
	}
	if err := keysVerb(t.Context(), call{args: []string{"chiffrement", path}, stdout: &out}); err == nil {
		t.Error("a file of keys was overwritten")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the keys: %v, %v", info, err)
	}
	var set jose.JSONWebKeySet
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &set) != nil {
		t.Fatal(err)
	}
	w := newWorld(t, config.SQLite, func(c *config.Config) { c.FranceConnect.Keys = set.Keys })
	a := w.send(nil, http.MethodGet, "/identification/cles", "", nil)
	var public jose.JSONWebKeySet
	if a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &public) != nil || len(public.Keys) != 2 || !public.Keys[0].IsPublic() || !public.Keys[1].IsPublic() {
		t.Fatalf("published keys: %d %s", a.status, a.body)
	}
	if a := w.send(nil, http.MethodGet, "/connexion/cles", "", nil); a.status != http.StatusNotFound {
		t.Errorf("keys for a provider that encrypts nothing: %d", a.status)
	}
	nadia := w.agent("nadia")
	id := w.entrust(nadia)
	before := w.mandatOf("nadia", id)
	nadia.Click("identifier").Click("fi-impots").Click("usager-perrin").Click("continuer")
	nadia.MustStatus(http.StatusBadRequest).MustNotSee("Perrin") // in clear
	w.survives(before, "nadia")
	w.hub.stand(encrypting(t, public.Keys))
	w.finish(nadia, id, "nadia", "perrin")
	if code, out := w.verb("mandat", "verify", w.mandatOf("nadia", id).Number); code != 0 || !strings.Contains(out, "La preuve tient") {
		t.Errorf("mandat verify: %d\n%s", code, out)
	}
}

// encrypting makes the hub encrypt id_token and userinfo, one with each key.
func encrypting(t *testing.T, keys []jose.JSONWebKey) func(http.Handler) http.Handler {
	wrap := func(k jose.JSONWebKey, token string) string {
		e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.KeyAlgorithm(k.Algorithm), Key: k.Key, KeyID: k.KeyID}, (&jose.EncrypterOptions{}).WithContentType("JWT"))
		if err != nil {
			t.Error(err)
			return token
		}
		jwe, err := e.Encrypt([]byte(token))
		if err != nil {
			t.Error(err)
			return token
		}
		text, _ := jwe.CompactSerialize()
		return text
	}
	return func(hub http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			said := httptest.NewRecorder()
			hub.ServeHTTP(said, r)
			body := said.Body.Bytes()
			switch {
			case said.Code != http.StatusOK:
			case r.URL.Path == "/api/v2/token":
				var answer map[string]any
				if json.Unmarshal(body, &answer) == nil {
					answer["id_token"] = wrap(keys[0], answer["id_token"].(string))
					body, _ = json.Marshal(answer)
				}
			case r.URL.Path == "/api/v2/userinfo":
				body = []byte(wrap(keys[1], string(body)))
			}
			for name, values := range said.Header() {
				w.Header()[name] = values
			}
			w.Header().Del("Content-Length")
			w.WriteHeader(said.Code)
			_, _ = w.Write(body)
		})
	}
}
