package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// bodies are canonical entries with every optional field there and missing.
func bodies(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	at := time.Date(2024, 2, 29, 23, 59, 59, 123_456_000, time.UTC)
	for n := range 1 << 8 {
		has := func(bit int, text string) string {
			if n>>bit&1 == 1 {
				return text
			}
			return ""
		}
		f := NewFact(Actor{Type: ActorAidant, Ref: has(0, "m2611p-Zz_9"), Auth: has(1, "proconnect:eidas1")}, DelegationUse, Object{Type: "mandat", ID: has(2, "m-1")})
		f = f.OfMandat(has(3, "m-1")).Because(has(4, "motif")).With("client", has(5, "fc<&>")).With("domaine", has(5, "a=b")).With("z_9", has(6, "x"))
		e := Entry{ID: "0190", At: at.Add(time.Duration(n) * time.Hour), Fact: f, App: has(7, "abc"), RequestID: has(6, "req-1")}
		if n>>3&1 == 1 {
			e.StreamSeq = int64(n/16*97 + 1)
			e.StreamPrev[n%32] = byte(n)
		}
		b, err := e.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// checkScan holds scan against Parse: it accepts nothing else and reads the same.
func checkScan(t testing.TB, body []byte) bool {
	t.Helper()
	e, ok := scan(body)
	if !ok {
		return false
	}
	r, err := parse(body)
	if err != nil {
		t.Fatalf("scan accepts what parse refuses (%v): %s", err, body)
	}
	want := r.scanned()
	if !reflect.DeepEqual(e.record(), r) || !e.same(r) || e.prev != want.prev || e.seq != want.seq {
		t.Fatalf("scan reads %+v of %s", e, body)
	}
	return true
}

func TestScanAcceptsCanonicalBytes(t *testing.T) {
	for _, b := range bodies(t) {
		if !checkScan(t, b) {
			t.Errorf("not accepted: %s", b)
		}
	}
}

// TestScanIsNoLooser changes canonical bytes: one byte, a part doubled, lost or
// moved, a value spelt otherwise.
func TestScanIsNoLooser(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 9))
	accepted := 0
	for _, b := range bodies(t) {
		for range 400 {
			c := bytes.Clone(b)
			i, j := random.IntN(len(c)), random.IntN(len(c))
			i, j = min(i, j), max(i, j)
			switch random.IntN(5) {
			case 0:
				c[i] = byte(random.IntN(256))
			case 1:
				c = append(c[:j:j], c[i:]...)
			case 2:
				c = append(c[:i:i], c[j:]...)
			case 3:
				c[i], c[j] = c[j], c[i]
			case 4:
				c[i] = `"\{},:0123456789-TZ.`[random.IntN(20)]
			}
			if checkScan(t, c) {
				accepted++
			}
		}
	}
	if accepted == 0 {
		t.Error("no change kept an entry an entry: the test changes too much")
	}
	whole := string(bodies(t)[255])
	for _, c := range [][2]string{{`"v":"1"`, `"v":"2"`}, {`"outcome":"ok"`, `"outcome":"oui"`}, {`"type":"aidant"`, `"type":"autre"`}, {`"action":"delegation.use"`, `"action":"autre"`},
		{`"details":{`, `"details":{"a":"",`}, {`"motif"`, `""`}, {`"motif"`, `"mo tif"`}, {`"motif"`, `"mo\u0074if"`}, {`"ts":"2024-`, `"ts":"2023-02-29T00:00:00.000000Z","ts":"2024-`},
		{`"motif"`, fmt.Sprintf("%q", strings.Repeat("m", 201))}, {`"stream_seq":"`, `"stream_seq":"0`}} {
		if changed := strings.Replace(whole, c[0], c[1], 1); changed == whole || checkScan(t, []byte(changed)) {
			t.Errorf("accepted with %s: %s", c[1], changed)
		}
	}
	for text, want := range map[string]bool{"2024-02-29T00:00:00.000000Z": true, "2023-02-29T00:00:00.000000Z": false, "2024-13-01T00:00:00.000000Z": false,
		"0000-01-01T00:00:00.000000Z": false, "2024-01-01T24:00:00.000000Z": false, "2024-01-01T00:00:60.000000Z": false, "2024-01-01 00:00:00.000000Z": false} {
		at, ok := ScanTime(text)
		if ok != want || ok && at.Format(timeLayout) != text {
			t.Errorf("%s: %v, %v", text, at, ok)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, b := range bodies(f)[200:220] {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkScan(t, body) })
}

// TestExpectedNodes: what is sound entry by entry is found where the tree first
// differs from what is kept, not at the end.
func TestExpectedNodes(t *testing.T) {
	leaves := func(n int) (rows []Row, head Head, nodes []Node) {
		head = Head{Root: EmptyRoot()}
		for i := range n {
			e := Entry{ID: fmt.Sprint("e", i), At: time.Unix(int64(i), 0), Fact: NewFact(Systeme(), Heartbeat, Object{Type: "journal"})}
			b, err := e.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			r, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, Row{Index: int64(i), Body: b, Leaf: Leaf(b), Copies: r})
			h, more := head.Append(Leaf(b))
			head, nodes = h, append(nodes, more...)
		}
		return rows, head, nodes
	}
	const size = 1000
	for _, c := range []struct{ a, b, found int }{{10, 20, 0}, {300, 301, 256}, {255, 256, 0}, {700, 767, 512}, {770, 800, 768}, {900, 930, 896}, {999, 998, 992}, {5, 999, 0}} {
		rows, head, nodes := leaves(size)
		rows[c.a], rows[c.b] = rows[c.b], rows[c.a]
		rows[c.a].Index, rows[c.b].Index = int64(c.a), int64(c.b)
		v := NewVerifier()
		v.Expect(nodes)
		var err error
		for i := 0; i < size && err == nil; i++ {
			err = v.Add(rows[i])
		}
		if err == nil {
			err = v.Finish(head, nodes)
		}
		f, _ := err.(*Finding)
		if f == nil || f.Index != int64(c.found) {
			t.Errorf("%d and %d exchanged: %v, want it at %d", c.a, c.b, err, c.found)
		}
	}
	rows, head, nodes := leaves(size)
	v := NewVerifier()
	v.Expect(nodes)
	for _, r := range rows {
		if err := v.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Finish(head, nodes); err != nil {
		t.Error(err)
	}
}
