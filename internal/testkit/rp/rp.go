// Package rp runs a relying party that nobody here wrote: the openid-client
// library of FranceConnect's hub, in Node.js, as internal/testkit/install.sh
// leaves it in the user's cache. A library that is missing is a failure of the
// test, never a skip.
package rp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	_ "embed" // for the script
)

// Version is that of openid-client, in package-lock.json.
const Version = "5.7.0"

//go:embed rp.cjs
var script []byte

// Config is one client: its metadata in the names of OpenID Connect Dynamic
// Client Registration, its private keys, and what it sends to /authorize.
type Config struct {
	Issuer   string          `json:"issuer"`
	Client   map[string]any  `json:"client"`
	JWKS     json.RawMessage `json:"jwks,omitempty"`
	Params   map[string]any  `json:"params"`
	ClockGap int             `json:"tolerance"` // seconds
}

// Result is what the library learnt and verified.
type Result struct {
	Claims   map[string]any `json:"claims"`
	Userinfo map[string]any `json:"userinfo"`
	Logout   string         `json:"logout"` // where it would send the browser to sign out
	Error    string         `json:"error"`
}

// Party is one login in progress.
type Party struct {
	URL string // where it sends the browser

	in     io.WriteCloser
	out    *bufio.Reader
	stderr *bytes.Buffer
	wait   func() error
}

// Start discovers the provider and prepares a login.
func Start(t testing.TB, c Config) *Party {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(cache, "relais-test", "openid-client-"+Version, "node_modules")
	text, err := os.ReadFile(filepath.Join(modules, "openid-client", "package.json"))
	if err != nil || !bytes.Contains(text, []byte(`"version": "`+Version+`"`)) {
		t.Fatalf("openid-client %s is not installed: run `make test`, or: sh internal/testkit/install.sh test", Version)
	}
	cmd := exec.CommandContext(t.Context(), "node", "-e", string(script)) // standard input is for the talk
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	p := &Party{stderr: &bytes.Buffer{}, wait: cmd.Wait}
	cmd.Stderr = p.stderr
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var started struct {
		URL   string `json:"url"`
		Error string `json:"error"`
	}
	if err := p.say(c, &started); err != nil || started.Error != "" {
		t.Fatalf("openid-client: %v %s %s", err, started.Error, p.stderr)
	}
	p.URL = started.URL
	return p
}

// Finish gives the library the address that the browser came back to.
func (p *Party) Finish(t testing.TB, back string) Result {
	t.Helper()
	var r Result
	if err := p.say(map[string]string{"back": back}, &r); err != nil {
		t.Fatalf("openid-client: %v %s", err, p.stderr)
	}
	if err := errors.Join(p.in.Close(), p.wait()); err != nil {
		t.Fatalf("openid-client: %v %s", err, p.stderr)
	}
	return r
}

// say sends one line and reads one.
func (p *Party) say(what, answer any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		return err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	return json.Unmarshal(line, answer)
}
