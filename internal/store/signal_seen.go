package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/journal"
	"relais/internal/signal"
)

// seenRow is a mark on a signal. It is no derived row: it survives when signals
// are derived anew.
type seenRow struct {
	Index      int64   `db:"idx"`
	Rule       string  `db:"rule"`
	MandatID   string  `db:"mandat_id"`
	AuditeurID string  `db:"auditeur_id"`
	At         instant `db:"at"`
	Sealed     []byte  `db:"sealed"`
	JournalID  int64   `db:"journal_id"`
}

type seenLine struct {
	seenRow
	Key []byte `db:"key"`
}

type sealedSeen struct {
	Note string `json:"note"`
	Salt []byte `json:"salt"`
}

const purposeSeen = "signal.note"

// ofSignal names a mark's key: a key of its own, since the note may speak of the
// usager, whose erasure takes it away.
func ofSignal(id string) string { return "signal:" + id }

func (q *queries) seen() {
	const ofUsager = "(SELECT id FROM mandat WHERE usager_id = ?)"
	q.signalOne = query("SELECT " + signalColumns + " FROM signal WHERE idx = ? AND rule = ?")
	q.seenInsert = insertInto("signal_vu", seenRow{})
	q.seenOne = query("SELECT "+plain(seenRow{})+", k.wrapped AS \"key\"") +
		" FROM signal_vu LEFT JOIN coffre_key k ON k.subject = 'signal:' || idx || '.' || rule WHERE idx = ? AND rule = ?"
	q.seenErase = "UPDATE signal_vu SET sealed = NULL WHERE sealed IS NOT NULL AND mandat_id IN " + ofUsager
	q.seenKeys = "DELETE FROM coffre_key WHERE subject IN (SELECT 'signal:' || idx || '.' || rule FROM signal_vu WHERE mandat_id IN " + ofUsager + ")"
}

// Signal is one signal, with its mark once it has one; signal.ErrNotFound.
func (s *Store) Signal(ctx context.Context, index int64, rule signal.Code) (signal.Found, signal.Seen, error) {
	line, err := one[signalLine](ctx, s, s.q.signalOne, index, string(rule))
	if errors.Is(err, sql.ErrNoRows) {
		return signal.Found{}, signal.Seen{}, signal.ErrNotFound
	}
	if err != nil {
		return signal.Found{}, signal.Seen{}, err
	}
	found, err := s.found(ctx, line)
	if err != nil || found.SeenAt.IsZero() {
		return found, signal.Seen{}, err
	}
	mark, err := one[seenLine](ctx, s, s.q.seenOne, index, string(rule))
	if err != nil {
		return found, signal.Seen{}, err
	}
	seen := signal.Seen{By: mark.AuditeurID, At: mark.At.time()}
	if len(mark.Sealed) == 0 {
		return found, seen, nil
	}
	var secret sealedSeen
	err = s.revealJSON(mark.Key, ofSignal(found.ID()), purposeSeen, mark.Sealed, &secret)
	seen.Note, seen.Salt = secret.Note, secret.Salt
	return found, seen, err
}

// SeeSignal marks a signal with its entry; signal.ErrNotFound, and the errors of
// [signal.Found.See].
func (s *Store) SeeSignal(ctx context.Context, index int64, rule signal.Code, see func(signal.Found) (signal.Seen, journal.Fact, error)) error {
	return s.write(ctx, func(t *tx) error {
		var line signalLine
		if err := t.get(&line, s.q.signalOne, index, string(rule)); errors.Is(err, sql.ErrNoRows) {
			return signal.ErrNotFound
		} else if err != nil {
			return err
		}
		found, err := s.found(ctx, line)
		if err != nil {
			return err
		}
		seen, fact, err := see(found)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		key, err := t.newKey(ofSignal(found.ID()))
		if err != nil {
			return err
		}
		sealed, err := s.sealJSON(key, ofSignal(found.ID()), purposeSeen, sealedSeen{Note: seen.Note, Salt: seen.Salt})
		if err != nil {
			return err
		}
		_, err = t.exec(s.q.seenInsert, args(seenRow{Index: index, Rule: string(rule), MandatID: found.Mandat, AuditeurID: seen.By,
			At: instant(seen.At), Sealed: sealed, JournalID: entry})...)
		return err
	})
}
