package main

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/testkit/visitor"
)

// TestBadSessionEnd asks Relais to end a use, wrongly. None may redirect.
func TestBadSessionEnd(t *testing.T) {
	w := newWorld(t, config.SQLite)
	h, nadia := w.rawHub(), w.agent("nadia")
	g := w.give(nadia, "nadia", "perrin", logement())
	token := h.token(h.form(h.code(nadia, g.id, "logement"))).field("id_token")
	back := w.d.conf.HubURL + "/api/v2/client/logout-callback"
	good := func() url.Values {
		return url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {back}, "state": {h.state}, "client_id": {w.d.conf.HubAtRelais.ID}}
	}
	parts := strings.Split(token, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for name, change := range map[string]func(url.Values){
		"no hint":           func(q url.Values) { q.Del("id_token_hint") },
		"an altered hint":   func(q url.Values) { q.Set("id_token_hint", parts[0]+"."+flipped(parts[1])+"."+parts[2]) },
		"an unsigned hint":  func(q url.Values) { q.Set("id_token_hint", none) },
		"a hint of garbage": func(q url.Values) { q.Set("id_token_hint", "a.b.c") },
		"another client":    func(q url.Values) { q.Set("client_id", "autre") },
		"another way back":  func(q url.Values) { q.Set("post_logout_redirect_uri", "https://evil.example/") },
		"a longer way back": func(q url.Values) { q.Set("post_logout_redirect_uri", back+"?a=b") },
		"hint twice":        func(q url.Values) { q.Add("id_token_hint", token) },
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" "+method, func(t *testing.T) {
				w := w.in(t)
				q := good()
				change(q)
				path, body := "/session/end?"+q.Encode(), ""
				if method == http.MethodPost {
					path, body = "/session/end", q.Encode()
				}
				w.harmless(func() {
					if a := w.send(nil, method, path, body, nil); a.header.Get("Location") != "" || a.status >= 500 {
						t.Errorf("%d → %s", a.status, a.header.Get("Location"))
					}
				})
			})
		}
	}
	a := w.send(visitor.New(t), http.MethodGet, "/session/end?"+good().Encode(), "", nil)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != back+"?state="+h.state {
		t.Errorf("the good one: %d %s", a.status, a.header.Get("Location"))
	}
}

// flipped changes one character in the middle.
func flipped(s string) string {
	b := []byte(s)
	i := len(b) / 2
	b[i] ^= 1
	if b[i] == '.' || b[i] < 'A' {
		b[i] = 'A'
	}
	return string(b)
}
