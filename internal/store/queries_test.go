package store

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"relais/internal/testkit/pgtest"
)

type noVault struct{ Vault }

// TestEveryQueryPrepares prepares each statement on both engines.
func TestEveryQueryPrepares(t *testing.T) {
	for engine, dsn := range map[string]string{SQLite: filepath.Join(t.TempDir(), "a ?#%é.db"), PostgreSQL: pgtest.DSN(t)} {
		s, err := Open(context.Background(), Options{Engine: engine, DSN: dsn, Vault: noVault{}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }() // the test is over
		if err := s.Migrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		v := reflect.ValueOf(s.q)
		for i := range v.NumField() {
			name, q := v.Type().Field(i).Name, v.Field(i).String()
			if q == "" {
				t.Errorf("%s is empty", name)
			}
			if engine == PostgreSQL && name == "entryInsert" || engine == SQLite && (strings.HasPrefix(name, "lock") || strings.HasPrefix(name, "sequence") || name == "entryAppend" || name == "verifyLeaves" || name == "leafSpanApart") {
				continue
			}
			st, err := s.read.db.Preparex(sqlx.Rebind(sqlx.BindType(s.read.db.DriverName()), q))
			if err != nil {
				t.Errorf("%s on %s: %v\n%s", name, engine, err, q)
				continue
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
