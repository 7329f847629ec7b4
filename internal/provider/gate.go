package provider

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxForm bounds every form and query that is read.
const maxForm = 32 << 10

// oauthError is an error that a client is told.
type oauthError struct{ code, description string }

func refuse(code, description string) *oauthError { return &oauthError{code, description} }

func invalid(description string) *oauthError { return refuse("invalid_request", description) }

var errForm = errors.New("formulaire illisible")

// readForm reads the parameters of a request from one place only: the query of
// a GET, the body of a POST.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	text := r.URL.RawQuery
	if r.Method == http.MethodPost {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/x-www-form-urlencoded" {
			return nil, errForm
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
		if err != nil {
			return nil, errForm
		}
		text = string(body)
	}
	if len(text) > maxForm {
		return nil, errForm
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, errForm
	}
	return values, nil
}

// once is the value of a parameter that is there exactly once, else "".
func once(v url.Values, name string) string {
	if len(v[name]) != 1 {
		return ""
	}
	return v[name][0]
}

// repeated tells whether any parameter comes twice, which RFC 6749 §3.1 and §3.2
// forbid.
func repeated(v url.Values) bool {
	for _, values := range v {
		if len(values) > 1 {
			return true
		}
	}
	return false
}

// check is one rule of the gate. The first that fails is told to the client.
type check func(*registered, url.Values) *oauthError

// checks are in the order in which a client is told, after the client and its
// redirect_uri are known to be right.
func (p *Provider) checks() []check {
	return []check{
		checkShape, checkUnsupported, checkResponse, checkScope, checkNonce, checkPKCE, checkPrompt, checkClaims, p.checkWanted,
	}
}

func checkShape(_ *registered, v url.Values) *oauthError {
	if repeated(v) {
		return invalid("a parameter is repeated")
	}
	for name, values := range v {
		if name != "claims" && !visible(values[0]) {
			return invalid("a parameter holds a character that is not visible ASCII")
		}
	}
	return nil
}

// visible tells whether s is made of VSCHAR (RFC 6749 appendix A).
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

func checkUnsupported(_ *registered, v url.Values) *oauthError {
	for _, name := range []string{"request", "request_uri", "registration"} {
		if v.Has(name) {
			return refuse(name+"_not_supported", name+" is not supported")
		}
	}
	return nil
}

func checkResponse(_ *registered, v url.Values) *oauthError {
	switch v.Get("response_type") {
	case "code":
	case "":
		return invalid("response_type is missing")
	default:
		return refuse("unsupported_response_type", "only code is supported")
	}
	if mode := v.Get("response_mode"); mode != "" && mode != "query" {
		return invalid("only the response_mode query is supported")
	}
	return nil
}

func checkScope(_ *registered, v url.Values) *oauthError {
	if !slices.Contains(strings.Fields(v.Get("scope")), "openid") {
		return refuse("invalid_scope", "scope openid is required")
	}
	return nil
}

// checkNonce holds the hub to its habits: 64 hexadecimal digits each; anything
// alphanumeric is let in (protocols, FranceConnect's authorize request).
func checkNonce(c *registered, v url.Values) *oauthError {
	if c.NonceRequired && v.Get("nonce") == "" {
		return invalid("nonce is missing")
	}
	if !c.franceConnect() {
		return nil
	}
	for _, name := range []string{"state", "nonce"} {
		if s := v.Get(name); s == "" || !alphanumeric(s) {
			return invalid(name + " must be alphanumeric")
		}
	}
	return nil
}

func alphanumeric(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

func checkPKCE(c *registered, v url.Values) *oauthError {
	challenge, method := v.Get("code_challenge"), v.Get("code_challenge_method")
	switch {
	case challenge == "" && method == "" && !c.PKCERequired:
		return nil
	case challenge == "":
		return invalid("code_challenge is missing")
	case method != "S256": // absent means plain (RFC 7636 §4.3), which RFC 9700 rules out
		return invalid("only the code_challenge_method S256 is supported")
	case len(challenge) != 43 || strings.ContainsFunc(challenge, notBase64URL):
		return invalid("code_challenge is not a SHA-256 in base64url")
	}
	return nil
}

func notBase64URL(r rune) bool {
	return r != '-' && r != '_' && !alphanumeric(string(r))
}

func checkPrompt(c *registered, v url.Values) *oauthError {
	if age := v.Get("max_age"); age != "" {
		if n, err := strconv.ParseInt(age, 10, 32); err != nil || n < 0 {
			return invalid("max_age is not a number of seconds")
		}
	}
	prompts := strings.Fields(v.Get("prompt"))
	if !slices.Contains(prompts, "none") {
		return nil
	}
	if len(prompts) > 1 {
		return invalid("prompt none stands alone")
	}
	if c.franceConnect() {
		return refuse("login_required", "a person must choose each time")
	}
	return nil
}

// claimsRequest is OpenID Connect Core §5.5, as far as anything is done with it.
type claimsRequest struct {
	Userinfo map[string]*claimRequest `json:"userinfo"`
	IDToken  map[string]*claimRequest `json:"id_token"`
}

type claimRequest struct {
	Essential bool     `json:"essential"`
	Value     *string  `json:"value"`
	Values    []string `json:"values"`
}

// parseClaims reads the claims parameter. The library drops silently what it
// cannot read, which would void a perimeter: here it is an error.
func parseClaims(text string) (claimsRequest, error) {
	var c claimsRequest
	if text == "" {
		return c, nil
	}
	if len(text) > 4096 || !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") {
		return c, errForm
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return claimsRequest{}, errForm
	}
	return c, nil
}

func checkClaims(_ *registered, v url.Values) *oauthError {
	c, err := parseClaims(v.Get("claims"))
	if err != nil || (v.Has("claims") && v.Get("claims") == "") {
		return invalid("claims is not a JSON object of the known shape")
	}
	if scope := c.IDToken["rep_scope"]; scope != nil && scope.Value != nil && *scope.Value == "" {
		return invalid("rep_scope is empty") // the library reads it as no perimeter at all, which opens everything
	}
	level := c.IDToken["acr"]
	if level != nil && level.Essential && !slices.Contains(level.wanted(), acr) && len(level.wanted()) > 0 {
		return refuse("unmet_authentication_requirements", "only "+acr+" can be reached")
	}
	return nil
}

// wanted lists the values asked for, from value or values.
func (c *claimRequest) wanted() []string {
	if c == nil {
		return nil
	}
	if c.Value != nil {
		return append([]string{*c.Value}, c.Values...)
	}
	return c.Values
}

// filter keeps the parameters that the library is to see, without the scopes and
// levels that are not registered, which it would refuse and which OpenID Connect
// Core (§3.1.2.1) wants ignored.
func filter(c *registered, v url.Values) url.Values {
	out := url.Values{}
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "state", "nonce",
		"code_challenge", "code_challenge_method", "prompt", "max_age", "claims"} {
		if s := v.Get(name); s != "" {
			out[name] = []string{s}
		}
	}
	keep := func(name string, known []string) {
		words := slices.DeleteFunc(strings.Fields(v.Get(name)), func(s string) bool { return !slices.Contains(known, s) })
		if len(words) > 0 {
			out[name] = []string{strings.Join(words, " ")}
		}
	}
	keep("scope", c.grantable())
	keep("acr_values", []string{acr, "eidas2", "eidas3"})
	return out
}
