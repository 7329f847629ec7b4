package journal

import (
	"encoding/base64"
	"strconv"
	"time"
)

// Vitals are what tells whether the journal is looked after, beside its proofs.
// A record without an action stands for none yet.
type Vitals struct {
	Verified  Record        // the last verification of all entries
	Replayed  Record        // the last comparison of all mandats with their entries
	Beat      Record        // the last sign of life
	Waiting   int64         // entries committed and not numbered yet
	WaitedFor time.Duration // how long the oldest of them has waited
	Behind    int64         // entries that the slowest follower has not taken
	Unread    int64         // entries that a follower passed over, since it could not read them
	UnreadAt  int64         // the first of them, -1 without
}

// Verified is the fact that every entry was read again: how many there were,
// under which root, in how long; bad is the first that does not hold, nil when
// all do.
func Verified(by Actor, head Head, took time.Duration, bad *Finding) Fact {
	f := NewFact(by, JournalVerify, Object{Type: "journal"}).With("taille", strconv.FormatInt(head.Size, 10)).
		With("racine", base64.StdEncoding.EncodeToString(head.Root[:])).With("duree_ms", strconv.FormatInt(took.Milliseconds(), 10))
	if bad == nil {
		return f
	}
	return f.With("entree", strconv.FormatInt(bad.Index, 10)).Failed("journal_altere")
}
