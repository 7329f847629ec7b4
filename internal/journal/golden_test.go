package journal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"relais/internal/journal"
)

const golden = "../../testdata/journal/golden"

var update = flag.Bool("update", false, "write testdata/journal anew: only ever together with a new version of the entries")

// independent verifies a journal with SHA-256 and nothing of ours: RFC 6962
// §2.1 by recursion, counters and predecessors by the entries' own words.
func independent(bodies [][]byte) (root [32]byte, err error) {
	leaves := make([][32]byte, len(bodies))
	seq, prev := map[string]int{}, map[string]string{}
	for i, b := range bodies {
		leaves[i] = sha256.Sum256(append([]byte{0}, b...))
		var e struct {
			Mandat string `json:"on_behalf_of"`
			Seq    string `json:"stream_seq"`
			Prev   string `json:"stream_prev"`
		}
		if err := json.Unmarshal(b, &e); err != nil {
			return root, err
		}
		if e.Mandat == "" {
			continue
		}
		seq[e.Mandat]++
		if e.Seq != fmt.Sprint(seq[e.Mandat]) || e.Prev != prev[e.Mandat] {
			return root, fmt.Errorf("entry %d breaks the stream of %s", i, e.Mandat)
		}
		prev[e.Mandat] = base64.StdEncoding.EncodeToString(leaves[i][:])
	}
	var hash func(l [][32]byte) [32]byte
	hash = func(l [][32]byte) [32]byte {
		switch len(l) {
		case 0:
			return sha256.Sum256(nil)
		case 1:
			return l[0]
		}
		k := 1
		for k*2 < len(l) {
			k *= 2
		}
		left, right := hash(l[:k]), hash(l[k:])
		return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
	}
	return hash(leaves), nil
}

// TestGolden: a journal written once must verify for ever, by us and by someone
// who has only the RFC.
func TestGolden(t *testing.T) {
	if *update {
		write(t)
	}
	raw, err := os.ReadFile(golden + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	bodies := bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n"))
	stated, err := os.ReadFile(golden + ".root")
	if err != nil {
		t.Fatal(err)
	}
	root, err := independent(bodies)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%d %s\n", len(bodies), base64.StdEncoding.EncodeToString(root[:])); got != string(stated) {
		t.Errorf("the independent verifier says %q, want %q", got, stated)
	}
	v := journal.NewVerifier()
	for i, b := range bodies {
		if err := v.Add(rowOf(t, int64(i), b)); err != nil {
			t.Fatal(err)
		}
	}
	if v.Head().Root != journal.Hash(root) || v.Head().Size != int64(len(bodies)) {
		t.Errorf("our root %v differs from the independent one", v.Head().Root)
	}
	edited := slices.Clone(bodies)
	edited[7] = bytes.Replace(bodies[7], []byte(`"ok"`), []byte(`"ko"`), 1)
	if r, err := independent(edited); err == nil && r == root {
		t.Error("the independent verifier sees nothing of a change")
	}
}

func write(t *testing.T) {
	t.Helper()
	k := keep(t, 270) // one full tile, and more
	var lines strings.Builder
	for _, r := range k.rows {
		lines.Write(r.Body)
		lines.WriteByte('\n')
	}
	root := fmt.Sprintf("%d %s\n", k.head.Size, base64.StdEncoding.EncodeToString(k.head.Root[:]))
	for name, text := range map[string]string{".jsonl": lines.String(), ".root": root} {
		if err := os.WriteFile(golden+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
