package provider

import (
	"context"

	"relais/internal/delegation"
	"relais/internal/journal"
)

// Ledger is what the provider asks of the store: each method is one intent and
// one transaction, with its journal entry inside.
type Ledger interface {
	// ByCode and ByToken find a delegated login by the [delegation.Hash] of a
	// code or token. delegation.ErrNotFound otherwise.
	ByCode(ctx context.Context, codeHash string) (delegation.Login, error)
	ByToken(ctx context.Context, tokenHash string) (delegation.Login, error)
	// Redeem consumes a code, by compare-and-set, and records the token. A code
	// seen before (a replay or a lost race) is delegation.ErrConsumed: everything
	// that was issued for it is then revoked, in the same transaction.
	Redeem(ctx context.Context, codeHash string, t delegation.Token) error
	// Show checks that the login and its mandat still hold, records that the
	// identity is handed over, and returns it.
	Show(ctx context.Context, tokenHash string) (delegation.Identity, error)
	// Stop revokes a login, or ends its use when ended is true.
	Stop(ctx context.Context, id string, by journal.Actor, reason string, ended bool) error
}

// Recorder writes facts that stand alone, such as refusals.
type Recorder interface {
	Append(ctx context.Context, facts ...journal.Fact) error
}
