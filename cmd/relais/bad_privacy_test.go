package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"relais/internal/config"
	"relais/internal/sandbox"
	"relais/internal/testkit/visitor"
)

// everything reads every value of every table, and on SQLite the files
// themselves, free pages and write-ahead log included.
func (w *world) everything() []byte {
	w.t.Helper()
	db := w.raw()
	var out bytes.Buffer
	list := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if w.d.cfg.Database.Engine == config.Postgres {
		list = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	var tables []string
	for row := range w.rows(list) {
		tables = append(tables, fmt.Sprint(row[0]))
	}
	for _, table := range tables {
		for row := range w.rows("SELECT * FROM " + table) {
			for _, value := range row {
				if raw, ok := value.([]byte); ok {
					out.Write(raw)
				} else {
					fmt.Fprint(&out, value)
				}
				out.WriteByte(' ')
			}
		}
	}
	_ = db.Close()
	if w.d.cfg.Database.Engine == config.SQLite {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			raw, err := os.ReadFile(w.d.cfg.Database.Path + suffix)
			if err != nil {
				w.t.Fatal(err)
			}
			out.Write(raw)
		}
	}
	return out.Bytes()
}

// rows runs a query on the raw database and gives each row.
func (w *world) rows(query string) func(func([]any) bool) {
	return func(yield func([]any) bool) {
		w.t.Helper()
		db := w.raw()
		defer db.Close()
		rows, err := db.QueryContext(w.t.Context(), query)
		if err != nil {
			w.t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			w.t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				w.t.Fatal(err)
			}
			if !yield(values) {
				return
			}
		}
	}
}

// TestNothingPersonalInClear: after a whole life of a mandat, neither the
// database nor the log says who anybody is, nor a secret, a code or a token.
func TestNothingPersonalInClear(t *testing.T) {
	for _, engine := range databases {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			nadia, h := w.agent("nadia"), w.rawHub()
			id := w.draft(nadia, logement())
			w.identify(nadia, id, "hauteville")
			nadia.Choose("courriel_sur", "oui").Click("oui").Click("donner")
			w.takeBack(nadia, "nadia")
			nadia.Submit("/acceptation").MustBeAt("/mandats/" + id)
			half := w.draft(nadia, logement()) // a draft with an identity in it
			w.identify(nadia, half, "kovaltchouk")
			nadia.Open(w.relais + "/tour/fin")
			w.takeBack(nadia, "nadia")
			nadia.Open(w.relais+"/guichet").Fill("q", "hauteville 05/12/1943").Click("rechercher").MustSee("Hauteville")
			nadia.Open(w.relais + "/mandats/" + id + "/acte").MustSee("Hauteville")
			code := h.code(nadia, id, "logement")
			answered := h.token(h.form(code))
			access, idToken := answered.field("access_token"), answered.field("id_token")
			userinfo := h.userinfo(access).body
			w.signIn(visitor.New(t), "karim") // refused: who tried is nobody's business
			w.signIn(visitor.New(t), "lucie")
			w.revoke(nadia, id, "")
			if !strings.Contains(nadia.Open(w.relais+"/mandats").Body, "Hauteville") {
				t.Fatal("the flow did not happen")
			}
			secrets := map[string]string{"code": code, "access token": access, "id_token": idToken[len(idToken)-40:], "userinfo": userinfo[len(userinfo)-40:],
				"hub's secret": w.d.conf.HubAtRelais.Secret, "client secret": w.d.conf.FranceConnect.Secret, "agents' secret": w.d.conf.ProConnect.Secret} // nonce and pairwise sub are the protocol's state, which package delegation keeps: neither says who
			for _, c := range nadia.Client.Jar.Cookies(nadia.URL) {
				secrets["cookie "+c.Name] = c.Value
			}
			for name, text := range persons() {
				secrets[name] = text
			}
			stored, logged := bytes.ToLower(w.everything()), bytes.ToLower([]byte(w.logs.String()))
			if !bytes.Contains(stored, []byte("ccas de valfictif")) || !bytes.Contains(logged, []byte("/mandats/{id}")) {
				t.Fatalf("%d bytes stored, %d logged: the test looks at nothing", len(stored), len(logged))
			}
			for name, text := range secrets {
				text = strings.ToLower(text)
				if bytes.Contains(stored, []byte(text)) || bytes.Contains(stored, []byte(hex.EncodeToString([]byte(text)))) {
					t.Errorf("the database says the %s", name)
				}
				if bytes.Contains(logged, []byte(text)) {
					t.Errorf("the log says the %s", name)
				}
			}
		})
	}
}

// persons is what the fictional people of this test are known by.
func persons() map[string]string {
	all := map[string]string{}
	for _, u := range sandbox.Usagers() {
		if u.ID == "hauteville" || u.ID == "kovaltchouk" {
			all["name of "+u.ID], all["birth date of "+u.ID], all["e-mail of "+u.ID] = u.ID, string(u.Birthdate), u.Email
			all["given name of "+u.ID], all["compact birth date of "+u.ID] = strings.Fields(u.GivenName)[0], strings.ReplaceAll(string(u.Birthdate), "-", "")
		}
	}
	for _, a := range sandbox.Agents() {
		all["e-mail of "+a.ID], all["name of "+a.ID], all["sub of "+a.ID] = a.Email, a.UsualName, a.Sub
	}
	return all
}
