package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// errUnverified is returned for an answer that was signed, but not by a key that
// its verifier could find: no retry may cure that.
var errUnverified = errors.New("signature not verified")

// verifier is a hub's view of the published keys: kept, and read again once when a
// kid is not among them.
type verifier struct {
	relais string
	mu     sync.Mutex
	keys   jose.JSONWebKeySet
	reads  int
	signed map[string]int // kid → how many tokens
}

func (v *verifier) verify(token string) (map[string]any, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	jws, err := jose.ParseSigned(strings.TrimSpace(token), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnverified, err)
	}
	kid := jws.Signatures[0].Header.KeyID
	if len(v.keys.Key(kid)) == 0 {
		if err := v.read(); err != nil {
			return nil, err
		}
	}
	found := v.keys.Key(kid)
	if len(found) != 1 {
		return nil, fmt.Errorf("%w: %d keys %q among %d published", errUnverified, len(found), kid, len(v.keys.Keys))
	}
	payload, err := jws.Verify(found[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnverified, err)
	}
	v.signed[kid]++
	claims := map[string]any{}
	return claims, json.Unmarshal(payload, &claims)
}

func (v *verifier) read() error {
	resp, err := http.Get(v.relais + "/jwks")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("jwks: %s", resp.Status)
	}
	v.reads++
	return json.NewDecoder(resp.Body).Decode(&v.keys)
}

// hubDriver is a driver whose hub verifies what it is told, or replays it.
type hubDriver struct{ *driver }

// proven is one delegated login, by the request that began it.
type proven struct{ request, code string }

// begin plays the aidant: from the hub's redirect to the code.
func (d *hubDriver) begin(ctx context.Context) (proven, error) {
	back, pending, err := d.arrive(ctx)
	if err != nil {
		return proven{}, err
	}
	left, err := d.send(ctx, http.MethodPost, d.relais+back, url.Values{"mandat": {d.mandat}, "domaine": {d.domaine}}, 200, d.session, pending)
	if err != nil {
		return proven{}, err
	}
	code := codeInPage.FindStringSubmatch(left.body)
	if code == nil {
		return proven{}, fmt.Errorf("no code in %q", left.body)
	}
	return proven{request: strings.TrimPrefix(back, "/agir/"), code: code[1]}, nil
}

// tokenAnswer is what /token says.
type tokenAnswer struct {
	Access string `json:"access_token"`
	ID     string `json:"id_token"`
	Error  string `json:"error"`
}

// redeemed redeems a code at an address.
func (d *hubDriver) redeemed(ctx context.Context, relais, code string) (a tokenAnswer, status int, err error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {d.back}, "client_id": {d.client.ID}, "client_secret": {d.client.Secret}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, relais+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return a, 0, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := d.http.Do(r)
	if err != nil {
		return a, 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && json.Unmarshal(body, &a) != nil {
		err = fmt.Errorf("token: %d %.200q", resp.StatusCode, body)
	}
	return a, resp.StatusCode, err
}

// identity asks for userinfo.
func (d *hubDriver) identity(ctx context.Context, relais, access string, want int) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, relais+"/userinfo", nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+access)
	a, err := d.do(r, want)
	return a.body, err
}

// whole is one delegated login, each answer verified as a hub verifies it.
func (d *hubDriver) whole(ctx context.Context, v *verifier) (proven, error) {
	p, err := d.begin(ctx)
	if err != nil {
		return p, err
	}
	a, status, err := d.redeemed(ctx, d.relais, p.code)
	if err != nil || status != http.StatusOK {
		return p, errors.Join(err, fmt.Errorf("token: %d %s", status, a.Error))
	}
	id, err := v.verify(a.ID)
	if err != nil {
		return p, fmt.Errorf("id_token: %w", err)
	}
	body, err := d.identity(ctx, d.relais, a.Access, 200)
	if err != nil {
		return p, err
	}
	who, err := v.verify(body)
	if err != nil {
		return p, fmt.Errorf("userinfo: %w", err)
	}
	if id["sub"] == nil || id["sub"] != who["sub"] || id["iss"] != d.relais || who["family_name"] == nil {
		return p, fmt.Errorf("%w: id_token %v, userinfo %v", errUnverified, id["sub"], who["sub"])
	}
	return p, nil
}

// delegationEntries is, for each delegated login, how often each action was written
// with its outcome and its reason, such as "delegation.token denied code_rejoue".
func (f *fleet) delegationEntries() map[string]map[string]int {
	f.t.Helper()
	rows, err := behind(f.t, f.database).QueryContext(f.t.Context(), "SELECT body FROM journal WHERE action LIKE 'delegation.%'")
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]map[string]int{}
	for rows.Next() {
		var body []byte
		var e struct {
			Action, Outcome, Reason string
			Object                  struct{ ID, Type string }
			Details                 struct{ Delegation string }
		}
		if err := errors.Join(rows.Scan(&body), json.Unmarshal(body, &e)); err != nil {
			f.t.Fatal(err)
		}
		id := e.Object.ID
		if e.Object.Type != "delegation" { // the use is the mandat's
			id = e.Details.Delegation
		}
		if found[id] == nil {
			found[id] = map[string]int{}
		}
		found[id][strings.TrimSpace(e.Action+" "+e.Outcome+" "+e.Reason)]++
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	return found
}
