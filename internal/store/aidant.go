package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"relais/internal/aidant"
	"relais/internal/habilitation"
	"relais/internal/identite"
	"relais/internal/journal"
)

type aidantRow struct {
	ID             string            `db:"id"`
	OrganisationID string            `db:"organisation_id"`
	SubToken       text              `db:"sub_token"`
	EmailToken     string            `db:"email_token"`
	SIRET          string            `db:"siret"`
	Roles          list[aidant.Role] `db:"roles"`
	SuspendedAt    instant           `db:"suspended_at"`
	Sealed         []byte            `db:"sealed"`
	JournalID      int64             `db:"journal_id"`
}

// aidantLine is an agent with their key.
type aidantLine struct {
	I   aidantRow `db:"i"`
	Key []byte    `db:"ikey"`
}

// sealedAidant is what an agent's row keeps sealed.
type sealedAidant struct {
	Sub       string `json:"sub"`
	Email     string `json:"email"`
	GivenName string `json:"given_name"`
	UsualName string `json:"usual_name"`
}

func (s *Store) aidant(l aidantLine) (aidant.Aidant, error) {
	var secret sealedAidant
	if err := s.revealJSON(l.Key, ofAidant(l.I.ID), purposeAidant, l.I.Sealed, &secret); err != nil {
		return aidant.Aidant{}, err
	}
	return aidant.Aidant{ID: l.I.ID, OrganisationID: l.I.OrganisationID, Sub: secret.Sub, Email: secret.Email, SIRET: l.I.SIRET,
		GivenName: secret.GivenName, UsualName: secret.UsualName, Roles: l.I.Roles, SuspendedAt: l.I.SuspendedAt.time()}, nil
}

func (s *Store) aidantOf(a aidant.Aidant, wrapped []byte, journalID int64) (aidantRow, error) {
	sealed, err := s.sealJSON(wrapped, ofAidant(a.ID), purposeAidant,
		sealedAidant{Sub: a.Sub, Email: a.Email, GivenName: a.GivenName, UsualName: a.UsualName})
	if err != nil {
		return aidantRow{}, err
	}
	row := aidantRow{ID: a.ID, OrganisationID: a.OrganisationID, EmailToken: s.emailToken(a.Email), SIRET: a.SIRET,
		Roles: a.Roles, SuspendedAt: instant(a.SuspendedAt), Sealed: sealed, JournalID: journalID}
	if a.Sub != "" {
		row.SubToken = text(s.vault.Token(tokenAidantSub, a.Sub))
	}
	return row, nil
}

func (s *Store) emailToken(email string) string {
	return s.vault.Token(tokenAidantEmail, strings.ToLower(strings.TrimSpace(email)))
}

func (q *queries) people() {
	q.keyInsert = "INSERT INTO coffre_key (subject, wrapped) VALUES (?, ?)"
	q.keyDelete = "DELETE FROM coffre_key WHERE subject = ?"
	q.organisationInsert = insertInto("organisation", organisationRow{})
	q.organisationByID = query("SELECT " + plain(organisationRow{}) + " FROM organisation WHERE id = ?")
	q.organisationList = query("SELECT " + plain(organisationRow{}) + " FROM organisation ORDER BY name, id")
	q.aidantInsert = insertInto("aidant", aidantRow{})
	q.aidantUpdate = update("aidant", aidantRow{}, "id = ?")
	const join = " FROM aidant i JOIN coffre_key ik ON ik.subject = 'aidant:' || i.id"
	who := columns("i", aidantRow{}) + `, ik.wrapped AS "ikey"`
	q.aidantByID = query("SELECT " + who + join + " WHERE i.id = ?")
	q.aidantList = query("SELECT " + who + join + " WHERE i.organisation_id = ? ORDER BY i.id")
	q.aidantTaken = "SELECT count(*) FROM aidant WHERE id = ? OR email_token = ?"
	q.aidantSignIn = query("SELECT " + who + `, o.suspended AS "suspended"` + join + ` JOIN organisation o ON o.id = i.organisation_id
		WHERE i.sub_token = ? OR (i.email_token = ? AND i.siret = ?)
		ORDER BY CASE WHEN i.sub_token = ? THEN 0 ELSE 1 END LIMIT 1`)
	q.sessions(who)
	q.invitations(who)
	q.resets(who)
	q.partners()
}

// AdmitAidant lets an agent in; habilitation.ErrInvalid when the id or the
// e-mail is taken, organisation.ErrNotFound when there is no such structure.
func (s *Store) AdmitAidant(ctx context.Context, a aidant.Aidant, by journal.Actor) error {
	return s.write(ctx, func(t *tx) error { return t.admit(a, by) })
}

func (t *tx) admit(a aidant.Aidant, by journal.Actor) error {
	if _, err := t.organisation(a.OrganisationID); err != nil {
		return err
	}
	var taken int64
	if err := t.get(&taken, t.s.q.aidantTaken, a.ID, t.s.emailToken(a.Email)); err != nil {
		return err
	}
	if taken > 0 {
		return fmt.Errorf("%w: %w", habilitation.ErrInvalid, habilitation.ErrTaken)
	}
	admitted, fact, err := habilitation.Admit(a, by)
	id, err := t.settle(fact, err)
	if err != nil {
		return err
	}
	wrapped, err := t.newKey(ofAidant(a.ID))
	if err != nil {
		return err
	}
	row, err := t.s.aidantOf(admitted, wrapped, id)
	if err != nil {
		return err
	}
	_, err = t.exec(t.s.q.aidantInsert, args(row)...)
	return err
}

// Aidant is one agent; aidant.ErrNotFound.
func (s *Store) Aidant(ctx context.Context, id string) (aidant.Aidant, error) {
	line, err := one[aidantLine](ctx, s, s.q.aidantByID, id)
	if errors.Is(err, sql.ErrNoRows) {
		return aidant.Aidant{}, aidant.ErrNotFound
	}
	if err != nil {
		return aidant.Aidant{}, err
	}
	return s.aidant(line)
}

// Aidants lists the agents of a structure by name.
func (s *Store) Aidants(ctx context.Context, organisationID string) ([]aidant.Aidant, error) {
	lines, err := many[aidantLine](ctx, s, s.q.aidantList, organisationID)
	if err != nil {
		return nil, err
	}
	out := make([]aidant.Aidant, 0, len(lines))
	for _, l := range lines {
		a, err := s.aidant(l)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b aidant.Aidant) int {
		return strings.Compare(identite.Fold(a.UsualName+" "+a.GivenName), identite.Fold(b.UsualName+" "+b.GivenName))
	})
	return out, nil
}

// ChangeAidant changes an agent. A suspension ends their sessions with it, and
// stops what they have under way at a service.
func (s *Store) ChangeAidant(ctx context.Context, id string, change func(aidant.Aidant) (aidant.Aidant, journal.Fact, error)) (aidant.Aidant, error) {
	var out aidant.Aidant
	err := s.write(ctx, func(t *tx) error {
		var line aidantLine
		if err := t.get(&line, s.q.aidantByID, id); errors.Is(err, sql.ErrNoRows) {
			return aidant.ErrNotFound
		} else if err != nil {
			return err
		}
		old, err := s.aidant(line)
		if err != nil {
			return err
		}
		next, fact, err := change(old)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		if err := t.saveAidant(next, line.Key, entry); err != nil {
			return err
		}
		out = next
		if !next.Suspended() {
			return nil
		}
		if _, err := t.exec(s.q.sessionDeleteOf, id); err != nil {
			return err
		}
		return t.stopUses(id, "agent_suspendu")
	})
	return out, err
}

// stopUses revokes the open uses of an agent, so that neither a code nor a
// token of theirs is worth anything. They stay open until the hub was left.
func (t *tx) stopUses(aidantID, reason string) error {
	open, err := t.logins(t.s.q.delegationOpen, aidantID)
	if err != nil {
		return err
	}
	for _, l := range open {
		if !l.RevokedAt.IsZero() {
			continue
		}
		if err := t.saveLogin(l.Revoke(journal.Systeme(), reason, t.now)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) saveAidant(a aidant.Aidant, wrapped []byte, entry int64) error {
	row, err := t.s.aidantOf(a, wrapped, entry)
	if err != nil {
		return err
	}
	return t.must(aidant.ErrNotFound, t.s.q.aidantUpdate, args(row, a.ID)...)
}
