package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"relais/internal/acte"
	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/usager"
)

func (q *queries) conserve() {
	light := query("SELECT " + mandatColumns() + `, j.stream_seq AS "j.seq", j.leaf AS "j.leaf"` + mandatFrom + mandatStream)
	q.usagerErasable = "SELECT id, erased_at, (SELECT idx FROM journal_entry e WHERE e.id = erased_entry) AS erased_entry FROM usager WHERE id = ?"
	q.usagerByID = query("SELECT " + columns("u", usagerRow{}) + `, uk.wrapped AS "ukey" FROM usager u
		JOIN coffre_key uk ON uk.subject = 'usager:' || u.id WHERE u.id = ?`)
	q.usagerErase = "UPDATE usager SET sub_token = ?, sealed = ?, erased_at = ?, erased_entry = ? WHERE id = ?"
	q.mandatsOfUsager = light + " WHERE m.usager_id = ? ORDER BY m.signed_at, m.id, a.position"
	q.mandatByID = light + " WHERE m.id = ? ORDER BY a.position"
	q.mandatPage = light + " WHERE m.id IN (SELECT id FROM mandat WHERE id > ? ORDER BY id LIMIT 200) ORDER BY m.id, a.position"
	q.dossierCount = "SELECT count(*) FROM dossier WHERE usager_id = ?"
	q.indexCount = "SELECT count(*) FROM usager_index WHERE usager_id = ?"
	q.dossierDelete = "DELETE FROM dossier WHERE usager_id = ?"
	q.delegationBlank = "UPDATE delegation SET protocol = NULL WHERE mandat_id IN (SELECT id FROM mandat WHERE usager_id = ?)"
	q.delegationOfUsager = query("SELECT "+columns("d", delegationRow{})+`, j.stream_seq AS "j.seq", j.leaf AS "j.leaf" FROM delegation d
		JOIN mandat m ON m.id = d.mandat_id`) + mandatStream + " WHERE m.usager_id = ? AND d.ended_at IS NULL ORDER BY d.id"
	const old = "FROM journal_entry WHERE ts < ? AND pruned_by IS NULL AND action IN (SELECT action FROM journal_acces)"
	q.accessAction = "INSERT INTO journal_acces (action) VALUES (?) ON CONFLICT (action) DO NOTHING"
	q.pruneList = query("SELECT "+indexed(bodyRow{})+" ") + old + " ORDER BY idx LIMIT ?"
	q.pruneCount = "SELECT count(*) " + old
	q.prune = "UPDATE journal SET pruned_by = ?, entry_id = '', actor_ref = '', object_id = '', body = ? WHERE id IN (SELECT id " + old + " AND idx <= ?)"
	q.prunedCount = "SELECT count(*) FROM journal WHERE pruned_by IS NOT NULL"
	q.usagersDue = `SELECT u.id FROM usager u JOIN mandat m ON m.usager_id = u.id WHERE u.erased_at IS NULL AND u.id > ? GROUP BY u.id
		HAVING max(coalesce(m.ended_at, m.ends_at)) <= ? AND max(CASE WHEN m.disputed_at IS NULL THEN 0 ELSE 1 END) = 0
		ORDER BY u.id LIMIT ?`
	q.phases = `SELECT coalesce(sum(CASE WHEN coalesce(m.ended_at, m.ends_at) <= ? AND u.erased_at IS NULL THEN 1 ELSE 0 END), 0) AS archived,
		coalesce(sum(CASE WHEN m.disputed_at IS NULL THEN 0 ELSE 1 END), 0) AS disputed,
		coalesce(sum(CASE WHEN m.dispute_review < ? THEN 1 ELSE 0 END), 0) AS review
		FROM mandat m JOIN usager u ON u.id = m.usager_id`
	q.keyList = "SELECT subject, wrapped FROM coffre_key ORDER BY subject"
	q.keyRewrap = "UPDATE coffre_key SET wrapped = ? WHERE subject = ?"
	q.masterForget = "DELETE FROM coffre_master"
	q.masterName = "INSERT INTO coffre_master (one, prefix) VALUES (1, ?)"
	q.lastMoment = "SELECT ts FROM journal ORDER BY id DESC LIMIT 1"
}

// EraseUsager erases what is known of an usager: their key, identity, search
// tokens and the evidence of their mandats, whose skeletons stay. See
// [usager.File.Erase] for when it is refused; usager.ErrNotFound. With dry
// nothing is written, and the error is the one that would be.
//
// What was deleted is then taken off the disk as far as the engine can; an error
// of that last step says so, with the data erased already.
func (s *Store) EraseUsager(ctx context.Context, id string, motif usager.Motif, by journal.Actor, dry bool) (usager.File, usager.Traces, error) {
	out, gone, err := s.eraseUsager(ctx, id, motif, by, dry)
	if err != nil || dry {
		return out, gone, err
	}
	if out.Usager.ErasedEntry, err = s.numbered(ctx, out.Usager.ErasedEntry); err != nil {
		return out, gone, fmt.Errorf("les données sont effacées : %w", err)
	}
	if err := s.engine.scrub(ctx, s); err != nil {
		return out, gone, fmt.Errorf("les données sont effacées, mais le disque n’a pas pu être nettoyé : %w", err)
	}
	return out, gone, nil
}

// eraseUsager is the erasure without what follows it.
func (s *Store) eraseUsager(ctx context.Context, id string, motif usager.Motif, by journal.Actor, dry bool) (out usager.File, gone usager.Traces, err error) {
	err = s.write(ctx, func(t *tx) error {
		f, open, err := t.erasable(id, &gone)
		if err != nil {
			return err
		}
		var fact journal.Fact
		out, fact, err = f.Erase(motif, gone, by, t.now)
		if dry {
			return err
		}
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		out.Usager.ErasedEntry = entry
		for _, l := range open {
			if err := t.saveLogin(l.End(by, "effacement", t.now)); err != nil {
				return err
			}
		}
		return t.erase(id, entry)
	})
	return out, gone, err
}

// erasable loads an usager's mandats in every structure, their open uses, and
// counts what would go.
func (t *tx) erasable(id string, gone *usager.Traces) (usager.File, []delegation.Login, error) {
	var row struct {
		ID          string  `db:"id"`
		ErasedAt    instant `db:"erased_at"`
		ErasedEntry count   `db:"erased_entry"`
	}
	if err := t.get(&row, t.s.q.usagerErasable, id); errors.Is(err, sql.ErrNoRows) {
		return usager.File{}, nil, usager.ErrNotFound
	} else if err != nil {
		return usager.File{}, nil, err
	}
	f := usager.File{Usager: usager.Usager{ID: row.ID, ErasedAt: row.ErasedAt.time(), ErasedEntry: int64(row.ErasedEntry)}}
	var err error
	if f.Mandats, err = t.lightMandats(t.s.q.mandatsOfUsager, id); err != nil {
		return f, nil, err
	}
	open, err := t.logins(t.s.q.delegationOfUsager, id)
	if err != nil {
		return f, nil, err
	}
	gone.Uses = int64(len(open))
	return f, open, errors.Join(t.get(&gone.Dossiers, t.s.q.dossierCount, id), t.get(&gone.Index, t.s.q.indexCount, id))
}

func (t *tx) erase(id string, entry int64) error {
	for _, q := range []query{t.s.q.dossierDelete, t.s.q.usagerIndexDelete, t.s.q.delegationBlank, t.s.q.signalForget, t.s.q.seenKeys, t.s.q.seenErase} {
		if _, err := t.exec(q, id); err != nil {
			return err
		}
	}
	if err := t.must(usager.ErrNotFound, t.s.q.keyDelete, ofUsager(id)); err != nil {
		return err
	}
	return t.must(usager.ErrNotFound, t.s.q.usagerErase, "efface:"+id, []byte{}, instant(t.now), entry, id)
}

// archived tells evidence that opens with a reason only.
func archived(m mandat.Mandat, at time.Time) bool {
	phase, _ := m.Retention(at)
	return phase == mandat.Archive || phase == mandat.Due || phase == mandat.Frozen
}

// atHand refuses the evidence of an archived mandat.
func (s *Store) atHand(ctx context.Context, mandatID string) error {
	lines, err := many[mandatLine](ctx, s, s.q.mandatByID, mandatID)
	if err != nil || len(lines) == 0 {
		return errors.Join(err, mandat.ErrNotFound)
	}
	if archived(mandatsOf(lines)[0], s.moment()) {
		return wrapMandat(mandatID, mandat.ErrClosed)
	}
	return nil
}

// OpenArchive opens the evidence of a mandat whatever its age, with its entry:
// reason is one of [mandat.ArchiveReasons]. mandat.ErrNotFound when there is
// none, or none any more.
func (s *Store) OpenArchive(ctx context.Context, mandatID, reason string, by journal.Actor) (acte.Dossier, []byte, usager.Usager, error) {
	line, err := one[dossierLine](ctx, s, s.q.dossierByID, mandatID)
	if errors.Is(err, sql.ErrNoRows) {
		err = mandat.ErrNotFound
	}
	if err != nil {
		return acte.Dossier{}, nil, usager.Usager{}, err
	}
	err = s.write(ctx, func(t *tx) error {
		found, err := t.lightMandats(s.q.mandatByID, mandatID)
		if err != nil || len(found) == 0 {
			return errors.Join(err, mandat.ErrNotFound)
		}
		fact, err := found[0].OpenArchive(reason, by)
		_, err = t.settle(fact, err)
		return err
	})
	if err != nil {
		return acte.Dossier{}, nil, usager.Usager{}, wrapMandat(mandatID, err)
	}
	return s.openDossier(mandatID, line)
}
