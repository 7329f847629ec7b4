package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
)

type missionRow struct {
	ID          string  `db:"id"`
	AuditeurID  string  `db:"auditeur_id"`
	Structure   string  `db:"structure"`
	Departement string  `db:"departement"`
	FromAt      instant `db:"from_at"`
	ToAt        instant `db:"to_at"`
	OpenedBy    string  `db:"opened_by"`
	OpenedAt    instant `db:"opened_at"`
	EndedAt     instant `db:"ended_at"`
	EndReason   string  `db:"end_reason"`
	Rev         int64   `db:"rev"`
	Sealed      []byte  `db:"sealed"`
	JournalID   int64   `db:"journal_id"`
}

// missionLine is a mission with its auditeur's key.
type missionLine struct {
	Mi  missionRow `db:"mi"`
	Key []byte     `db:"mikey"`
}

// sealedMission is what a mission's row keeps sealed under its auditeur's key.
type sealedMission struct {
	Purpose   string `json:"purpose"`
	Reference string `json:"reference"`
	Salt      []byte `json:"salt"`
}

func (q *queries) missions() {
	const from = " FROM mission mi JOIN coffre_key mik ON mik.subject = 'aidant:' || mi.auditeur_id"
	all := query("SELECT " + columns("mi", missionRow{}) + `, mik.wrapped AS "mikey"` + from)
	q.missionInsert = insertInto("mission", missionRow{})
	q.missionUpdate = "UPDATE mission SET ended_at = ?, end_reason = ?, rev = ?, journal_id = ? WHERE id = ? AND rev = ?"
	q.missionByID = all + " WHERE mi.id = ?"
	q.missionRunning = all + " WHERE mi.auditeur_id = ? AND mi.ended_at IS NULL AND mi.from_at <= ? AND mi.to_at > ? ORDER BY mi.from_at, mi.id"
	q.missionList = all + " ORDER BY mi.opened_at DESC, mi.id LIMIT 500"
	q.missionOf = all + " WHERE mi.auditeur_id = ? ORDER BY mi.opened_at DESC, mi.id"
	q.aidantAuditeurs = query("SELECT " + columns("i", aidantRow{}) + `, ik.wrapped AS "ikey" FROM aidant i
		JOIN coffre_key ik ON ik.subject = 'aidant:' || i.id WHERE i.roles LIKE '%"auditeur"%' ORDER BY i.id`)
	q.aidantIDs = "SELECT id FROM aidant ORDER BY id"
	q.revelations()
}

func (s *Store) mission(l missionLine) (mission.Mission, error) {
	var secret sealedMission
	if err := s.revealJSON(l.Key, ofAidant(l.Mi.AuditeurID), purposeMission+"/"+l.Mi.ID, l.Mi.Sealed, &secret); err != nil {
		return mission.Mission{}, err
	}
	return mission.Mission{ID: l.Mi.ID, AuditeurID: l.Mi.AuditeurID, Purpose: secret.Purpose, Reference: secret.Reference, Salt: secret.Salt,
		Scope: journal.Scope{Structure: l.Mi.Structure, Departement: l.Mi.Departement}, From: l.Mi.FromAt.time(), To: l.Mi.ToAt.time(),
		OpenedBy: l.Mi.OpenedBy, OpenedAt: l.Mi.OpenedAt.time(), EndedAt: l.Mi.EndedAt.time(), EndReason: mission.Motif(l.Mi.EndReason), Rev: l.Mi.Rev}, nil
}

func (s *Store) missionsOf(lines []missionLine, err error) ([]mission.Mission, error) {
	if err != nil {
		return nil, err
	}
	out := make([]mission.Mission, 0, len(lines))
	for _, l := range lines {
		m, err := s.mission(l)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// OpenMission opens a mission for an auditeur. aidant.ErrNotFound for an unknown
// auditeur, organisation.ErrNotFound for a scope over an unknown structure, and
// the errors of [mission.Open].
func (s *Store) OpenMission(ctx context.Context, m mission.Mission, by journal.Actor) (mission.Mission, error) {
	var out mission.Mission
	err := s.write(ctx, func(t *tx) error {
		var who aidantLine
		if err := t.get(&who, s.q.aidantByID, m.AuditeurID); errors.Is(err, sql.ErrNoRows) {
			return aidant.ErrNotFound
		} else if err != nil {
			return err
		}
		a, err := s.aidant(who)
		if err != nil {
			return err
		}
		home, err := t.organisation(a.OrganisationID)
		if err != nil {
			return err
		}
		if m.Scope.Structure != "" {
			if _, err := t.organisation(m.Scope.Structure); err != nil {
				return err
			}
		}
		opened, fact, err := mission.Open(m, a, home, by, t.now)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		out = opened
		return t.insertMission(opened, who.Key, entry)
	})
	return out, err
}

func (t *tx) organisation(id string) (organisation.Organisation, error) {
	var row organisationRow
	if err := t.get(&row, t.s.q.organisationByID, id); errors.Is(err, sql.ErrNoRows) {
		return organisation.Organisation{}, organisation.ErrNotFound
	} else if err != nil {
		return organisation.Organisation{}, err
	}
	return row.organisation(), nil
}

func (t *tx) insertMission(m mission.Mission, key []byte, entry int64) error {
	sealed, err := t.s.sealJSON(key, ofAidant(m.AuditeurID), purposeMission+"/"+m.ID,
		sealedMission{Purpose: m.Purpose, Reference: m.Reference, Salt: m.Salt})
	if err != nil {
		return err
	}
	row := missionRow{ID: m.ID, AuditeurID: m.AuditeurID, Structure: m.Scope.Structure, Departement: m.Scope.Departement,
		FromAt: instant(m.From), ToAt: instant(m.To), OpenedBy: m.OpenedBy, OpenedAt: instant(m.OpenedAt), EndedAt: instant(m.EndedAt),
		EndReason: string(m.EndReason), Rev: m.Rev, Sealed: sealed, JournalID: entry}
	if _, err = t.exec(t.s.q.missionInsert, args(row)...); err != nil {
		return fmt.Errorf("mission %s: %w", m.ID, err)
	}
	return nil
}

// mission loads one mission inside the transaction.
func (t *tx) mission(id string) (mission.Mission, missionLine, error) {
	var line missionLine
	if err := t.get(&line, t.s.q.missionByID, id); errors.Is(err, sql.ErrNoRows) {
		return mission.Mission{}, line, mission.ErrNotFound
	} else if err != nil {
		return mission.Mission{}, line, err
	}
	m, err := t.s.mission(line)
	return m, line, err
}

// moveMission writes a new version of a mission; mission.ErrState when another
// transaction wrote one in between.
func (t *tx) moveMission(m mission.Mission, was, entry int64) error {
	return t.must(mission.ErrState, t.s.q.missionUpdate, instant(m.EndedAt), string(m.EndReason), was+1, entry, m.ID, was)
}

// ChangeMission changes a mission; mission.ErrNotFound.
func (s *Store) ChangeMission(ctx context.Context, id string, change func(mission.Mission) (mission.Mission, journal.Fact, error)) (mission.Mission, error) {
	var out mission.Mission
	err := s.write(ctx, func(t *tx) error {
		was, _, err := t.mission(id)
		if err != nil {
			return err
		}
		next, fact, err := change(was)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		out = next
		return t.moveMission(next, was.Rev, entry)
	})
	return out, err
}

// Mission is one mission; mission.ErrNotFound.
func (s *Store) Mission(ctx context.Context, id string) (mission.Mission, error) {
	line, err := one[missionLine](ctx, s, s.q.missionByID, id)
	if errors.Is(err, sql.ErrNoRows) {
		return mission.Mission{}, mission.ErrNotFound
	}
	if err != nil {
		return mission.Mission{}, err
	}
	return s.mission(line)
}

// RunningMissions lists the missions of an auditeur that are in progress, the
// first to begin first.
func (s *Store) RunningMissions(ctx context.Context, auditeurID string) ([]mission.Mission, error) {
	now := instant(s.moment())
	return s.missionsOf(many[missionLine](ctx, s, s.q.missionRunning, auditeurID, now, now))
}

// Missions lists the newest 500 missions of all auditeurs, the last opened first.
func (s *Store) Missions(ctx context.Context) ([]mission.Mission, error) {
	return s.missionsOf(many[missionLine](ctx, s, s.q.missionList))
}

// MissionsOf lists all missions of one auditeur, the last opened first.
func (s *Store) MissionsOf(ctx context.Context, auditeurID string) ([]mission.Mission, error) {
	return s.missionsOf(many[missionLine](ctx, s, s.q.missionOf, auditeurID))
}

// Auditeurs lists the agents of all structures who hold that role.
func (s *Store) Auditeurs(ctx context.Context) ([]aidant.Aidant, error) {
	lines, err := many[aidantLine](ctx, s, s.q.aidantAuditeurs)
	if err != nil {
		return nil, err
	}
	out := make([]aidant.Aidant, 0, len(lines))
	for _, l := range lines {
		a, err := s.aidant(l)
		if err != nil {
			return nil, err
		}
		if a.Has(aidant.RoleAuditeur) {
			out = append(out, a)
		}
	}
	return out, nil
}

// AidantIDs lists the identifiers of all agents.
func (s *Store) AidantIDs(ctx context.Context) ([]string, error) {
	return many[string](ctx, s, s.q.aidantIDs)
}
