package store_test

import (
	"fmt"
	"testing"

	"relais/internal/journal"
	"relais/internal/signal"
	"relais/internal/store"
)

// blob is bytes that are nothing.
func (h *house) blob() string {
	if h.engine == store.PostgreSQL {
		return `'\x78'::bytea`
	}
	return "x'78'"
}

func (h *house) run(statements ...string) {
	h.t.Helper()
	for _, statement := range statements {
		_, err := h.raw(statement)
		h.ok(err)
	}
}

// TestUnreadIsPassedOver: an entry whose body is no entry any more, and one about an
// usager whose identity does not open, stop neither lists nor counts nor signals. They
// are marked, what comes after them is derived, and once repaired they are derived by
// `relais journal index`.
func TestUnreadIsPassedOver(t *testing.T) {
	onBoth(t, func(h *house) {
		h.broken = true
		first := h.signed("ccas", martin, "social")
		other := h.signed("ccas", durand, "transports")
		h.dropGuards("journal")
		h.dropGuards("usager")
		h.run("CREATE TABLE aside AS SELECT id, body FROM journal", "UPDATE journal SET body = "+h.blob()+" WHERE action = 'mandat.sign' AND mandat_id = '"+first.ID+"'",
			"UPDATE usager SET sealed = "+h.blob()+" WHERE id = '"+other.UsagerID+"'")
		h.ok(h.Append(h.ctx, first.Viewed(by)))
		h.uses(first, "a-jeanne", "r-1", "social")
		h.ok(h.RunFollowers(h.ctx))
		head, err := h.Head(h.ctx)
		h.ok(err)
		at := h.value("SELECT idx FROM journal_entry WHERE action = 'mandat.sign' AND mandat_id = '" + first.ID + "'")
		about := h.value("SELECT idx FROM journal_entry WHERE action = 'mandat.sign' AND mandat_id = '" + other.ID + "'")
		same(t, "followers behind", h.value("SELECT count(*) FROM journal_follower WHERE next < "+fmt.Sprint(head.Size)), "0")
		same(t, "marks", h.value("SELECT count(*) FROM journal_illisible WHERE suiveur IN ('facettes', 'releve', 'signaux') AND idx = "+at), "3")
		same(t, "marks of signals", h.value("SELECT count(*) FROM journal_illisible WHERE suiveur = 'signaux' AND idx = "+about), "1")
		same(t, "all marks", h.value("SELECT count(*) FROM journal_illisible"), "4")
		v, err := h.Vitals(h.ctx)
		if h.ok(err); v.Unread != 2 || fmt.Sprint(v.UnreadAt) != at || v.Behind != 0 {
			t.Errorf("vitals: %+v", v)
		}
		page, err := h.Search(h.ctx, journal.Filter{Mandat: first.ID, Action: journal.DelegationUse, Limit: 5})
		if h.ok(err); len(page.Records) != 1 {
			t.Errorf("what came after is not found: %+v", page)
		}
		same(t, "facts of later entries", h.value("SELECT count(*) FROM signal_fait WHERE action = 'delegation.use'"), "1")
		h.run("UPDATE journal SET body = (SELECT a.body FROM aside a WHERE a.id = journal.id) WHERE id IN (SELECT id FROM aside)")
		_, err = h.Reindex(h.ctx)
		h.ok(err)
		same(t, "marks once repaired", h.value("SELECT count(*) FROM journal_illisible"), "1")
		if _, err := h.Signals(h.ctx, signal.Filter{Limit: 10}); err != nil {
			t.Error(err)
		}
	})
}
