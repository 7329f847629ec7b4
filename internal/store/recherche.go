package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/recherche"
)

type rechercheRow struct {
	ID         string  `db:"id"`
	AuditeurID string  `db:"auditeur_id"`
	Criteria   string  `db:"criteria"`
	Days       int     `db:"days"`
	CreatedAt  instant `db:"created_at"`
	Sealed     []byte  `db:"sealed"`
	JournalID  int64   `db:"journal_id"`
}

type rechercheLine struct {
	R   rechercheRow `db:"r"`
	Key []byte       `db:"rkey"`
}

func (q *queries) recherches() {
	lines := query("SELECT " + columns("r", rechercheRow{}) + `, k.wrapped AS "rkey" FROM recherche r JOIN coffre_key k ON k.subject = 'aidant:' || r.auditeur_id`)
	q.rechercheInsert = insertInto("recherche", rechercheRow{})
	q.rechercheRename = "UPDATE recherche SET sealed = ?, journal_id = ? WHERE id = ?"
	q.rechercheEnd = "UPDATE recherche SET journal_id = ? WHERE id = ?"
	q.rechercheDelete = "DELETE FROM recherche WHERE id = ?"
	q.rechercheCount = "SELECT count(*) FROM recherche WHERE auditeur_id = ?"
	q.rechercheByID = lines + " WHERE r.auditeur_id = ? AND r.id = ?"
	q.rechercheList = lines + " WHERE r.auditeur_id = ? ORDER BY r.created_at, r.id"
}

func (s *Store) recherche(l rechercheLine) (recherche.Recherche, error) {
	r := recherche.Recherche{ID: l.R.ID, AuditeurID: l.R.AuditeurID, Criteria: l.R.Criteria, Days: l.R.Days, CreatedAt: l.R.CreatedAt.time()}
	err := s.revealJSON(l.Key, ofAidant(r.AuditeurID), purposeRecherche+"/"+r.ID, l.R.Sealed, &r.Name)
	return r, err
}

// Recherches lists an auditeur's saved searches by name.
func (s *Store) Recherches(ctx context.Context, auditeurID string) ([]recherche.Recherche, error) {
	lines, err := many[rechercheLine](ctx, s, s.q.rechercheList, auditeurID)
	if err != nil {
		return nil, err
	}
	var out []recherche.Recherche
	for _, l := range lines {
		r, err := s.recherche(l)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b recherche.Recherche) int {
		return strings.Compare(identite.Fold(a.Name), identite.Fold(b.Name))
	})
	return out, nil
}

// Recherche is one of an auditeur's own; recherche.ErrNotFound.
func (s *Store) Recherche(ctx context.Context, auditeurID, id string) (recherche.Recherche, error) {
	line, err := one[rechercheLine](ctx, s, s.q.rechercheByID, auditeurID, id)
	if errors.Is(err, sql.ErrNoRows) {
		return recherche.Recherche{}, recherche.ErrNotFound
	}
	if err != nil {
		return recherche.Recherche{}, err
	}
	return s.recherche(line)
}

// SaveRecherche keeps a new search of an auditeur; save is told how many they
// have.
func (s *Store) SaveRecherche(ctx context.Context, auditeurID string, save func(had int) (recherche.Recherche, journal.Fact, error)) error {
	return s.write(ctx, func(t *tx) error {
		var had int
		var own aidantLine
		if err := errors.Join(t.get(&had, s.q.rechercheCount, auditeurID), t.get(&own, s.q.aidantByID, auditeurID)); err != nil {
			return err
		}
		r, fact, err := save(had)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		sealed, err := s.sealJSON(own.Key, ofAidant(r.AuditeurID), purposeRecherche+"/"+r.ID, r.Name)
		if err != nil {
			return err
		}
		_, err = t.exec(s.q.rechercheInsert, args(rechercheRow{ID: r.ID, AuditeurID: r.AuditeurID, Criteria: r.Criteria, Days: r.Days,
			CreatedAt: instant(r.CreatedAt), Sealed: sealed, JournalID: entry})...)
		return err
	})
}

// RenameRecherche gives one of an auditeur's own another name;
// recherche.ErrNotFound.
func (s *Store) RenameRecherche(ctx context.Context, auditeurID, id string, rename func(recherche.Recherche) (recherche.Recherche, journal.Fact, error)) error {
	return s.write(ctx, func(t *tx) error {
		old, key, err := t.recherche(auditeurID, id)
		if err != nil {
			return err
		}
		r, fact, err := rename(old)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		sealed, err := s.sealJSON(key, ofAidant(auditeurID), purposeRecherche+"/"+id, r.Name)
		if err != nil {
			return err
		}
		return t.must(recherche.ErrNotFound, s.q.rechercheRename, sealed, entry, id)
	})
}

// DeleteRecherche deletes one of an auditeur's own; recherche.ErrNotFound.
func (s *Store) DeleteRecherche(ctx context.Context, auditeurID, id string, gone func(recherche.Recherche) journal.Fact) error {
	return s.write(ctx, func(t *tx) error {
		r, _, err := t.recherche(auditeurID, id)
		if err != nil {
			return err
		}
		entry, err := t.settle(gone(r), nil)
		if err != nil {
			return err
		}
		if err := t.must(recherche.ErrNotFound, s.q.rechercheEnd, entry, id); err != nil {
			return err
		}
		return t.must(recherche.ErrNotFound, s.q.rechercheDelete, id)
	})
}

func (t *tx) recherche(auditeurID, id string) (recherche.Recherche, []byte, error) {
	var line rechercheLine
	if err := t.get(&line, t.s.q.rechercheByID, auditeurID, id); errors.Is(err, sql.ErrNoRows) {
		return recherche.Recherche{}, nil, recherche.ErrNotFound
	} else if err != nil {
		return recherche.Recherche{}, nil, err
	}
	r, err := t.s.recherche(line)
	return r, line.Key, err
}
