package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/config"
	"relais/internal/testkit/rp"
)

// hubKeys are a hub's own keys: one to sign, two to decrypt with.
func hubKeys(t testing.TB) (private, public json.RawMessage) {
	t.Helper()
	sign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var all, shown jose.JSONWebKeySet
	for _, k := range []jose.JSONWebKey{
		{Key: sign, KeyID: "sig", Use: "sig", Algorithm: "ES256"}, {Key: ec, KeyID: "ec", Use: "enc", Algorithm: "ECDH-ES"}, {Key: rs, KeyID: "rsa", Use: "enc", Algorithm: "RSA-OAEP"},
	} {
		all.Keys, shown.Keys = append(all.Keys, k), append(shown.Keys, k.Public())
	}
	if private, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if public, err = json.Marshal(shown); err != nil {
		t.Fatal(err)
	}
	return private, public
}

// TestIndependentHub lets the library of FranceConnect's hub, which nobody here
// wrote, complete the login, with answers plain, signed and encrypted.
func TestIndependentHub(t *testing.T) {
	private, public := hubKeys(t)
	secret := strings.Repeat("k", 40)
	base := config.Client{ClientSecret: config.Secret(secret), ClientName: "Hub indépendant", RedirectURIs: []string{"https://hub.example/api/v2/oidc-callback"},
		PostLogoutRedirectURIs: []string{"https://hub.example/api/v2/client/logout-callback"}, Scope: "openid profile email birth",
		TokenEndpointAuthMethod: config.AuthPost, IDTokenSignedResponseAlg: "ES256", Profile: config.ProfileFranceConnect, PKCE: config.PKCEOptional}
	variants := map[string]func(*config.Client){
		"plain":    func(*config.Client) {},
		"signed":   func(c *config.Client) { c.UserinfoSignedResponseAlg = "ES256" },
		"RS256":    func(c *config.Client) { c.IDTokenSignedResponseAlg, c.UserinfoSignedResponseAlg = "RS256", "RS256" },
		"HS256":    func(c *config.Client) { c.IDTokenSignedResponseAlg, c.UserinfoSignedResponseAlg = "HS256", "HS256" },
		"basic":    func(c *config.Client) { c.TokenEndpointAuthMethod = config.AuthBasic },
		"ECDH-ES":  encrypted("ECDH-ES", public),
		"RSA-OAEP": encrypted("RSA-OAEP", public),
		"its key": func(c *config.Client) {
			c.TokenEndpointAuthMethod, c.ClientSecret, c.JWKS = config.AuthPrivateKey, "", public
		},
		"a service": func(c *config.Client) { c.Profile, c.PKCE = config.ProfileStandard, config.PKCERequired },
	}
	w := newWorld(t, config.SQLite, func(cfg *config.Config) {
		for name, change := range variants {
			c := base
			c.ClientID = strings.ReplaceAll(name, " ", "-")
			change(&c)
			cfg.Clients = append(cfg.Clients, c)
		}
	})
	nadia := w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	for _, c := range w.d.cfg.Clients[1:] {
		t.Run(c.ClientID, func(t *testing.T) {
			w := w.in(t)
			party := rp.Start(t, rp.Config{Issuer: w.relais, Client: metadata(c), JWKS: private, Params: params(c)})
			nadia.Open(party.URL).MustBeAt("/agir/")
			a := w.postForm(nadia, nadia.URL.Path, url.Values{"mandat": {g.id}, "domaine": {"logement"}})
			got := party.Finish(t, leads(t, a, c.RedirectURIs[0]))
			if got.Error != "" {
				t.Fatalf("openid-client %s: %s", rp.Version, got.Error)
			}
			if got.Userinfo["family_name"] != "Perrin" && got.Userinfo["family_name"] != "PERRIN" || got.Userinfo["birthdate"] != "1942-04-18" || got.Userinfo["sub"] != got.Claims["sub"] {
				t.Errorf("userinfo = %v", got.Userinfo)
			}
			if scope, _ := got.Claims["rep_scope"].([]any); len(scope) != 1 || scope[0] != "Logement" || got.Claims["acr"] != "eidas1" {
				t.Errorf("id_token = %v", got.Claims)
			}
			out := w.send(nadia, http.MethodGet, strings.TrimPrefix(got.Logout, w.relais), "", nil)
			if out.status != http.StatusSeeOther || out.header.Get("Location") != c.PostLogoutRedirectURIs[0]+"?state=etat1" {
				t.Errorf("logout = %d %s", out.status, out.header.Get("Location"))
			}
		})
	}
}

func encrypted(alg string, keys json.RawMessage) func(*config.Client) {
	return func(c *config.Client) {
		c.JWKS, c.UserinfoSignedResponseAlg = keys, "ES256"
		c.IDTokenEncryptedResponseAlg, c.IDTokenEncryptedResponseEnc = alg, "A256GCM"
		c.UserinfoEncryptedResponseAlg, c.UserinfoEncryptedResponseEnc = alg, "A256GCM"
	}
}

// metadata is the same client in the library's words, which are the registry's.
func metadata(c config.Client) map[string]any {
	m := map[string]any{"client_id": c.ClientID, "redirect_uris": c.RedirectURIs, "post_logout_redirect_uris": c.PostLogoutRedirectURIs,
		"token_endpoint_auth_method": c.TokenEndpointAuthMethod, "id_token_signed_response_alg": c.IDTokenSignedResponseAlg}
	for name, v := range map[string]string{"client_secret": c.ClientSecret.Reveal(), "userinfo_signed_response_alg": c.UserinfoSignedResponseAlg,
		"id_token_encrypted_response_alg": c.IDTokenEncryptedResponseAlg, "id_token_encrypted_response_enc": c.IDTokenEncryptedResponseEnc,
		"userinfo_encrypted_response_alg": c.UserinfoEncryptedResponseAlg, "userinfo_encrypted_response_enc": c.UserinfoEncryptedResponseEnc} {
		if v != "" {
			m[name] = v
		}
	}
	if c.TokenEndpointAuthMethod == config.AuthPrivateKey {
		m["token_endpoint_auth_signing_alg"] = "ES256"
	}
	return m
}

func params(c config.Client) map[string]any {
	p := map[string]any{"scope": c.Scope, "prompt": "login", "acr_values": "eidas1",
		"claims": map[string]any{"id_token": map[string]any{"rep_scope": map[string]any{"essential": true, "values": []string{}}}}}
	if c.PKCE == config.PKCERequired {
		p["code_challenge_method"] = "S256"
	}
	return p
}

// leads takes from the page of the choice the address that the browser goes to.
func leads(t testing.TB, a answer, back string) string {
	t.Helper()
	_, after, ok := strings.Cut(a.body, back+"?")
	query, _, end := strings.Cut(after, `"`)
	if a.status != http.StatusOK || !ok || !end {
		t.Fatalf("no way back: %d\n%s", a.status, a.body)
	}
	return back + "?" + strings.ReplaceAll(query, "&amp;", "&")
}
