package store_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/store"
	"relais/internal/usager"
)

// zelie is an usager whose names stand nowhere else in these tests.
var zelie = who{"sub-zelie", pivot("ZELINSKISECRET", "Zélie Ondine", "1951-07-30")}

var exploitant = journal.Actor{Type: journal.ActorSysteme, Ref: "exploitant"}

// personal is every clear value of an usager, as given and as folded.
func personal(w who) []string {
	values := []string{w.pivot.FamilyName, w.pivot.GivenName, string(w.pivot.Birthdate), w.sub, w.sub + "@secret.example", "jeton-" + w.sub,
		"userinfo-" + w.pivot.FamilyName}
	for _, word := range strings.Fields(w.pivot.FamilyName + " " + w.pivot.GivenName) {
		values = append(values, word, strings.ToLower(word), identite.Fold(word))
	}
	return values
}

// shapes are the forms under which a value might stand somewhere.
func shapes(v string) [][]byte {
	b := []byte(v)
	out := [][]byte{b, []byte(hex.EncodeToString(b)), []byte(strings.TrimRight(base64.StdEncoding.EncodeToString(b), "=")[:len(b)])}
	s256, s1, s512, m := sha256.Sum256(b), sha1.Sum(b), sha512.Sum512(b), md5.Sum(b)
	for _, sum := range [][]byte{s256[:], s1[:], s512[:], m[:]} {
		out = append(out, sum, []byte(hex.EncodeToString(sum)), []byte(base64.StdEncoding.EncodeToString(sum)), []byte(base64.RawURLEncoding.EncodeToString(sum)))
	}
	return out
}

func (h *house) everything() []byte {
	h.t.Helper()
	if h.engine == store.PostgreSQL {
		var all strings.Builder
		for table := range strings.FieldsSeq(h.value("SELECT string_agg(table_name, ' ') FROM information_schema.tables WHERE table_schema = 'public'")) {
			all.WriteString(h.value("SELECT coalesce(string_agg(x::text, chr(10)), '') FROM " + table + " x"))
		}
		return []byte(all.String())
	}
	var all []byte
	for _, suffix := range []string{"", "-wal", "-shm"} {
		content, err := os.ReadFile(h.dsn + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			h.t.Fatal(err)
		}
		all = append(all, content...)
	}
	copied := filepath.Join(h.t.TempDir(), fmt.Sprint("copie", time.Now().UnixNano()))
	_, err := h.raw("VACUUM INTO '" + copied + "'")
	h.ok(err)
	content, err := os.ReadFile(copied)
	h.ok(err)
	return append(all, content...)
}

// TestEraseUsager erases one usager of two and looks for everything that was
// theirs, the sealed bytes and their key included, in the database, the WAL and
// a copy made afterwards.
func TestEraseUsager(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", zelie, "social", "logement")
		h.ok(h.choose(m, "r1", "social"))
		other := h.signed("ccas", durand, "papiers")
		h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Revoke(nil, mandat.AtCounter, by, h.time())
		})
		blob := "hex(%s)"
		if h.engine == store.PostgreSQL {
			blob = "encode(%s, 'hex')"
		}
		column := func(c, from string) []byte {
			b, err := hex.DecodeString(strings.TrimSpace(h.value("SELECT " + fmt.Sprintf(blob, c) + " FROM " + from)))
			h.ok(err)
			return b
		}
		theirs := map[string][]byte{
			"key":      column("wrapped", "coffre_key WHERE subject = 'usager:"+m.UsagerID+"'"),
			"identity": column("sealed", "usager WHERE id = '"+m.UsagerID+"'"),
			"evidence": column("sealed", "dossier WHERE mandat_id = '"+m.ID+"'"),
			"token":    []byte(h.value("SELECT sub_token FROM usager WHERE id = '" + m.UsagerID + "'")),
			"word":     []byte(h.value("SELECT min(token) FROM usager_index WHERE usager_id = '" + m.UsagerID + "'")),
		}
		size := h.size()
		_, gone, err := h.EraseUsager(h.ctx, m.UsagerID, usager.Injonction, exploitant, true)
		h.ok(err)
		if gone.Dossiers != 1 || gone.Index == 0 || gone.Uses != 1 || h.size() != size {
			t.Errorf("dry run: %+v, %d entries for %d", gone, h.size(), size)
		}
		f, _, err := h.EraseUsager(h.ctx, m.UsagerID, usager.Injonction, exploitant, false)
		h.ok(err)
		if !f.Usager.Erased() || f.Usager.ErasedEntry != size {
			t.Errorf("erased: %+v", f.Usager)
		}
		all := h.everything()
		for what, bytesOf := range theirs {
			for _, form := range [][]byte{bytesOf, []byte(hex.EncodeToString(bytesOf))} {
				if bytes.Contains(all, form) {
					t.Errorf("the %s is still there", what)
				}
			}
		}
		for _, v := range personal(zelie) {
			if bytes.Contains(all, []byte(v)) {
				t.Errorf("%q stands in the database", v)
			}
		}
		h.checkErased(m, f)
		if _, err := h.Usager(h.ctx, "ccas", other.UsagerID); err != nil {
			t.Errorf("the other usager: %v", err)
		}
		if _, _, _, err := h.Dossier(h.ctx, other.ID); err != nil {
			t.Errorf("the other evidence: %v", err)
		}
		h.entriesHoldNothing(zelie)
		if again := h.signed("ccas", zelie, "social"); again.UsagerID == m.UsagerID {
			t.Error("a person who comes back is known again")
		}
	})
}

func (h *house) checkErased(m mandat.Mandat, f usager.File) {
	h.t.Helper()
	seen, err := h.Usager(h.ctx, "ccas", m.UsagerID)
	h.ok(err)
	if want := fmt.Sprintf("effacé le 22/11/2026, entrée %d", f.Usager.ErasedEntry); seen.Usager.Name(time.UTC) != want {
		h.t.Errorf("the page says %q, want %q", seen.Usager.Name(time.UTC), want)
	}
	kept, err := h.Mandat(h.ctx, "ccas", m.ID)
	h.ok(err)
	if kept.Number != m.Number || len(kept.Autorisations) != 2 || !kept.Texte.IsZero() {
		h.t.Errorf("the skeleton: %+v", kept)
	}
	if _, _, _, err := h.Dossier(h.ctx, m.ID); !errors.Is(err, mandat.ErrNotFound) {
		h.t.Errorf("Dossier = %v", err)
	}
	if _, open, err := h.OpenUse(h.ctx, "a-jeanne"); open || err != nil {
		h.t.Errorf("a use is still open: %v", err)
	}
	if _, _, err := h.EraseUsager(h.ctx, m.UsagerID, usager.Injonction, exploitant, false); !errors.Is(err, usager.ErrErased) {
		h.t.Errorf("erased twice: %v", err)
	}
	if _, err := h.raw("UPDATE usager SET sub_token = 'x' WHERE id = '" + m.UsagerID + "'"); err == nil {
		h.t.Error("an erased usager was changed")
	}
}

// entriesHoldNothing looks in every entry for personal values, in clear and
// under every usual hash and keyed token.
func (h *house) entriesHoldNothing(people ...who) {
	h.t.Helper()
	for index := range h.size() {
		row, err := h.Entry(h.ctx, index)
		h.ok(err)
		for _, w := range people {
			for _, v := range personal(w) {
				forms := shapes(v)
				for _, kind := range []string{"usager.sub", "usager.mot", "usager.prefixe", "usager.naissance", "aidant.courriel"} {
					forms = append(forms, []byte(h.vault.Token(kind, v)), []byte(h.vault.Pseudonym(kind, v)))
				}
				for _, form := range forms {
					if bytes.Contains(row.Body, form) {
						h.t.Errorf("entry %d holds a form of %q", index, v)
					}
				}
			}
		}
	}
}

func TestEraseRefuses(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		refused := func(motif usager.Motif, want error) {
			t.Helper()
			if _, _, err := h.EraseUsager(h.ctx, m.UsagerID, motif, exploitant, false); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", motif, err, want)
			}
		}
		refused(usager.Injonction, usager.ErrRunning)
		h.expect(journal.UsagerErase, journal.Denied)
		refused("envie", usager.ErrMotif)
		h.pass(40 * 24 * time.Hour)
		h.ok(h.Sweep(h.ctx))
		refused(usager.Demande, usager.ErrKept)
		h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.OpenDispute("plainte", h.time().AddDate(1, 0, 0), by, h.time())
		})
		h.pass(7 * 365 * 24 * time.Hour)
		refused(usager.Duree, usager.ErrFrozen)
		refused(usager.Illicite, usager.ErrFrozen)
		report, err := h.Retain(h.ctx, 12, true)
		h.ok(err)
		same(t, "report", report, store.Conservation{Access: report.Access, Archived: 1, Disputed: 1, Review: 1})
		h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.LiftDispute(by) })
		report, err = h.Retain(h.ctx, 12, false)
		h.ok(err)
		if report.Usagers != 1 || report.Access == 0 {
			t.Errorf("retention: %+v", report)
		}
		refused(usager.Duree, usager.ErrErased)
		if _, _, err := h.EraseUsager(h.ctx, "u-personne", usager.Duree, exploitant, false); !errors.Is(err, usager.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
	})
}

// TestRetainsEveryUsager: however many are due, all of them are seen.
func TestRetainsEveryUsager(t *testing.T) {
	onBoth(t, func(h *house) {
		for n := range 5 {
			h.signed("ccas", who{fmt.Sprint("sub-due-", n), pivot(fmt.Sprint("DUE", string(rune('A'+n))), "Ana", "1950-01-01")}, "social")
		}
		h.pass(8 * 366 * 24 * time.Hour)
		h.ok(h.Sweep(h.ctx))
		for _, batch := range []int{1, 2, 5, 6} {
			n, err := h.CountDue(h.ctx, h.time(), batch)
			h.ok(err)
			same(t, fmt.Sprint("due by ", batch), n, 5)
		}
		report, err := h.Retain(h.ctx, 12, false)
		h.ok(err)
		same(t, "erased", report.Usagers, 5)
	})
}

func TestArchiveOpensWithAReason(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		h.pass(4 * 365 * 24 * time.Hour)
		h.ok(h.Sweep(h.ctx))
		if _, _, _, err := h.Dossier(h.ctx, m.ID); !errors.Is(err, mandat.ErrClosed) {
			t.Errorf("Dossier = %v", err)
		}
		if kept, err := h.Mandat(h.ctx, "ccas", m.ID); err != nil || !kept.Texte.IsZero() {
			t.Errorf("the text of an archived mandat: %v", err)
		}
		if _, _, _, err := h.OpenArchive(h.ctx, m.ID, "curiosite", by); !errors.Is(err, mandat.ErrInvalid) {
			t.Errorf("no reason: %v", err)
		}
		d, _, _, err := h.OpenArchive(h.ctx, m.ID, "plainte", by)
		h.ok(err)
		if d.Texte.IsZero() {
			t.Error("the archive is empty")
		}
		h.expect(journal.MandatArchive, journal.OK)
	})
}

// TestPrune takes the bodies of old access entries and shows that the journal
// still verifies, that only that may be done, and that doing more is found.
func TestPrune(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		h.ok(h.Append(h.ctx, m.Viewed(by)))
		viewed := h.size() - 1
		h.pass(13 * 30 * 24 * time.Hour)
		h.ok(h.Append(h.ctx, m.Viewed(by)))
		dry, err := h.Retain(h.ctx, 12, true)
		h.ok(err)
		report, err := h.Retain(h.ctx, 12, false)
		h.ok(err)
		if dry.Access == 0 || dry.Access != report.Access {
			t.Errorf("%d entries announced, %d pruned", dry.Access, report.Access)
		}
		if n, err := h.Pruned(h.ctx); err != nil || n != report.Access {
			t.Errorf("Pruned = %d, %v", n, err)
		}
		row, err := h.Entry(h.ctx, viewed)
		h.ok(err)
		if row.PrunedBy == 0 || len(row.Body) != 0 || row.Copies.Actor.Ref != "" {
			t.Errorf("the old view: %+v", row)
		}
		if again, err := h.Retain(h.ctx, 12, false); err != nil || again.Access != 0 {
			t.Errorf("a second time: %+v, %v", again, err)
		}
		entries, err := h.MandatEntries(h.ctx, m.ID)
		h.ok(err)
		if entries[len(entries)-1].Action != journal.MandatView || len(entries) < 9 {
			t.Errorf("%d entries of the mandat", len(entries))
		}
		_, err = h.VerifyJournal(h.ctx)
		h.ok(err)
		h.attackPruned(m, viewed)
	})
}

func (h *house) attackPruned(m mandat.Mandat, viewed int64) {
	h.t.Helper()
	empty := fmt.Sprintf("UPDATE journal SET pruned_by = (SELECT max(id) FROM journal WHERE action = 'journal.prune'), entry_id = '', actor_ref = '', object_id = '', body = %s",
		map[string]string{store.SQLite: "X''", store.PostgreSQL: "''"}[h.engine])
	for name, attack := range map[string]string{
		"an evidence entry":  empty + " WHERE action = 'mandat.sign'",
		"no prune entry":     fmt.Sprintf("UPDATE journal SET body = '' WHERE id = %d", viewed),
		"twice":              empty + fmt.Sprintf(" WHERE id = %d", viewed),
		"delete":             fmt.Sprintf("DELETE FROM journal WHERE id = %d", viewed),
		"evidence as access": empty + ", action = 'mandat.view' WHERE action = 'mandat.sign'",
	} {
		if _, err := h.raw(attack); err == nil {
			h.t.Errorf("%s: the guards let it pass", name)
		}
	}
	drop := "DROP TRIGGER journal_update"
	if h.engine == store.PostgreSQL {
		drop += " ON journal"
	}
	_, err := h.raw(drop)
	h.ok(err)
	h.broken = true
	var finding *journal.Finding
	_, err = h.raw(empty + " WHERE action = 'mandat.sign'")
	h.ok(err)
	if _, err := h.VerifyJournal(h.ctx); !errors.As(err, &finding) || !strings.Contains(finding.Why, "mandat.sign") {
		h.t.Errorf("emptied evidence: %v", err)
	}
	_, err = h.raw("UPDATE journal SET action = 'mandat.print' WHERE action = 'mandat.sign'")
	h.ok(err)
	if _, err := h.VerifyJournal(h.ctx); !errors.As(err, &finding) {
		h.t.Errorf("evidence passed off as access: %v", err)
	}
}
