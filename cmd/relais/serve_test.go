package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relais/internal/testkit/pgtest"
)

// site is what an operator sets up for `relais serve`.
type site struct {
	*testing.T
	dir, listen string
	values      map[string]string // without RELAIS_
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, dir: t.TempDir()}
	data := filepath.Join(s.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listen = l.Addr().String()
	_ = l.Close()
	const secret = "un-secret-de-plus-de-trente-deux-caracteres"
	s.file("clients.json", `[{"client_id":"fc","client_secret":"`+secret+`","client_name":"FranceConnect","redirect_uris":["https://hub.example/cb"],
		"scope":"openid identite_pivot email","token_endpoint_auth_method":"client_secret_post","id_token_signed_response_alg":"ES256",
		"userinfo_signed_response_alg":"ES256","relais_profile":"franceconnect"}]`)
	s.certificate()
	s.values = map[string]string{
		"PULSATION": "0",
		"LISTEN":    s.listen, "PUBLIC_URL": "https://relais.example", "DATABASE_URL": pgtest.DSN(t), "DATA": data,
		"PROCONNECT_ISSUER": "https://127.0.0.1:1/api/v2", "PROCONNECT_CLIENT_ID": "relais", "PROCONNECT_CLIENT_SECRET": secret,
		"FRANCECONNECT_ISSUER": "https://127.0.0.1:2/api/v2", "FRANCECONNECT_CLIENT_ID": "relais", "FRANCECONNECT_CLIENT_SECRET": secret + "2",
		"FRANCECONNECT_IDP_ID": "relais-idp", "CLIENTS": filepath.Join(s.dir, "clients.json"),
		"TLS_CERT": filepath.Join(s.dir, "cert.pem"), "TLS_KEY": filepath.Join(s.dir, "key.pem"),
	}
	return s
}

func (s *site) file(name, content string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *site) certificate() {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	own := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"relais.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, own, own, key.Public(), key)
	if err != nil {
		s.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.Fatal(err)
	}
	s.file("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	s.file("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func (s *site) verb(ctx context.Context, args ...string) (code int, out string) {
	var b strings.Builder
	code = run(ctx, args, s.environ(), &b, &b)
	return code, b.String()
}

func (s *site) environ() []string {
	var environ []string
	for name, value := range s.values {
		environ = append(environ, "RELAIS_"+name+"="+value)
	}
	return environ
}

// TestServe runs the program as an operator does, on PostgreSQL with its own
// certificate, and stops it while a request is under way: the request is
// answered, and what it wrote is kept.
func TestServe(t *testing.T) {
	s := newSite(t)
	if code, out := s.verb(t.Context(), "serve"); code != 1 || !strings.Contains(out, "relais migrate") {
		t.Errorf("a database without tables: %d %s", code, out)
	}
	if code, out := s.verb(t.Context(), "migrate"); code != 0 {
		t.Fatal(out)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan string, 1)
	go func() {
		code, out := s.verb(ctx, "serve")
		ended <- fmt.Sprint(code, " ", out)
	}()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if code, _ := s.verb(t.Context(), "health"); code == 0 {
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal("not ready: ", <-ended)
		}
	}
	conn := s.dial()
	body := "retour=%2Fguichet"
	fmt.Fprintf(conn, "POST /connexion HTTP/1.1\r\nHost: relais.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:6])
	time.Sleep(50 * time.Millisecond)
	stop()
	time.Sleep(50 * time.Millisecond)
	if _, err := io.WriteString(conn, body[6:]); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("the request under way: %v %v", answer, err)
	}
	if out := <-ended; !strings.HasPrefix(out, "0 ") || strings.Contains(out, s.values["PROCONNECT_CLIENT_SECRET"]) || strings.Contains(out, "guichet") {
		t.Errorf("serve ended with %s", out)
	}
	if code, out := s.verb(t.Context(), "journal", "verify"); code != 0 || !strings.Contains(out, " 2 entrées") {
		t.Errorf("the keys of the start, and the failed login of the last request: %d %s", code, out)
	}
}

func (s *site) dial() net.Conn {
	s.Helper()
	conn, err := tls.Dial("tcp", s.listen, &tls.Config{InsecureSkipVerify: true}) // our own certificate of a minute ago
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestServeWithoutKeys: a server whose vault's keys are lost refuses to start and
// makes no new ones, under which everybody in the database would be unreadable.
func TestServeWithoutKeys(t *testing.T) {
	s := newSite(t)
	if code, out := s.verb(t.Context(), "migrate"); code != 0 {
		t.Fatal(out)
	}
	lost := []string{filepath.Join(s.dir, "data", "coffre.json"), filepath.Join(s.dir, "data", "index.key")}
	for _, key := range lost {
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
	}
	if code, out := s.verb(t.Context(), "serve"); code != 1 || !strings.Contains(out, "clés du coffre manquent") {
		t.Errorf("serve without keys: %d %s", code, out)
	}
	for _, key := range lost {
		if _, err := os.Stat(key); err == nil {
			t.Errorf("%s was made again", filepath.Base(key))
		}
	}
}
