// Package habilitation is how agents are admitted, suspended and reinstated.
//
// Every decision is a transition that returns the agent and the fact of the
// decision. It does not decide who may decide: the rights matrix does.
package habilitation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"relais/internal/aidant"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// Errors that callers act on.
var (
	ErrInvalid = errors.New("habilitation refusée")
	ErrState   = errors.New("l'agent est déjà dans cet état")
	ErrSelf    = errors.New("on ne décide pas de sa propre habilitation")
	ErrTaken   = errors.New("l'agent existe déjà")
)

func object(a aidant.Aidant) journal.Object { return journal.Object{Type: "aidant", ID: a.ID} }

// Admit lets an agent in. The agent signs in with the e-mail and the SIRET given
// here; their sub is bound at that moment.
func Admit(a aidant.Aidant, by journal.Actor) (aidant.Aidant, journal.Fact, error) {
	a.Email = strings.ToLower(strings.TrimSpace(a.Email))
	if a.ID == "" || a.OrganisationID == "" || a.Name() == "" || !strings.Contains(a.Email, "@") {
		return aidant.Aidant{}, journal.Fact{}, fmt.Errorf("%w: un champ manque", ErrInvalid)
	}
	for _, v := range []string{a.GivenName, a.UsualName, a.Email} {
		if !identite.Plain(v) || utf8.RuneCountInString(v) > 256 {
			return aidant.Aidant{}, journal.Fact{}, fmt.Errorf("%w: un champ est illisible", ErrInvalid)
		}
	}
	if !organisation.ValidSIRET(a.SIRET) {
		return aidant.Aidant{}, journal.Fact{}, fmt.Errorf("%w: siret", ErrInvalid)
	}
	known := []aidant.Role{aidant.RoleAidant, aidant.RoleReferent, aidant.RoleAuditeur, aidant.RoleAdministrateur}
	if len(a.Roles) == 0 || slices.ContainsFunc(a.Roles, func(r aidant.Role) bool { return !slices.Contains(known, r) }) {
		return aidant.Aidant{}, journal.Fact{}, fmt.Errorf("%w: rôle", ErrInvalid)
	}
	return a, journal.NewFact(by, journal.AidantAdmit, object(a)), nil
}

// Beyond is the fact of an admission refused because the one who acts may not give
// so much.
func Beyond(by journal.Actor, a aidant.Aidant) journal.Fact {
	return journal.NewFact(by, journal.AidantAdmit, object(a)).Denied("hors_pouvoir").With("structure", a.OrganisationID)
}

// Suspend keeps an agent out from the next request on. The store ends their
// sessions in the same transaction.
func Suspend(a aidant.Aidant, by journal.Actor, at time.Time) (aidant.Aidant, journal.Fact, error) {
	if by.Ref == a.ID {
		return a, journal.Fact{}, ErrSelf
	}
	if a.Suspended() {
		return a, journal.Fact{}, ErrState
	}
	a.SuspendedAt = at
	return a, journal.NewFact(by, journal.AidantSuspend, object(a)), nil
}

// Reinstate lets a suspended agent in again.
func Reinstate(a aidant.Aidant, by journal.Actor) (aidant.Aidant, journal.Fact, error) {
	if by.Ref == a.ID {
		return a, journal.Fact{}, ErrSelf
	}
	if !a.Suspended() {
		return a, journal.Fact{}, ErrState
	}
	a.SuspendedAt = time.Time{}
	return a, journal.NewFact(by, journal.AidantReinstate, object(a)), nil
}
