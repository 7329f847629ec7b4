package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"time"

	"relais/internal/aidant"
)

type appareilRow struct {
	ID         string  `db:"id"`
	AidantID   string  `db:"aidant_id"`
	Device     string  `db:"device"`
	FirstAt    instant `db:"first_at"`
	SeenAt     instant `db:"seen_at"`
	ToldAt     instant `db:"told_at"`
	DisownedAt instant `db:"disowned_at"`
}

func (r appareilRow) appareil() aidant.Appareil {
	return aidant.Appareil{ID: r.ID, AidantID: r.AidantID, Device: r.Device, FirstAt: r.FirstAt.time(), SeenAt: r.SeenAt.time(), DisownedAt: r.DisownedAt.time()}
}

func (q *queries) appareils() {
	all := "SELECT " + plain(appareilRow{}) + " FROM appareil "
	q.appareilInsert = insertInto("appareil", appareilRow{}) + " ON CONFLICT (id) DO NOTHING"
	q.appareilSeen = "UPDATE appareil SET seen_at = ?, device = ? WHERE id = ?"
	q.appareilCount = "SELECT count(*) FROM appareil WHERE aidant_id = ? AND disowned_at IS NULL"
	q.appareilByID = query(all + "WHERE id = ? AND aidant_id = ?")
	q.appareilUntold = query(all + "WHERE aidant_id = ? AND id <> ? AND told_at IS NULL AND disowned_at IS NULL AND first_at > ? ORDER BY first_at DESC, id LIMIT 1")
	q.appareilNew = query(all + "WHERE aidant_id = ? AND first_at > ? AND disowned_at IS NULL ORDER BY first_at DESC, id")
	q.appareilDisowned = query(all + "WHERE aidant_id IN (SELECT id FROM aidant WHERE organisation_id = ?) AND disowned_at > ? ORDER BY disowned_at DESC, id")
	q.appareilDisown = "UPDATE appareil SET id = ?, disowned_at = ? WHERE id = ? AND aidant_id = ? AND disowned_at IS NULL"
	q.appareilTold = "UPDATE appareil SET told_at = ? WHERE id = ? AND told_at IS NULL"
	q.appareilForget = "DELETE FROM appareil WHERE seen_at < ?"
	q.noticeAll = "UPDATE session SET notice = ? WHERE aidant_id = ?"
	q.noticeNone = "UPDATE session SET notice = '' WHERE ref = ? AND notice = ?"
}

// recognise notes in which of the agent's browsers a session begins. A new one is
// told to all their sessions; in one that is known, the session is told of the last
// new one that nobody was told of elsewhere. An agent's first browser is not news.
func (t *tx) recognise(row *sessionRow, browser string) error {
	if browser == "" {
		return nil
	}
	id, now := t.s.vault.Token(tokenAppareil, row.AidantID+" "+browser), instant(t.now)
	row.Appareil = id
	known, err := t.exec(t.s.q.appareilSeen, now, row.Device, id)
	if err != nil {
		return err
	}
	if known > 0 {
		var untold appareilRow
		err := t.get(&untold, t.s.q.appareilUntold, row.AidantID, id, instant(t.now.Add(-aidant.AppareilNew)))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		row.Notice = untold.ID
		return err
	}
	var others int64
	if err := t.get(&others, t.s.q.appareilCount, row.AidantID); err != nil {
		return err
	}
	fresh := appareilRow{ID: id, AidantID: row.AidantID, Device: row.Device, FirstAt: now, SeenAt: now}
	if others == 0 {
		fresh.ToldAt = now
	}
	if _, err := t.exec(t.s.q.appareilInsert, args(fresh)...); err != nil || others == 0 {
		return err
	}
	row.Notice = id
	_, err = t.exec(t.s.q.noticeAll, id, row.AidantID)
	return err
}

// Appareil is one browser of an agent's; aidant.ErrAppareil.
func (s *Store) Appareil(ctx context.Context, aidantID, id string) (aidant.Appareil, error) {
	row, err := one[appareilRow](ctx, s, s.q.appareilByID, id, aidantID)
	if errors.Is(err, sql.ErrNoRows) {
		return aidant.Appareil{}, aidant.ErrAppareil
	}
	return row.appareil(), err
}

// NewAppareils are the browsers in which an agent first signed in since a moment,
// the last first.
func (s *Store) NewAppareils(ctx context.Context, aidantID string, since time.Time) ([]aidant.Appareil, error) {
	return s.someAppareils(ctx, s.q.appareilNew, aidantID, since)
}

// Disowned are the browsers that the agents of a structure said were not theirs
// since a moment, the last first.
func (s *Store) Disowned(ctx context.Context, organisationID string, since time.Time) ([]aidant.Appareil, error) {
	return s.someAppareils(ctx, s.q.appareilDisowned, organisationID, since)
}

func (s *Store) someAppareils(ctx context.Context, q query, of string, since time.Time) ([]aidant.Appareil, error) {
	rows, err := many[appareilRow](ctx, s, q, of, instant(since))
	out := make([]aidant.Appareil, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.appareil())
	}
	return out, err
}

// Told notes that a session showed its notice. Seen in another browser than the new
// one, it is known to the agent. Beside others: each statement decides by itself.
func (s *Store) Told(ctx context.Context, x aidant.Session) error {
	return s.beside(ctx, streams(), func(t *tx) error {
		if _, err := t.exec(s.q.noticeNone, x.Ref, x.Notice); err != nil || x.Appareil == x.Notice {
			return err
		}
		_, err := t.exec(s.q.appareilTold, instant(t.now), x.Notice)
		return err
	})
}

// Disown ends all of an agent's sessions because a login in their name was not
// theirs: as [Store.EndSessionsOf], and that browser is not known any more.
// aidant.ErrAppareil when it is none of theirs, or was disowned before.
func (s *Store) Disown(ctx context.Context, aidantID, id string, c aidant.Closing) error {
	return s.write(ctx, func(t *tx) error {
		a, err := t.agent(aidantID)
		if err != nil {
			return err
		}
		// The row stays, for the référent, under a name that no browser has.
		if err := t.must(aidant.ErrAppareil, s.q.appareilDisown, rand.Text(), instant(t.now), id, aidantID); err != nil {
			return err
		}
		_, err = t.endAll(a, c)
		return err
	})
}
