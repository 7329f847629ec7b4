package scellement_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/preuve"
	"relais/internal/scellement"
	"relais/internal/temoin"
)

// withWitness gives a house a witness of its own, which may be put out of order.
func withWitness(t *testing.T, mid func(http.Handler) http.Handler) (h *house, witness *temoin.Witness, dir string) {
	t.Helper()
	h = newHouse(t)
	h.grow(3)
	h.seal()
	keys, err := h.VKeys()
	h.ok(err)
	dir = t.TempDir()
	witness, err = temoin.Open(dir, "temoin.example", keys[0])
	h.ok(err)
	handler := witness.Handler()
	if mid != nil {
		handler = mid(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	h.opts.Policy = []byte("# les témoins\nwitness t1 " + witness.VKey() + " " + server.URL + "\nquorum t1\n")
	h.restart()
	return h, witness, dir
}

func TestWitness(t *testing.T) {
	h, _, dir := withWitness(t, nil)
	for range 3 {
		h.grow(2)
		h.seal()
		h.ok(h.Cosign(h.ctx))
	}
	st := h.State()
	if st.Progress.Cosigned != 9 || st.Progress.State(8) != journal.Cosigned {
		t.Errorf("progress %+v", st.Progress)
	}
	h.restart() // which has forgotten what the witness knows, and is told
	h.grow(1)
	h.seal()
	h.ok(h.Cosign(h.ctx))
	published, size, err := h.Published(h.ctx)
	if err != nil || size != 10 || strings.Count(string(published), "— temoin.example ") != 1 {
		t.Errorf("published %q, %d, %v", published, size, err)
	}
	h.raw("DELETE FROM journal WHERE id >= 2", "DELETE FROM journal_checkpoint")
	h.rehash()
	h.ok(h.st.Close())
	h.open()
	h.grow(20)
	h.ok(os.Remove(filepath.Join(h.dir, "journal.checkpoint")))
	h.restart()
	h.seal() // with the stolen key, as it were
	if err := h.Cosign(h.ctx); err == nil || h.State().Witnesses["temoin.example"] == "" {
		t.Errorf("the witness cosigned a rewritten journal: %+v", h.State().Witnesses)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "contradiction-*")); len(kept) != 1 {
		t.Errorf("the witness kept %v", kept)
	}
}

// TestBadWitness: down, slow to nothing, lying.
func TestBadWitness(t *testing.T) {
	var mode atomic.Value
	mode.Store("")
	h, _, _ := withWitness(t, func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch mode.Load() {
			case "down":
				w.WriteHeader(http.StatusBadGateway)
			case "lies":
				_, _ = w.Write([]byte("— temoin.example AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"))
			case "longer":
				w.Header().Set("Content-Type", "text/x.tlog.size")
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte("1000000\n"))
			case "loops":
				w.Header().Set("Content-Type", "text/x.tlog.size")
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte("1\n"))
			case "shouts":
				_, _ = w.Write([]byte(strings.Repeat("x", 1<<20)))
			default:
				good.ServeHTTP(w, r)
			}
		})
	})
	for _, m := range []string{"down", "lies", "longer", "loops", "shouts"} {
		mode.Store(m)
		h.grow(1)
		c := h.seal()
		if err := h.Cosign(h.ctx); err == nil || h.State().Witnesses["temoin.example"] == "" {
			t.Errorf("%s: %v, %+v", m, err, h.State().Witnesses)
		}
		if kept, err := h.st.Attestations(h.ctx, c.Origin, journal.Cosignature, c.Size); err != nil || len(kept) != 0 {
			t.Errorf("%s: kept %+v, %v", m, kept, err)
		}
	}
	mode.Store("")
	h.ok(h.Cosign(h.ctx))
	if st := h.State(); st.Progress.Cosigned != st.Last.Size || st.Witnesses["temoin.example"] != "" {
		t.Errorf("once it answers: %+v", st)
	}
}

func TestTimeAuthority(t *testing.T) {
	url, ca := authority(t)
	h := newHouse(t, func(o *scellement.Options) { o.TSA = url })
	h.grow(3)
	c := h.seal()
	token, err := h.Stamp(h.ctx, c)
	h.ok(err)
	dir := t.TempDir()
	h.ok(os.WriteFile(dir+"/checkpoint", c.Note, 0o600))
	h.ok(os.WriteFile(dir+"/checkpoint.tsr", token, 0o600))
	if out := openssl(t, "ts", "-verify", "-in", dir+"/checkpoint.tsr", "-data", dir+"/checkpoint", "-CAfile", ca); !strings.Contains(out, "Verification: OK") {
		t.Errorf("openssl says %s", out)
	}
	if st := h.State(); st.Progress.State(2) != journal.Timestamp || st.StampedAt.IsZero() {
		t.Errorf("state %+v", st)
	}
	kept, err := h.st.LastAttestation(h.ctx, c.Origin, journal.TimeToken)
	if err != nil || kept.Size != 3 || kept.Name != "CN=Autorite fictive" {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if _, err := preuve.ReadToken(token, append(c.Note, '\n')); err == nil {
		t.Error("the token of another document was accepted")
	}
}

// TestBadAuthority: down, answering for something else, with a clock far away.
func TestBadAuthority(t *testing.T) {
	good, _ := authority(t)
	var replay atomic.Pointer[[]byte]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if b := replay.Load(); b != nil {
			_, _ = w.Write(*b)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	h := newHouse(t, func(o *scellement.Options) { o.TSA = good })
	h.grow(1)
	c := h.seal()
	token, err := h.Stamp(h.ctx, c)
	h.ok(err)
	h.opts.TSA = server.URL
	h.restart()
	h.seal()
	refused := func(what string) {
		t.Helper()
		if _, err := h.Stamp(h.ctx, c); err == nil || h.State().StampFail == "" || h.State().Progress.Stamped != 0 {
			t.Errorf("%s: %v, %+v", what, err, h.State())
		}
	}
	refused("down")
	replay.Store(&token)
	refused("an old token again")
	rubbish := []byte("<html>maintenance</html>")
	replay.Store(&rubbish)
	refused("rubbish")
	h.opts.TSA = good
	h.opts.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	h.restart()
	h.seal()
	refused("a clock far away")
}

// TestExport makes a bundle with everything in it, and verifies it as a stranger
// does.
func TestExport(t *testing.T) {
	h, _, _ := withWitness(t, nil)
	h.opts.TSA, _ = authority(t)
	h.restart()
	h.prune(4)
	since := h.seal()
	h.grow(20)
	if done, err := h.st.CloseDay(h.ctx); err != nil || !done {
		t.Fatal(done, err)
	}
	three := int64(4)
	keys, err := h.VKeys()
	h.ok(err)
	for what, f := range map[string]preuve.Selection{
		"mandat": {Mandat: "m-1", Number: "BCDF"},
		"period": {From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)},
		"empty":  {From: time.Now().Add(-48 * time.Hour), To: time.Now().Add(-47 * time.Hour)},
		"entry":  {Entry: &three},
		"ever":   {From: time.Now().AddDate(-3, 0, 0), To: time.Now().Add(time.Hour)},
		"action": {Action: string(journal.MandatView), Outcome: string(journal.OK)},
		"actor":  {Actor: "relais", Mandat: "m-1"},
	} {
		zip := h.export(scellement.Request{Filter: f, By: journal.Systeme(), Since: since.Note, App: "test"})
		r, err := preuve.Verify(zip, keys, since.Note)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if r.Stamp.Time.IsZero() || len(r.Witnesses) != 1 || r.Since == nil || r.Since.Size != since.Size || r.Export.Action != journal.JournalExport {
			t.Errorf("%s: %+v", what, r)
		}
		want := map[string][2]int64{"mandat": {13, 2}, "empty": {0, 0}, "entry": {1, 1}, "action": {27, 4}}
		if w, ok := want[what]; ok && (r.Count != w[0] || r.Pruned != w[1]) || what == "ever" && (r.Pruned != 4 || r.Bound != 4) {
			t.Errorf("%s: %d entries, %d pruned, %d bound", what, r.Count, r.Pruned, r.Bound)
		}
		if strings.Contains(what, "act") != (r.Complete == preuve.Partial) {
			t.Errorf("%s: complete %q", what, r.Complete)
		}
		if (r.Day.Count == 1) != (r.Complete == preuve.Run && what != "entry") {
			t.Errorf("%s: the day is %+v", what, r.Day)
		}
		h.python(what, zip, keys[0], since.Note)
	}
	if left, err := filepath.Glob(h.dir + "/.export*"); err != nil || len(left) != 0 {
		t.Errorf("exports leave %v, %v", left, err)
	}
	if _, err := h.Export(h.ctx, h.st, scellement.Request{Filter: preuve.Selection{Mandat: "inconnu"}, By: journal.Systeme()}); err == nil {
		t.Error("an export of a mandat that is not there")
	}
	if _, err := h.st.VerifyJournal(h.ctx); err != nil {
		t.Error(err)
	}
}

// TestRewrittenHistoryIsCaught: the operator rolls back, grows again and signs
// with the true key; the bundle verifies by itself, and not against the older
// checkpoint that the auditeur kept.
func TestRewrittenHistoryIsCaught(t *testing.T) {
	h := newHouse(t)
	h.grow(30)
	since := h.seal()
	h.raw("DELETE FROM journal WHERE id >= 10", "DELETE FROM journal_checkpoint")
	h.rehash()
	h.ok(h.st.Close())
	h.open()
	h.ok(os.Remove(filepath.Join(h.dir, "journal.checkpoint")))
	h.restart()
	h.grow(40)
	period := preuve.Selection{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}
	if _, err := h.Export(h.ctx, h.st, scellement.Request{Filter: period, By: journal.Systeme(), Since: since.Note}); err == nil {
		t.Error("Relais made a consistency proof over a rewritten past")
	}
	zip := h.export(scellement.Request{Filter: period, By: journal.Systeme()})
	keys, err := h.VKeys()
	h.ok(err)
	if _, err := preuve.Verify(zip, keys, nil); err != nil {
		t.Errorf("by itself the bundle verifies: %v", err)
	}
	if _, err := preuve.Verify(zip, keys, since.Note); err == nil {
		t.Error("the older checkpoint did not catch the rewriting")
	}
}

// python has a bundle verified by code that is not ours.
func (h *house) python(what string, zip []byte, vkey string, since []byte) {
	h.t.Helper()
	dir := h.t.TempDir()
	h.ok(os.WriteFile(dir+"/p.zip", zip, 0o600))
	h.ok(os.WriteFile(dir+"/since", since, 0o600))
	if out, err := exec.Command("python3", golden+"verify.py", dir+"/p.zip", vkey, dir+"/since").CombinedOutput(); err != nil {
		h.t.Errorf("%s: python3 says %s", what, out)
	}
}

// TestRenewal: tokens whose authority's certificate ends soon are stamped again,
// all under one token of the authority of today, which openssl verifies.
func TestRenewal(t *testing.T) {
	short, _ := authorityFor(t, "30")
	h := newHouse(t, func(o *scellement.Options) { o.TSA = short })
	for range 3 {
		h.grow(2)
		_, err := h.Stamp(h.ctx, h.seal())
		h.ok(err)
	}
	long, ca := authority(t)
	h.opts.TSA = long
	h.restart()
	h.grow(1)
	_, err := h.Stamp(h.ctx, h.seal())
	h.ok(err)
	due, err := h.Renew(h.ctx)
	h.ok(err)
	if st := h.State(); due != 3 || st.Renewed != 3 || st.RenewedAt.IsZero() || st.RenewFail != "" {
		t.Errorf("%d due, %+v", due, st)
	}
	kept, err := h.st.Renewals(h.ctx, "relais.example")
	if err != nil || len(kept) != 1 || kept[0].Size != 6 {
		t.Fatalf("kept %+v, %v", kept, err)
	}
	doc, token, err := scellement.ReadRenewal(kept[0].Data)
	h.ok(err)
	if strings.Count(string(doc), "\n") != 5 || token.Until.Before(time.Now().AddDate(10, 0, 0)) {
		t.Errorf("%s, until %s", doc, token.Until)
	}
	dir := t.TempDir()
	_, raw, _ := strings.Cut(string(kept[0].Data), "\n\n")
	response, err := base64.StdEncoding.DecodeString(strings.TrimSpace(raw))
	h.ok(errors.Join(err, os.WriteFile(dir+"/doc", doc, 0o600), os.WriteFile(dir+"/tsr", response, 0o600)))
	if out := openssl(t, "ts", "-verify", "-in", dir+"/tsr", "-data", dir+"/doc", "-CAfile", ca); !strings.Contains(out, "Verification: OK") {
		t.Errorf("openssl says %s", out)
	}
	if due, err := h.Renew(h.ctx); err != nil || due != 0 {
		t.Errorf("again: %d, %v", due, err)
	}
	for _, bad := range [][]byte{nil, kept[0].Data[:40], append([]byte("x"), kept[0].Data...), []byte(strings.Replace(string(kept[0].Data), "6 ", "7 ", 1))} {
		if _, _, err := scellement.ReadRenewal(bad); !errors.Is(err, preuve.ErrBundle) {
			t.Errorf("%.60q: %v", bad, err)
		}
	}
	h.opts.TSA = "http://127.0.0.1:1"
	h.opts.Now = func() time.Time { return time.Now().AddDate(25, 0, 0) }
	h.restart()
	h.seal()
	if due, err := h.Renew(h.ctx); err == nil || due != 4 || h.State().RenewFail == "" {
		t.Errorf("an authority that is gone: %d, %v", due, err)
	}
}
