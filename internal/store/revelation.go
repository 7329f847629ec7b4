package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mission"
)

type revelationRow struct {
	ID             string  `db:"id"`
	MissionID      string  `db:"mission_id"`
	Kind           string  `db:"kind"`
	AidantID       string  `db:"aidant_id"`
	MandatID       string  `db:"mandat_id"`
	OrganisationID string  `db:"organisation_id"`
	Entry          int64   `db:"entry"`
	At             instant `db:"at"`
	Sealed         []byte  `db:"sealed"`
	JournalID      int64   `db:"journal_id"`
}

// revelationLine is a revelation with its mission, the mandat's number and owner,
// and the key of its reason: the usager's, whom the reason may name and with whom
// it is erased, or else the auditeur's.
type revelationLine struct {
	R        revelationRow `db:"r"`
	Mi       missionRow    `db:"mi"`
	MiKey    []byte        `db:"mikey"`
	Number   text          `db:"number"`
	UsagerID text          `db:"usager_id"`
	Key      []byte        `db:"rkey"`
}

// sealedReason is what a revelation's row keeps sealed.
type sealedReason struct {
	Reason string `json:"reason"`
	Salt   []byte `json:"salt"`
}

// behindMandat is who stands behind a mandat.
type behindMandat struct {
	OrganisationID string  `db:"organisation_id"`
	UsagerID       text    `db:"usager_id"`
	Sealed         []byte  `db:"sealed"`
	ErasedAt       instant `db:"erased_at"`
	Key            []byte  `db:"ukey"`
}

func (q *queries) revelations() {
	line := query("SELECT " + columns("r", revelationRow{}) + ", " + columns("mi", missionRow{}) + `, mik.wrapped AS "mikey",
		m.number AS "number", m.usager_id AS "usager_id", rk.wrapped AS "rkey"
		FROM revelation r JOIN mission mi ON mi.id = r.mission_id JOIN coffre_key mik ON mik.subject = 'aidant:' || mi.auditeur_id
		LEFT JOIN mandat m ON m.id = r.mandat_id
		LEFT JOIN coffre_key rk ON rk.subject = CASE r.kind WHEN 'usager' THEN 'usager:' || m.usager_id ELSE 'aidant:' || mi.auditeur_id END`)
	const newest = " ORDER BY r.at DESC, r.id LIMIT ?"
	q.revelationInsert = insertInto("revelation", revelationRow{})
	q.revelationRecent = "SELECT count(*) FROM revelation WHERE mission_id = ? AND at > ?"
	q.revelationByID = line + " WHERE r.id = ?"
	q.revelationAll = line + newest
	q.revelationOfMission = line + " WHERE r.mission_id = ?" + newest
	q.revelationOfStructure = line + " WHERE r.organisation_id = ?" + newest
	q.mandatBehind = `SELECT m.organisation_id, m.usager_id, u.sealed, u.erased_at, uk.wrapped AS ukey FROM mandat m
		LEFT JOIN usager u ON u.id = m.usager_id LEFT JOIN coffre_key uk ON uk.subject = 'usager:' || m.usager_id WHERE m.id = ?`
}

// Reveal asks for one identity: decide is [mission.Mission.Reveal] with the
// auditeur's reason, given what stands behind the target and how many identities
// the mission was shown lately. Nothing can be read of it before its entry is
// written: [Store.Revealed] reads it then. mission.ErrNotFound; mission.ErrState
// when two requests crossed.
func (s *Store) Reveal(ctx context.Context, missionID string, target mission.Target,
	decide func(m mission.Mission, t mission.Target, recent int) (mission.Revelation, journal.Fact, error)) (mission.Revelation, error) {
	var out mission.Revelation
	err := s.write(ctx, func(t *tx) error {
		m, line, err := t.mission(missionID)
		if err != nil {
			return err
		}
		key, subject, err := t.target(&target, m, line.Key)
		if err != nil {
			return err
		}
		var recent int
		if err := t.get(&recent, s.q.revelationRecent, m.ID, instant(t.now.Add(-mission.RevealWindow))); err != nil {
			return err
		}
		r, fact, err := decide(m, target, recent)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		sealed, err := s.sealJSON(key, subject, purposeRevelation+"/"+r.ID, sealedReason{r.Reason, r.Salt})
		if err != nil {
			return err
		}
		if err := t.moveMission(m, m.Rev, entry); err != nil {
			return err
		}
		out = r
		_, err = t.exec(s.q.revelationInsert, args(revelationRow{ID: r.ID, MissionID: r.MissionID, Kind: string(r.Kind), AidantID: r.AidantID,
			MandatID: r.MandatID, OrganisationID: r.OrganisationID, Entry: r.Entry, At: instant(r.At), Sealed: sealed, JournalID: entry})...)
		return err
	})
	return out, err
}

// target finds who stands behind a target, and the key that seals the reason.
func (t *tx) target(target *mission.Target, m mission.Mission, auditeurKey []byte) (key []byte, subject string, err error) {
	key, subject = auditeurKey, ofAidant(m.AuditeurID)
	if target.Kind == mission.Agent {
		var who aidantLine
		if err := t.get(&who, t.s.q.aidantByID, target.AidantID); errors.Is(err, sql.ErrNoRows) {
			return key, subject, nil
		} else if err != nil {
			return nil, "", err
		}
		target.Found, target.OrganisationID = true, who.I.OrganisationID
		return key, subject, nil
	}
	var behind behindMandat
	if err := t.get(&behind, t.s.q.mandatBehind, target.MandatID); errors.Is(err, sql.ErrNoRows) {
		return key, subject, nil
	} else if err != nil {
		return nil, "", err
	}
	target.OrganisationID, target.Found, target.Erased = behind.OrganisationID, behind.UsagerID != "", !behind.ErasedAt.time().IsZero()
	if behind.Key != nil {
		key, subject = behind.Key, ofUsager(string(behind.UsagerID))
	}
	return key, subject, nil
}

// Revealed reads the identity of a revelation for the auditeur who asked for it,
// within [mission.Visible] of the act; mission.ErrNotFound otherwise.
func (s *Store) Revealed(ctx context.Context, id, auditeurID string) (mission.Shown, error) {
	line, err := one[revelationLine](ctx, s, s.q.revelationByID, id)
	if errors.Is(err, sql.ErrNoRows) {
		return mission.Shown{}, mission.ErrNotFound
	}
	if err != nil {
		return mission.Shown{}, err
	}
	now := s.moment()
	if line.Mi.AuditeurID != auditeurID || now.Sub(line.R.At.time()) > mission.Visible {
		return mission.Shown{}, mission.ErrNotFound
	}
	m, err := s.mission(missionLine{line.Mi, line.MiKey})
	if err != nil {
		return mission.Shown{}, err
	}
	if m.State(now) != mission.Running {
		return mission.Shown{}, mission.ErrNotFound
	}
	return s.shown(ctx, line)
}

func (s *Store) shown(ctx context.Context, line revelationLine) (mission.Shown, error) {
	out := mission.Shown{Revelation: line.revelation()}
	if out.Kind == mission.Agent {
		a, err := s.Aidant(ctx, out.AidantID)
		if err != nil {
			return mission.Shown{}, err
		}
		o, err := s.Organisation(ctx, a.OrganisationID)
		out.Name, out.Structure = a.Name(), o.Name
		return out, err
	}
	behind, err := one[behindMandat](ctx, s, s.q.mandatBehind, out.MandatID)
	if err != nil {
		return mission.Shown{}, err
	}
	if behind.Key == nil {
		out.Erased = true
		return out, nil
	}
	u, err := s.usager(usagerLine{U: usagerRow{ID: string(behind.UsagerID), Sealed: behind.Sealed}, Key: behind.Key})
	out.Name, out.Birthdate = u.Identite.Display(), string(u.Identite.Birthdate)
	return out, err
}

func (l revelationLine) revelation() mission.Revelation {
	return mission.Revelation{ID: l.R.ID, MissionID: l.R.MissionID, Kind: mission.Kind(l.R.Kind), AidantID: l.R.AidantID, MandatID: l.R.MandatID,
		OrganisationID: l.R.OrganisationID, Entry: l.R.Entry, At: l.R.At.time()}
}

// Notices lists revelations for those they concern, newest first.
func (s *Store) Notices(ctx context.Context, f mission.NoticeFilter) ([]mission.Notice, error) {
	q, args := s.q.revelationAll, []any{page(f.Limit)}
	switch {
	case f.MissionID != "":
		q, args = s.q.revelationOfMission, []any{f.MissionID, page(f.Limit)}
	case f.OrganisationID != "":
		q, args = s.q.revelationOfStructure, []any{f.OrganisationID, page(f.Limit)}
	}
	lines, err := many[revelationLine](ctx, s, q, args...)
	if err != nil {
		return nil, err
	}
	out := make([]mission.Notice, 0, len(lines))
	for _, l := range lines {
		n, err := s.notice(ctx, l, f.Reasons)
		if err != nil {
			return nil, fmt.Errorf("révélation %s: %w", l.R.ID, err)
		}
		out = append(out, n)
	}
	return out, nil
}

func (s *Store) notice(ctx context.Context, l revelationLine, reasons bool) (mission.Notice, error) {
	n := mission.Notice{Revelation: l.revelation(), Number: string(l.Number)}
	m, err := s.mission(missionLine{l.Mi, l.MiKey})
	if err != nil {
		return n, err
	}
	n.Reference = m.Reference
	if n.Kind == mission.Agent {
		a, err := s.Aidant(ctx, n.AidantID)
		if err != nil && !errors.Is(err, aidant.ErrNotFound) {
			return n, err
		}
		n.Agent = a.Name()
	}
	if !reasons || l.Key == nil { // erased with the usager
		return n, nil
	}
	subject := ofAidant(m.AuditeurID)
	if n.Kind == mission.Usager && l.UsagerID != "" {
		subject = ofUsager(string(l.UsagerID))
	}
	var secret sealedReason
	err = s.revealJSON(l.Key, subject, purposeRevelation+"/"+n.ID, l.R.Sealed, &secret)
	n.Reason, n.Salt = strings.TrimSpace(secret.Reason), secret.Salt
	return n, err
}
