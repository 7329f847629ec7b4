package store

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/usager"
)

// transition is a pure change of a mandat with its fact.
type transition = func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)

// Draft writes a new mandat. Beside others: it reads nothing, and its stream is new.
func (s *Store) Draft(ctx context.Context, draft func() (mandat.Mandat, journal.Fact, error)) (mandat.Mandat, error) {
	var out mandat.Mandat
	err := s.beside(ctx, streams(), func(t *tx) error {
		m, fact, err := draft()
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		m.Rev = 1
		if _, err := t.exec(s.q.mandatInsert, args(mandatOf(m, entry))...); err != nil {
			return wrapMandat(m.ID, err)
		}
		out = m
		return t.insertAutorisations(m, entry)
	})
	return out, err
}

func (t *tx) insertAutorisations(m mandat.Mandat, entry int64) error {
	for i := range m.Autorisations {
		if _, err := t.exec(t.s.q.autorisationInsert, args(autorisationOf(m, i, entry))...); err != nil {
			return wrapMandat(m.ID, err)
		}
	}
	return nil
}

// Mandat is one mandat of a structure; mandat.ErrNotFound when the structure
// holds no such mandat.
func (s *Store) Mandat(ctx context.Context, organisationID, id string) (mandat.Mandat, error) {
	lines, err := many[fullLine](ctx, s, s.q.mandatFull, id, organisationID)
	if err != nil {
		return mandat.Mandat{}, err
	}
	m, _, err := s.full(lines)
	return m, err
}

// MandatByNumber is one mandat of any structure, for the operator and for
// controls; mandat.ErrNotFound.
func (s *Store) MandatByNumber(ctx context.Context, number string) (mandat.Mandat, error) {
	lines, err := many[fullLine](ctx, s, s.q.mandatNumber, number)
	if err != nil {
		return mandat.Mandat{}, err
	}
	m, _, err := s.full(lines)
	return m, err
}

// Mandats lists a structure's mandats without their texts, newest first; next
// is the cursor of the following page, "" on the last one.
func (s *Store) Mandats(ctx context.Context, organisationID string, f mandat.Filter) ([]usager.File, string, error) {
	limit := page(f.Limit)
	where, args := []string{"organisation_id = ?"}, []any{organisationID}
	now := instant(s.moment())
	switch f.Status {
	case "":
		where = append(where, "state <> 'sans_suite'")
	case mandat.Actif:
		where, args = append(where, "state = 'actif' AND ends_at > ?"), append(args, now)
	case mandat.Termine:
		where, args = append(where, "(state = 'termine' OR (state IN ('actif', 'suspendu') AND ends_at <= ?))"), append(args, now)
	case mandat.Suspendu:
		where, args = append(where, "state = 'suspendu' AND ends_at > ?"), append(args, now)
	default:
		where, args = append(where, "state = ?"), append(args, string(f.Status))
	}
	if f.After != "" {
		where = append(where, "(created_at, id) < (SELECT created_at, id FROM mandat WHERE id = ? AND organisation_id = ?)")
		args = append(args, f.After, organisationID)
	}
	q := query("SELECT " + fileColumns() + mandatFrom + fileJoin + " WHERE m.id IN (SELECT id FROM mandat WHERE " + strings.Join(where, " AND ") +
		" ORDER BY created_at DESC, id DESC LIMIT ?) ORDER BY m.created_at DESC, m.id DESC, a.position")
	lines, err := many[fileLine](ctx, s, q, append(args, limit+1)...)
	if err != nil {
		return nil, "", err
	}
	files, err := s.filesByMandat(lines)
	if err != nil || len(files) <= limit {
		return files, "", err
	}
	files = files[:limit]
	return files, files[limit-1].Mandats[0].ID, nil
}

// ChangeMandat changes a mandat of a structure. Delegated logins in domaines
// that the change ends are revoked with it; a draft that loses its text or its
// identification loses the sealed data and their key.
//
// Beside others: it decides on the mandat, and changes it, what is sealed beside it
// and the logins under it, all held by its stream. One active autorisation a domaine
// is the database's to guard; [Store.SignMandat], which makes them, holds everything.
func (s *Store) ChangeMandat(ctx context.Context, organisationID, id string, change transition) (mandat.Mandat, error) {
	var out mandat.Mandat
	err := s.beside(ctx, streams(id), func(t *tx) (err error) {
		out, err = t.changeMandat(organisationID, id, change)
		return err
	})
	return out, err
}

func (t *tx) changeMandat(organisationID, id string, change transition) (mandat.Mandat, error) {
	old, held, err := t.fullMandat(organisationID, id)
	if err != nil {
		return mandat.Mandat{}, err
	}
	next, fact, err := change(old)
	entry, err := t.settle(fact, err)
	if err != nil {
		return mandat.Mandat{}, err
	}
	if next, err = t.keepDraft(old, next, held); err != nil {
		return mandat.Mandat{}, wrapMandat(id, err)
	}
	return t.saveMandat(old, next, fact, entry)
}

// fullMandat loads a mandat of a structure with what is sealed beside it.
func (t *tx) fullMandat(organisationID, id string) (mandat.Mandat, sealed, error) {
	var lines []fullLine
	if err := t.list(&lines, t.s.q.mandatFull, id, organisationID); err != nil {
		return mandat.Mandat{}, sealed{}, wrapMandat(id, err)
	}
	m, held, err := t.s.full(lines)
	if err == nil {
		t.known(m.ID, lines[0].Stream)
	}
	return m, held, err
}

// lightMandats loads mandats without what is sealed.
func (t *tx) lightMandats(q query, args ...any) ([]mandat.Mandat, error) {
	var lines []mandatLine
	if err := t.list(&lines, q, args...); err != nil {
		return nil, err
	}
	for _, l := range lines {
		t.known(l.M.ID, l.Stream)
	}
	return mandatsOf(lines), nil
}

// saveMandat writes the rows of a changed mandat and revokes the delegated
// logins that lost their ground.
func (t *tx) saveMandat(old, next mandat.Mandat, fact journal.Fact, entry int64) (mandat.Mandat, error) {
	next.Rev = old.Rev + 1
	if err := t.must(mandat.ErrStale, t.s.q.mandatUpdate, args(mandatOf(next, entry), next.ID, old.Rev)...); err != nil {
		return mandat.Mandat{}, wrapMandat(next.ID, err)
	}
	if old.State == mandat.Brouillon && (old.UsagerID != next.UsagerID || !reflect.DeepEqual(old.Autorisations, next.Autorisations)) {
		if _, err := t.exec(t.s.q.autorisationDelete, next.ID); err != nil {
			return mandat.Mandat{}, wrapMandat(next.ID, err)
		}
		return next, t.insertAutorisations(next, entry)
	}
	stopped := ended(old, next)
	for _, a := range next.Autorisations {
		if !slices.Contains(stopped, a.Domaine) {
			continue
		}
		err := t.must(mandat.ErrStale, t.s.q.autorisationUpdate, instant(a.EndedAt), string(a.EndReason), entry, next.ID, a.Domaine)
		if err != nil {
			return mandat.Mandat{}, wrapMandat(next.ID, err)
		}
	}
	return next, t.revokeUses(next.ID, stopped, fact)
}

// revokeUses stops the delegated logins of a mandat that live in domaines that
// have ended.
func (t *tx) revokeUses(mandatID string, domaines []string, because journal.Fact) error {
	if len(domaines) == 0 {
		return nil
	}
	logins, err := t.logins(t.s.q.delegationLive, mandatID, instant(t.now))
	if err != nil {
		return err
	}
	for _, l := range logins {
		if !slices.Contains(domaines, l.Domaine) {
			continue
		}
		revoked, fact := l.Revoke(because.Actor(), "mandat_termine", t.now)
		if err := t.saveLogin(revoked, fact); err != nil {
			return err
		}
	}
	return nil
}

// logins loads delegated logins with the place of their mandat's stream.
func (t *tx) logins(q query, args ...any) ([]delegation.Login, error) {
	var lines []loginLine
	if err := t.list(&lines, q, args...); err != nil {
		return nil, err
	}
	out := make([]delegation.Login, 0, len(lines))
	for _, l := range lines {
		t.known(l.D.MandatID, l.Stream)
		out = append(out, l.D.login())
	}
	return out, nil
}
