package pgtest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"relais/internal/testkit/pgtest"
)

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatalf("connect %s: %v", dsn, err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func ask(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	var s string
	if err := conn.QueryRow(context.Background(), query).Scan(&s); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return s
}

func TestDSNGivesSeparateEmptyDatabases(t *testing.T) {
	one, two := pgtest.DSN(t), pgtest.DSN(t)
	if one == two {
		t.Fatalf("two calls gave the same database %s", one)
	}
	a, b := connect(t, one), connect(t, two)
	if _, err := a.Exec(context.Background(), "CREATE TABLE seul (x TEXT)"); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, b, "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
		t.Errorf("the second database has %s tables, want 0", got)
	}
}

func TestServerIsDurablePrivateAndRoomy(t *testing.T) {
	conn := connect(t, pgtest.DSN(t))
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "listen_addresses": "",
		"max_connections": "200", "server_encoding": "UTF8", "TimeZone": "UTC",
	} {
		if got := ask(t, conn, "SHOW "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
}

func TestExecReachesBehindTheStore(t *testing.T) {
	dsn := pgtest.DSN(t)
	out, err := pgtest.Exec(dsn, "CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('oui'); SELECT x FROM t")
	if err != nil || strings.TrimSpace(out) != "oui" {
		t.Errorf("Exec = %q, %v, want oui", out, err)
	}
	if _, err := pgtest.Exec(dsn, "SELECT absent FROM t"); err == nil {
		t.Error("a refused statement gave no error")
	}
}

// TestNothingSurvives runs a test binary that starts a server and is killed,
// and waits for the server's directory to go.
func TestNothingSurvives(t *testing.T) {
	if os.Getenv("PGTEST_CHILD") != "" {
		os.Stdout.WriteString(pgtest.DSN(t) + "\n")
		time.Sleep(time.Minute)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNothingSurvives$")
	cmd.Env = append(os.Environ(), "PGTEST_CHILD=1", "TMPDIR="+os.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 512)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	dir := config.Host
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("while the tests run: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed on purpose
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there after its process was killed", dir)
		}
	}
}
