package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/provider"
	"relais/internal/session"
	"relais/internal/store"
)

// reuse answers for the desk where a client asks again minutes after a choice:
// it joins the session, which the provider does not know, to the store.
type reuse struct {
	store    *store.Store
	sessions *session.Manager
	now      func() time.Time
}

// Live implements [provider.Reuse]. An entrusted screen has no choice of its
// aidant: an usager sits there, perhaps to identify at the very hub that asks.
func (u reuse) Live(r *http.Request, clientID string, since time.Time) (provider.Live, error) {
	who, err := u.sessions.Current(r)
	if errors.Is(err, aidant.ErrSession) {
		return provider.Live{}, provider.ErrNoChoice
	}
	if err != nil {
		return provider.Live{}, err
	}
	if who.Session.Entrusted != "" || who.Session.Enrolling() || !who.Aidant.Has(aidant.RoleAidant) {
		return provider.Live{}, provider.ErrNoChoice
	}
	logins, err := u.store.LiveLogins(r.Context(), who.Aidant.ID, who.Session.Ref, clientID, since)
	if err != nil {
		return provider.Live{}, err
	}
	if len(logins) == 0 {
		return provider.Live{}, provider.ErrNoChoice
	}
	last := logins[0]
	file, err := u.store.MandatFile(r.Context(), who.Organisation.ID, last.MandatID)
	if err != nil {
		return provider.Live{}, err
	}
	if len(file.Mandats) != 1 || file.Mandats[0].UsagerID != last.UsagerID {
		return provider.Live{}, provider.ErrNoChoice
	}
	return provider.Live{
		Logins: logins,
		Choice: provider.Choice{MandatID: last.MandatID, Domaine: last.Domaine, Usager: file.Usager, Aidant: who.Aidant,
			Session: who.Session, Organisation: who.Organisation, Mandat: file.Mandats[0]},
		Record: func(ctx context.Context, within []string, l delegation.Login) error {
			return u.store.UseMandat(ctx, l, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
				m, fact, err := m.Use(last.Domaine, within, who.Organisation.ID, clientID, l.ID, who.Aidant.Actor(who.Session.Auth), u.now())
				return m, fact.With("reprise", last.ID), err
			})
		},
	}, nil
}

// EndUsesLike implements [provider.Reuse].
func (u reuse) EndUsesLike(ctx context.Context, id string, by journal.Actor, reason string) error {
	return u.store.EndUsesLike(ctx, id, by, reason)
}
