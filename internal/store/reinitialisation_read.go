package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
)

// resetShown is for how long a reset stays on the pages of those it concerned.
const resetShown = 30 * 24 * time.Hour

// ResetsFor lists what an agent may read of resets, the newest first: those of the
// last month, each with what they may do about it.
func (s *Store) ResetsFor(ctx context.Context, viewer aidant.Aidant) ([]facteur.Request, error) {
	now := s.moment()
	lines, err := many[resetLine](ctx, s, s.q.resetList, instant(now.Add(-resetShown)))
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	partners, err := s.partnersSet(ctx, viewer.OrganisationID)
	if err != nil {
		return nil, err
	}
	var out []facteur.Request
	for _, l := range lines {
		q, seen, err := s.request(ctx, l, viewer, partners, now)
		if err != nil {
			return nil, fmt.Errorf("réinitialisation %s: %w", l.R.ID, err)
		}
		if seen {
			out = append(out, q)
		}
	}
	return out, nil
}

// ResetFor is one of them; facteur.ErrUnknown for one that the viewer may not read.
func (s *Store) ResetFor(ctx context.Context, id string, viewer aidant.Aidant) (facteur.Request, error) {
	line, err := one[resetLine](ctx, s, s.q.resetByID, id)
	if errors.Is(err, sql.ErrNoRows) {
		return facteur.Request{}, facteur.ErrUnknown
	}
	if err != nil {
		return facteur.Request{}, err
	}
	partners, err := s.partnersSet(ctx, viewer.OrganisationID)
	if err != nil {
		return facteur.Request{}, err
	}
	q, seen, err := s.request(ctx, line, viewer, partners, s.moment())
	if err == nil && !seen {
		err = facteur.ErrUnknown
	}
	return q, err
}

func (s *Store) partnersSet(ctx context.Context, organisationID string) (map[string]bool, error) {
	list, err := s.Partners(ctx, organisationID)
	set := map[string]bool{}
	for _, o := range list {
		set[o.ID] = true
	}
	return set, err
}

// request is a reset as the viewer reads it.
func (s *Store) request(ctx context.Context, l resetLine, viewer aidant.Aidant, partners map[string]bool, now time.Time) (q facteur.Request, seen bool, err error) {
	if !partners[l.R.OrganisationID] && viewer.OrganisationID != l.R.OrganisationID && !viewer.Has(aidant.RoleAdministrateur) &&
		viewer.ID != l.R.AskedBy && viewer.ID != l.R.ApprovedBy {
		return q, false, nil // not opened: nothing of it is theirs
	}
	r, a, err := s.reset(l)
	if err != nil || !r.Sees(viewer, a, partners[r.OrganisationID], now) {
		return q, false, err
	}
	q, err = s.named(ctx, r, a)
	state := r.State(now)
	q.MayApprove = state == facteur.Asked && r.MayApprove(viewer, a, partners[r.OrganisationID])
	q.Own = r.AskedBy == viewer.ID
	q.MayIssue, q.MayCancel = q.Own && state == facteur.Approved, q.Own && r.Running(now)
	return q, true, err
}

// named gives a reset the names of those it concerns.
func (s *Store) named(ctx context.Context, r facteur.Reinitialisation, agent aidant.Aidant) (facteur.Request, error) {
	q := facteur.Request{Reinitialisation: r, Agent: agent.Name()}
	o, err := s.Organisation(ctx, r.OrganisationID)
	if err != nil {
		return q, err
	}
	q.Structure = o.Name
	if q.Asker, q.AskerStructure, err = s.nameOf(ctx, r.AskedBy); err != nil || r.ApprovedBy == "" {
		return q, err
	}
	q.Approver, q.ApproverStructure, err = s.nameOf(ctx, r.ApprovedBy)
	return q, err
}

func (s *Store) nameOf(ctx context.Context, aidantID string) (name, structure string, err error) {
	a, err := s.Aidant(ctx, aidantID)
	if err != nil {
		return "", "", err
	}
	o, err := s.Organisation(ctx, a.OrganisationID)
	return a.Name(), o.Name, err
}

// ResetOf is the reset under way for an agent's factors; found is false without one.
func (s *Store) ResetOf(ctx context.Context, aidantID string) (q facteur.Request, found bool, err error) {
	line, err := one[resetLine](ctx, s, s.q.resetOpen, aidantID)
	if errors.Is(err, sql.ErrNoRows) {
		return q, false, nil
	}
	if err != nil {
		return q, false, err
	}
	r, a, err := s.reset(line)
	if err != nil || !r.Running(s.moment()) {
		return q, false, err
	}
	q, err = s.named(ctx, r, a)
	return q, err == nil, err
}
