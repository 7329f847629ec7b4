package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody bounds every form and every answer read.
const maxBody = 1 << 20

// fault is a refusal. With OAuth set it goes back to the client as that error,
// otherwise it is a page bearing Code, the real platform's error code.
type fault struct {
	Code   string // "Y030007"
	Reason string // for a person; holds no value sent by the browser
	OAuth  string // "access_denied"
}

func (f *fault) Error() string {
	if f.OAuth != "" {
		return f.OAuth + ": " + f.Reason
	}
	return f.Code + ": " + f.Reason
}

// strictQuery reads a query against an exact list of names: an unknown,
// repeated or missing parameter is refused with the given code.
func strictQuery(raw, code string, allowed, required []string) (url.Values, *fault) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, &fault{Code: code, Reason: "requête illisible"}
	}
	for name, values := range q {
		if !slices.Contains(allowed, name) {
			return nil, &fault{Code: code, Reason: fmt.Sprintf("paramètre inconnu : %.40s", name)}
		}
		if len(values) != 1 {
			return nil, &fault{Code: code, Reason: "paramètre répété : " + name}
		}
	}
	for _, name := range required {
		if q.Get(name) == "" {
			return nil, &fault{Code: code, Reason: "paramètre manquant : " + name}
		}
	}
	return q, nil
}

// readForm reads a POST body whose parameters each stand once.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, false
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, false
	}
	for _, values := range form {
		if len(values) != 1 {
			return nil, false
		}
	}
	return form, true
}

// postToGet answers a POSTed authorization request with the same one as GET,
// so that a cross-site POST, which carries no Lax cookie, finds its session.
func postToGet(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "bad form", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, r.URL.Path+"?"+r.Form.Encode(), http.StatusSeeOther)
}

// claimsRequest is the claims parameter of OpenID Connect Core §5.5. A claim
// asked by null is present with a nil value.
type claimsRequest struct {
	IDToken  map[string]*claimRequest `json:"id_token"`
	Userinfo map[string]*claimRequest `json:"userinfo"`
}

type claimRequest struct {
	Essential bool   `json:"essential"`
	Value     string `json:"value"`
	Values    []any  `json:"values"`
}

func parseClaims(raw string) (claimsRequest, error) {
	var c claimsRequest
	if raw == "" {
		return c, nil
	}
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		return c, fmt.Errorf("claims: %w", err)
	}
	return c, nil
}

// asks tells whether the id_token is asked for the claim.
func (c claimsRequest) asks(name string) bool {
	_, ok := c.IDToken[name]
	return ok
}

// satisfied tells whether the value answers an essential request for the claim.
func (c claimsRequest) satisfied(name, value string) bool {
	asked := c.IDToken[name]
	if asked == nil || !asked.Essential {
		return true
	}
	if asked.Value != "" {
		return asked.Value == value
	}
	return len(asked.Values) == 0 || slices.Contains(asked.Values, any(value))
}

// back adds parameters to a client's redirect URI.
func back(redirectURI string, params url.Values) string {
	sep := "?"
	if strings.Contains(redirectURI, "?") {
		sep = "&"
	}
	return redirectURI + sep + params.Encode()
}

// isNonceLike tells whether the value has at least n characters, all of them alphanumeric, '-', '_', '.' or '~'.
func isNonceLike(value string, n int) bool {
	if len(value) < n || len(value) > 1024 {
		return false
	}
	return strings.IndexFunc(value, func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("-_.~", c))
	}) < 0
}
