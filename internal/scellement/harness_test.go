package scellement_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"relais/internal/journal"
	"relais/internal/scellement"
	"relais/internal/store"
)

// house is a journal on a real database with what seals it.
type house struct {
	t    testing.TB
	ctx  context.Context
	dir  string // RELAIS_DATA
	dsn  string
	st   *store.Store
	past time.Duration // how far behind the database's clock is
	opts scellement.Options
	*scellement.Sealer
}

type noVault struct{ store.Vault }

func newHouse(t testing.TB, change ...func(*scellement.Options)) *house {
	t.Helper()
	h := &house{t: t, ctx: t.Context(), dir: t.TempDir(), dsn: filepath.Join(t.TempDir(), "relais.db")}
	h.open()
	h.ok(h.st.Migrate(h.ctx))
	h.opts = scellement.Options{Dir: h.dir, Name: "relais.example"}
	for _, c := range change {
		c(&h.opts)
	}
	h.restart()
	return h
}

func (h *house) open() {
	h.t.Helper()
	var err error
	h.st, err = store.Open(h.ctx, store.Options{Engine: store.SQLite, DSN: h.dsn, Vault: noVault{}, App: "test",
		Now: func() time.Time { return time.Now().Add(-h.past) }})
	h.ok(err)
	st := h.st
	h.t.Cleanup(func() { _ = st.Close() }) // some tests closed it already
}

// restart is a new process on the same files.
func (h *house) restart() {
	h.t.Helper()
	h.opts.Tree, h.opts.Shelf, h.opts.Tokens = h.st, h.st, h.st
	var err error
	h.Sealer, err = scellement.New(h.opts)
	h.ok(err)
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func view(mandat string) journal.Fact {
	f := journal.NewFact(journal.Systeme(), journal.MandatView, journal.Object{Type: "mandat", ID: "m"})
	if mandat != "" {
		f = f.OfMandat(mandat)
	}
	return f
}

// grow writes n entries, every second one of mandat m-1.
func (h *house) grow(n int) {
	h.t.Helper()
	for i := range n {
		h.ok(h.st.Append(h.ctx, view([]string{"", "m-1"}[i%2])))
	}
}

// prune has entries written two years ago lose their content today.
func (h *house) prune(n int) {
	h.t.Helper()
	h.past = 2 * 366 * 24 * time.Hour
	h.grow(n)
	h.past = 0
	r, err := h.st.Retain(h.ctx, journal.AccessMonths, false)
	h.ok(err)
	if r.Access == 0 {
		h.t.Fatal("nothing was pruned")
	}
}

// export must succeed; the bundle's bytes.
func (h *house) export(r scellement.Request) []byte {
	h.t.Helper()
	e, err := h.Export(h.ctx, h.st, r)
	h.ok(err)
	if e.Warning != "" {
		h.t.Fatal(e.Warning)
	}
	raw, err := io.ReadAll(e.Reader())
	h.ok(errors.Join(err, e.Close()))
	return raw
}

// seal must succeed.
func (h *house) seal() journal.Signed {
	h.t.Helper()
	c, err := h.Seal(h.ctx)
	h.ok(err)
	return c
}

// raw is an intruder with full rights on the database: no trigger stands.
func (h *house) raw(statements ...string) {
	h.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+h.dsn+"?_busy_timeout=5000")
	h.ok(err)
	defer func() { _ = db.Close() }() // nothing of it is used again
	rows, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
	h.ok(err)
	var names []string
	for rows.Next() {
		var name string
		h.ok(rows.Scan(&name))
		names = append(names, name)
	}
	h.ok(rows.Close())
	for _, name := range names {
		_, err := db.Exec("DROP TRIGGER " + name)
		h.ok(err)
	}
	for _, s := range statements {
		_, err := db.Exec(s)
		h.ok(err)
	}
}

// rehash rebuilds leaves, nodes and head over the rows, as a clever forger does.
func (h *house) rehash() {
	h.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+h.dsn+"?_busy_timeout=5000")
	h.ok(err)
	defer func() { _ = db.Close() }() // nothing of it is used again
	rows, err := db.Query("SELECT id, body FROM journal ORDER BY id")
	h.ok(err)
	head := journal.Head{Root: journal.EmptyRoot()}
	statements := []string{"DELETE FROM journal_node"}
	for rows.Next() {
		var id int64
		var body []byte
		h.ok(rows.Scan(&id, &body))
		leaf := journal.Leaf(body)
		next, nodes := head.Append(leaf)
		head = next
		statements = append(statements, fmt.Sprintf("UPDATE journal SET leaf = X'%x' WHERE id = %d", leaf[:], id))
		for _, n := range nodes {
			statements = append(statements, fmt.Sprintf("INSERT INTO journal_node (idx, h) VALUES (%d, X'%x')", n.Index, n.Hash[:]))
		}
	}
	h.ok(rows.Close())
	h.raw(append(statements, fmt.Sprintf("UPDATE journal_head SET size = %d, root = X'%x', edge = X'%x'", head.Size, head.Root[:], head.EncodeEdge()))...)
}

// backup and restore copy the database as a careless operator does.
func (h *house) backup() (restore func()) {
	h.t.Helper()
	h.ok(h.st.Close())
	copied := map[string][]byte{}
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(h.dsn + suffix)
		if err == nil {
			copied[suffix] = raw
		}
	}
	h.open()
	h.restart()
	return func() {
		h.t.Helper()
		h.ok(h.st.Close())
		h.dsn = filepath.Join(h.t.TempDir(), "restored.db")
		for suffix, raw := range copied {
			h.ok(os.WriteFile(h.dsn+suffix, raw, 0o600))
		}
		h.open()
		h.restart()
	}
}

// authority is an RFC 3161 authority made of openssl, with a certificate of its
// own.
func authority(t *testing.T) (url, ca string) { t.Helper(); return authorityFor(t, "7300") }

// authorityFor is one whose certificate ends after so many days.
func authorityFor(t *testing.T, days string) (url, ca string) {
	t.Helper()
	dir := t.TempDir()
	config := `[tsa]
default_tsa = t
[t]
serial = ` + dir + `/serial
crypto_device = builtin
signer_cert = ` + dir + `/tsa.pem
signer_key = ` + dir + `/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[req]
distinguished_name = dn
[dn]
[ext]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
`
	if err := os.WriteFile(dir+"/ts.cnf", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	openssl(t, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", dir+"/tsa.key", "-out", dir+"/tsa.pem", "-days", days,
		"-subj", "/CN=Autorite fictive", "-config", dir+"/ts.cnf", "-extensions", "ext")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := filepath.Join(dir, "query")
		f, err := os.Create(query)
		if err == nil {
			_, err = f.ReadFrom(r.Body)
		}
		if err != nil || f.Close() != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		out, err := exec.Command("openssl", "ts", "-reply", "-queryfile", query, "-config", dir+"/ts.cnf", "-section", "t").Output()
		if err != nil {
			t.Errorf("openssl ts: %v\n%s", err, out)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(out) // the test is over if nobody reads
	}))
	t.Cleanup(server.Close)
	return server.URL, dir + "/tsa.pem"
}

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 200 {
		if done() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}
