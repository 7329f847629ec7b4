package journal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"

	"relais/internal/journal"
)

var moment = time.Date(2026, 11, 21, 9, 30, 0, 123456000, time.UTC)

// code draws a string of printable ASCII without blanks, quotes and all.
func code(rng *rand.Rand, most int) string {
	out := make([]byte, 1+rng.IntN(most))
	for i := range out {
		out[i] = byte(0x21 + rng.IntN(0x7f-0x21))
	}
	return string(out)
}

// anyEntry draws an entry of any shape that may be written.
func anyEntry(rng *rand.Rand) journal.Entry {
	maybe := func(most int) string {
		if rng.IntN(2) == 0 {
			return ""
		}
		return code(rng, most)
	}
	types := []journal.ActorType{journal.ActorAidant, journal.ActorUsager, journal.ActorClient, journal.ActorSysteme, journal.ActorUnknown}
	actions := journal.Actions()
	by := journal.Actor{Type: types[rng.IntN(len(types))], Ref: maybe(40), Auth: maybe(40)}
	f := journal.NewFact(by, actions[rng.IntN(len(actions))], journal.Object{Type: code(rng, 20), ID: maybe(200)})
	switch rng.IntN(4) {
	case 0:
		f = f.Denied(code(rng, 30))
	case 1:
		f = f.Failed(code(rng, 30))
	case 2:
		f = f.Because(code(rng, 30))
	}
	for range rng.IntN(6) {
		f = f.With(fmt.Sprintf("%c_%c", 'a'+rng.IntN(26), 'a'+rng.IntN(26)), maybe(200))
	}
	e := journal.Entry{ID: code(rng, 36), At: time.UnixMicro(rng.Int64N(4e15)), RequestID: maybe(30), App: maybe(20)}
	if rng.IntN(2) == 0 {
		f = f.OfMandat(code(rng, 36))
		e.StreamSeq = 1 + rng.Int64N(3)
		if e.StreamSeq > 1 {
			e.StreamPrev = journal.Leaf([]byte(code(rng, 9)))
		}
	}
	e.Fact = f
	return e
}

func canonical(t *testing.T, e journal.Entry) []byte {
	t.Helper()
	b, err := e.Canonical()
	if err != nil {
		t.Fatalf("Canonical(%+v) = %v", e, err)
	}
	return b
}

// TestCanonicalIsRFC8785 holds the bytes against a full implementation.
func TestCanonicalIsRFC8785(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 11))
	for range 5000 {
		e := anyEntry(rng)
		b := canonical(t, e)
		want, err := jcs.Transform(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !bytes.Equal(b, want) {
			t.Fatalf("not canonical:\n%s\n%s", b, want)
		}
		if again := canonical(t, e); !bytes.Equal(again, b) {
			t.Fatalf("two spellings of one entry:\n%s\n%s", b, again)
		}
	}
}

func TestParseUndoesCanonical(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 8))
	for range 3000 {
		e := anyEntry(rng)
		r, err := journal.Parse(canonical(t, e))
		if err != nil {
			t.Fatalf("Parse = %v of %+v", err, e)
		}
		if r.ID != e.ID || !r.At.Equal(e.At) || r.Actor != e.Fact.Actor() || r.Action != e.Fact.Action() || r.Mandat != e.Fact.Stream() ||
			r.Outcome != e.Fact.Outcome() || r.Reason != e.Fact.Reason() || r.RequestID != e.RequestID || r.StreamSeq != e.StreamSeq {
			t.Fatalf("Parse = %+v\nof %+v", r, e)
		}
	}
}

func TestGoldenSpelling(t *testing.T) {
	e := journal.Entry{ID: "019a", At: moment.In(time.FixedZone("x", 7200)), Fact: signed(), RequestID: "r", App: "1.0", StreamSeq: 2, StreamPrev: journal.Leaf([]byte("a"))}
	want := `{"action":"mandat.sign","actor":{"auth":"proconnect:eidas1-mfa","ref":"aidant-1","type":"aidant"},"app":"1.0","details":{"texte":"2026-11-21"},"id":"019a","object":{"id":"m-1","type":"mandat"},"on_behalf_of":"m-1","outcome":"ok","request_id":"r","stream_prev":"` +
		base64.StdEncoding.EncodeToString(e.StreamPrev[:]) + `","stream_seq":"2","ts":"2026-11-21T09:30:00.123456Z","v":"1"}`
	if got := string(canonical(t, e)); got != want {
		t.Errorf("Canonical =\n%s, want\n%s", got, want)
	}
}

func TestCanonicalRefuses(t *testing.T) {
	good := journal.Entry{ID: "019a", At: moment, Fact: signed(), StreamSeq: 1}
	canonical(t, good)
	for name, change := range map[string]func(*journal.Entry){
		"no id":                   func(e *journal.Entry) { e.ID = "" },
		"a blank in the id":       func(e *journal.Entry) { e.ID = "a b" },
		"an accent in the app":    func(e *journal.Entry) { e.App = "é" },
		"a line in the request":   func(e *journal.Entry) { e.RequestID = "a\nb" },
		"no counter":              func(e *journal.Entry) { e.StreamSeq = 0 },
		"a negative counter":      func(e *journal.Entry) { e.StreamSeq = -1 },
		"a counter of no mandat":  func(e *journal.Entry) { e.Fact = e.Fact.OfMandat("") },
		"a year of five digits":   func(e *journal.Entry) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a year before the first": func(e *journal.Entry) { e.At = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC) },
		"too many details": func(e *journal.Entry) {
			for i := range 26 * 4 {
				e.Fact = e.Fact.With(fmt.Sprintf("%c_%c", 'a'+i%26, 'a'+i/26), strings.Repeat("x", 200))
			}
		},
	} {
		e := good
		change(&e)
		if _, err := e.Canonical(); !errors.Is(err, journal.ErrFact) {
			t.Errorf("%s: Canonical = %v, want ErrFact", name, err)
		}
	}
}

// TestParseRefusesOtherSpellings: what says the same in other bytes, or says
// what Canonical never would.
func TestParseRefusesOtherSpellings(t *testing.T) {
	e := journal.Entry{ID: "019a", At: moment, Fact: signed(), StreamSeq: 2, StreamPrev: journal.Leaf([]byte("a"))}
	good := string(canonical(t, e))
	if _, err := journal.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(good), "", " "); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"empty": "", "null": "null", "a list": "[]", "an object": "{}", "cut": good[:len(good)-1], "indented": indented.String(),
		"a blank before": " " + good, "a line after": good + "\n", "twice": good + good, "a byte order mark": "\ufeff" + good,
		"a blank inside":      swap(`,"ts"`, `, "ts"`),
		"an escape":           swap(`"ok"`, `"\u006fk"`),
		"escaped slash":       swap(`"019a"`, `"\/019a"`),
		"another order":       "{" + `"v":"1",` + strings.Replace(good[1:], `,"v":"1"`, "", 1),
		"a name in capitals":  swap(`"outcome"`, `"Outcome"`),
		"a field twice":       swap(`"v":"1"`, `"v":"1","v":"1"`),
		"an unknown field":    swap(`"v":"1"`, `"v":"1","w":"1"`),
		"an empty field":      swap(`"outcome":"ok"`, `"outcome":"ok","reason":""`),
		"a null field":        swap(`"outcome":"ok"`, `"outcome":"ok","reason":null`),
		"another version":     swap(`"v":"1"`, `"v":"2"`),
		"a number":            swap(`"stream_seq":"2"`, `"stream_seq":2`),
		"a padded counter":    swap(`"stream_seq":"2"`, `"stream_seq":"02"`),
		"a signed counter":    swap(`"stream_seq":"2"`, `"stream_seq":"+2"`),
		"no counter":          swap(`"stream_seq":"2",`, ``),
		"counter 0":           swap(`"stream_seq":"2"`, `"stream_seq":"0"`),
		"counter 1 with prev": swap(`"stream_seq":"2"`, `"stream_seq":"1"`),
		"a huge counter":      swap(`"stream_seq":"2"`, `"stream_seq":"99999999999999999999"`),
		"a short prev":        swap(`"stream_prev":"`, `"stream_prev":"AAAA`),
		"prev unpadded":       swap(`="`, `"`),
		"milliseconds":        swap(".123456Z", ".123Z"),
		"nanoseconds":         swap(".123456Z", ".123456000Z"),
		"a comma":             swap(".123456Z", ",123456Z"),
		"another zone":        swap("09:30:00.123456Z", "10:30:00.123456+01:00"),
		"no date":             swap("2026-11-21T", "2026-11-31T"),
		"an accent":           swap(`"aidant-1"`, `"lefèvre"`),
		"a sentence":          swap(`"2026-11-21"}`, `"a b"}`),
		"an unknown action":   swap("mandat.sign", "mandat.erase"),
		"an unknown outcome":  swap(`"ok"`, `"maybe"`),
		"an unknown actor":    swap(`"type":"aidant"`, `"type":"robot"`),
		"no details":          swap(`{"texte":"2026-11-21"}`, `{}`),
		"not UTF-8":           swap("019a", "019\xff"),
	} {
		if r, err := journal.Parse([]byte(s)); err == nil {
			t.Errorf("%s: Parse accepts %s as %+v", name, s, r)
		}
	}
}

func TestRequestID(t *testing.T) {
	ctx := context.Background()
	if got := journal.RequestID(ctx); got != "" {
		t.Errorf("RequestID of a bare context = %q", got)
	}
	if got := journal.RequestID(journal.WithRequest(ctx, "r-1")); got != "r-1" {
		t.Errorf("RequestID = %q", got)
	}
}

func FuzzParse(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 30 {
		if b, err := anyEntry(rng).Canonical(); err == nil {
			f.Add(b)
		}
	}
	f.Add([]byte(`{"action":"mandat.sign","actor":{"type":"aidant"},"id":"","object":{"type":"mandat"},"outcome":"ok","ts":"2026-11-21T09:30:00.123456Z","v":"1"}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := journal.Parse(b)
		if err != nil {
			return
		}
		if want, err := jcs.Transform(b); err != nil || !bytes.Equal(want, b) {
			t.Errorf("Parse accepts what RFC 8785 spells otherwise: %s (%v)", b, err)
		}
		if r.ID == "" || r.Action == "" || len(b) > journal.MaxBody || bytes.ContainsFunc(b, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
			t.Errorf("Parse accepts %s", b)
		}
	})
}
