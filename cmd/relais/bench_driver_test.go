package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"relais/internal/sandbox"
	"relais/internal/testkit/visitor"
)

// driver plays, without a browser, both sides of delegated logins: the aidant's
// browser with a live session, and the hub behind it. It speaks HTTP and checks
// only that each answer is the one that goes on.
type driver struct {
	relais, back string // Relais's address, the hub's redirect_uri
	client       sandbox.Client
	session      *http.Cookie
	mandat       string
	domaine      string
	http         *http.Client
	prove        func(form url.Values) // proves the hub at /token; nil: by its secret
	dots         int                   // of a token that it is given: 4 when it is encrypted
}

// newDriver keeps as many connections as there are clients.
func newDriver(relais, hub string, clients int) *driver {
	return &driver{relais: relais, back: hub + "/api/v2/oidc-callback", client: sandbox.DefaultConfig().HubAtRelais, dots: 2,
		http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as makes the driver the person's browser.
func (d *driver) as(t testing.TB, v *visitor.Visitor) {
	t.Helper()
	at, err := url.Parse(d.relais)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Client.Jar.Cookies(at) {
		if c.Name == "relais_session" {
			d.session = c
			return
		}
	}
	t.Fatal("no session cookie")
}

// requestsPerLogin is how many requests login sends.
const requestsPerLogin = 6

var codeInPage = regexp.MustCompile(`[?&;]code=([A-Z0-9]+)`)

// login is one delegated login, from the hub's redirect to the identity.
func (d *driver) login(ctx context.Context) error {
	back, pending, err := d.arrive(ctx)
	if err != nil {
		return err
	}
	page := d.relais + back
	if _, err := d.send(ctx, http.MethodGet, page, nil, 200, d.session, pending); err != nil {
		return err
	}
	if _, err := d.send(ctx, http.MethodGet, page+"/mandats/"+d.mandat, nil, 200, d.session, pending); err != nil {
		return err
	}
	return d.choose(ctx, page, pending)
}

// bare is one delegated login without the pages on which the aidant looks and
// chooses: what the hub asks for and what the aidant answers.
func (d *driver) bare(ctx context.Context) error {
	back, pending, err := d.arrive(ctx)
	if err != nil {
		return err
	}
	return d.choose(ctx, d.relais+back, pending)
}

func (d *driver) choose(ctx context.Context, page string, pending *http.Cookie) error {
	left, err := d.send(ctx, http.MethodPost, page, url.Values{"mandat": {d.mandat}, "domaine": {d.domaine}}, 200, d.session, pending)
	if err != nil {
		return err
	}
	code := codeInPage.FindStringSubmatch(left.body)
	if code == nil {
		return fmt.Errorf("no code in %q", left.body)
	}
	return d.redeem(ctx, code[1])
}

// arrive sends what the hub's redirect sends and returns the page of the choice
// and the cookie that holds the request.
func (d *driver) arrive(ctx context.Context) (string, *http.Cookie, error) {
	q := url.Values{"client_id": {d.client.ID}, "response_type": {"code"}, "scope": {"openid profile email birth"},
		"redirect_uri": {d.back}, "acr_values": {"eidas1"}, "state": {rand.Text() + rand.Text()}, "nonce": {rand.Text() + rand.Text()},
		"prompt": {"login"}, "claims": {`{"id_token":{"rep_scope":{"essential":true,"values":[]}}}`}}
	a, err := d.send(ctx, http.MethodGet, d.relais+"/authorize?"+q.Encode(), nil, http.StatusSeeOther, d.session)
	if err != nil {
		return "", nil, err
	}
	for _, c := range a.cookies {
		if strings.HasPrefix(c.Name, "relais_demande_") && c.MaxAge > 0 {
			return a.location, c, nil
		}
	}
	return "", nil, fmt.Errorf("the request was not kept: %s", a.location)
}

// redeem is the hub's own part.
func (d *driver) redeem(ctx context.Context, code string) error {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {d.back}, "client_id": {d.client.ID}}
	if d.prove == nil {
		form.Set("client_secret", d.client.Secret)
	} else {
		d.prove(form)
	}
	a, err := d.send(ctx, http.MethodPost, d.relais+"/token", form, 200)
	if err != nil {
		return err
	}
	var token struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &token); err != nil || strings.Count(token.ID, ".") != d.dots {
		return fmt.Errorf("token: %q, %w", a.body, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.relais+"/userinfo", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token.Access)
	a, err = d.do(r, 200)
	if err == nil && strings.Count(a.body, ".") != d.dots {
		err = fmt.Errorf("userinfo: %q", a.body)
	}
	return err
}

type answered struct {
	body, location string
	cookies        []*http.Cookie
}

func (d *driver) send(ctx context.Context, method, address string, form url.Values, want int, cookies ...*http.Cookie) (answered, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return answered{}, err
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return d.do(r, want)
}

func (d *driver) do(r *http.Request, want int) (answered, error) {
	resp, err := d.http.Do(r)
	if err != nil {
		return answered{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answered{}, err
	}
	if resp.StatusCode != want {
		return answered{}, fmt.Errorf("%s %s: %d, want %d: %.600s", r.Method, r.URL.Path, resp.StatusCode, want, raw)
	}
	return answered{string(raw), resp.Header.Get("Location"), resp.Cookies()}, nil
}
