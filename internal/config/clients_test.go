package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"relais/internal/config"
)

const publicKey = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`
const privateKey = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}`

// client is the good client with fields changed ("" removes), as a file's text.
func client(t *testing.T, changes map[string]string) string {
	t.Helper()
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(goodClient), &list); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		list[0][name] = json.RawMessage(value)
		if value == "" {
			delete(list[0], name)
		}
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestClientsAccepted(t *testing.T) {
	base := good(t)
	for name, changes := range map[string]map[string]string{
		"standard":     {"relais_profile": `"standard"`, "relais_act": `true`, "contacts": `["a@b.example"]`},
		"hs256":        {"id_token_signed_response_alg": `"HS256"`, "userinfo_signed_response_alg": `"HS256"`},
		"json":         {"userinfo_signed_response_alg": ""},
		"private key":  {"token_endpoint_auth_method": `"private_key_jwt"`, "client_secret": "", "jwks": publicKey},
		"keys by URL":  {"token_endpoint_auth_method": `"private_key_jwt"`, "client_secret": "", "jwks_uri": `"https://hub.example/jwks"`},
		"encrypted":    {"userinfo_encrypted_response_alg": `"ECDH-ES"`, "userinfo_encrypted_response_enc": `"A256GCM"`, "jwks": publicKey},
		"basic":        {"token_endpoint_auth_method": `"client_secret_basic"`},
		"said in full": {"grant_types": `["authorization_code"]`, "response_types": `["code"]`, "subject_type": `"pairwise"`, "relais_pkce": `"optional"`},
	} {
		base["RELAIS_CLIENTS"] = write(t, t.TempDir(), "clients.json", client(t, changes), 0o600)
		if problems := vary(t, config.Load, base, nil); len(problems) != 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestClientsRefused(t *testing.T) {
	base := good(t)
	change := func(pairs ...string) string {
		changes := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			changes[pairs[i]] = pairs[i+1]
		}
		return client(t, changes)
	}
	twice := strings.TrimSuffix(goodClient, "]") + "," + strings.TrimPrefix(goodClient, "[")
	for _, test := range []struct{ name, text, says string }{
		{"not JSON", `[{`, "JSON invalide"},
		{"not an array", `{}`, "bon type"},
		{"not objects", `[1]`, "objet JSON"},
		{"trailing text", goodClient + "x", "JSON invalide"},
		{"empty", `[]`, "aucun client"},
		{"null", `null`, "aucun client"},
		{"not UTF-8", "[\"\xff\"]", "UTF-8"},
		{"unknown field", change("redirect_uri", `"x"`), `champ inconnu "redirect_uri"`},
		{"wrong case", change("Client_Secret", `"x"`), `champ inconnu "Client_Secret"`},
		{"repeated field", strings.Replace(goodClient, `{`, `{"client_id":"hub",`, 1), "champ répété"},
		{"wrong type", change("redirect_uris", `"https://hub.example/cb"`), "bon type"},
		{"twice", twice, "déjà déclaré"},
		{"no id", change("client_id", ""), "client_id absent"},
		{"no name", change("client_name", ""), "client_name"},
		{"no redirect", change("redirect_uris", `[]`), "redirect_uris est vide"},
		{"http", change("redirect_uris", `["http://hub.example/cb"]`), "redirect_uris n° 1"},
		{"http here", change("redirect_uris", `["http://127.0.0.1:8082/cb"]`), "redirect_uris n° 1"},
		{"relative", change("redirect_uris", `["/cb"]`), "redirect_uris n° 1"},
		{"fragment", change("redirect_uris", `["https://hub.example/cb#"]`), "redirect_uris n° 1"},
		{"wildcard", change("redirect_uris", `["https://*.example/cb"]`), "redirect_uris n° 1"},
		{"user", change("redirect_uris", `["https://hub@evil.example/cb"]`), "redirect_uris n° 1"},
		{"blank", change("redirect_uris", `["https://hub.example/cb "]`), "redirect_uris n° 1"},
		{"repeated", change("redirect_uris", `["https://hub.example/cb","https://hub.example/cb"]`), "répétée"},
		{"logout", change("post_logout_redirect_uris", `["javascript:alert(1)"]`), "post_logout_redirect_uris n° 1"},
		{"implicit", change("response_types", `["id_token"]`), "response_types"},
		{"password", change("grant_types", `["password"]`), "grant_types"},
		{"no openid", change("scope", `"profile"`), "openid"},
		{"double blank", change("scope", `"openid  profile"`), "mal formé"},
		{"public", change("subject_type", `"public"`), "pairwise"},
		{"contact", change("contacts", `["personne"]`), "contacts"},
		{"strict without keys", change("relais_profile", `"strict"`), "private_key_jwt"},
		{"introspection", change("relais_introspection", `["nobody"]`), "relais_introspection"},
		{"no profile", change("relais_profile", ""), "relais_profile"},
		{"pkce", change("relais_pkce", `"no"`), "relais_pkce"},
		{"nonce", change("relais_nonce", `"no"`), "relais_nonce"},
		{"hub with pkce", change("relais_pkce", `"required"`), "FranceConnect n'envoie pas"},
		{"no auth", change("token_endpoint_auth_method", `"none"`), "token_endpoint_auth_method"},
		{"short secret", change("client_secret", `"hunter2"`), "trop court"},
		{"no key", change("token_endpoint_auth_method", `"private_key_jwt"`, "client_secret", ""), "sans clé"},
		{"useless secret", change("token_endpoint_auth_method", `"private_key_jwt"`, "jwks", publicKey), "ne sert à rien"},
		{"hs256 without secret", change("token_endpoint_auth_method", `"private_key_jwt"`, "client_secret", "", "jwks", publicKey,
			"id_token_signed_response_alg", `"HS256"`), "client_secret absent"},
		{"unsigned", change("id_token_signed_response_alg", `"none"`), "id_token_signed"},
		{"unsigned userinfo", change("userinfo_signed_response_alg", `"none"`), "userinfo_signed"},
		{"weak encryption", change("id_token_encrypted_response_alg", `"RSA1_5"`, "id_token_encrypted_response_enc", `"A256GCM"`, "jwks", publicKey), "id_token_encrypted"},
		{"encryption without key", change("id_token_encrypted_response_alg", `"ECDH-ES"`, "id_token_encrypted_response_enc", `"A256GCM"`), "sans clé"},
		{"private jwk", change("jwks", privateKey), "clé publique"},
		{"symmetric jwk", change("jwks", `{"keys":[{"kty":"oct","k":"AAAA"}]}`), "clé publique"},
		{"no jwk", change("jwks", `{"keys":[]}`), "jwks illisible"},
		{"null jwks", change("jwks", `null`), "jwks illisible"},
		{"both", change("jwks", publicKey, "jwks_uri", `"https://hub.example/jwks"`), "à la fois"},
		{"http jwks", change("jwks_uri", `"http://hub.example/jwks"`), "jwks_uri"},
	} {
		base["RELAIS_CLIENTS"] = write(t, t.TempDir(), "clients.json", test.text, 0o600)
		problems := vary(t, config.Load, base, nil)
		if len(problems) != 1 || problems[0].Variable != "RELAIS_CLIENTS" || !strings.Contains(problems[0].Text, test.says) {
			t.Errorf("%s: %v, want one problem saying %q", test.name, problems, test.says)
		}
		for _, p := range problems {
			if strings.Contains(p.Error(), "hunter2") || strings.Contains(p.Error(), "client-secret-") {
				t.Errorf("%s: the problem shows a secret: %v", test.name, p)
			}
		}
	}
}

func TestDemoClientsMayBeHere(t *testing.T) {
	t.Chdir(t.TempDir())
	text := client(t, map[string]string{"redirect_uris": `["http://127.0.0.1:8082/api/v2/oidc-callback"]`})
	c, err := config.LoadDemo([]string{"RELAIS_CLIENTS=" + write(t, t.TempDir(), "clients.json", text, 0o600)})
	if err != nil || len(c.Clients) != 1 || c.Clients[0].ClientSecret.Reveal() == "" {
		t.Errorf("LoadDemo = %v, %v", c.Clients, err)
	}
}

func FuzzClients(f *testing.F) {
	f.Add(goodClient)
	f.Add(`[{"jwks":{"keys":[{}]}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		values := good(t)
		values["RELAIS_CLIENTS"] = write(t, t.TempDir(), "clients.json", text, 0o600)
		c, err := config.Load(environ(values))
		for _, client := range c.Clients {
			if err == nil && (client.ClientID == "" || len(client.RedirectURIs) == 0 || client.Profile == "") {
				t.Errorf("an unusable client was accepted: %+v", client)
			}
		}
	})
}
