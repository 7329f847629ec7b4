package store

import (
	"context"
	"database/sql"
	"errors"

	"relais/internal/aidant"
)

// FindAidant is the agent who signs in with an e-mail and a SIRET;
// aidant.ErrNotFound.
func (s *Store) FindAidant(ctx context.Context, email, siret string) (aidant.Aidant, error) {
	const nobody = "-" // no sub token is that short
	line, err := one[signInLine](ctx, s, s.q.aidantSignIn, nobody, s.emailToken(email), siret, nobody)
	if errors.Is(err, sql.ErrNoRows) {
		return aidant.Aidant{}, aidant.ErrNotFound
	}
	if err != nil {
		return aidant.Aidant{}, err
	}
	return s.aidant(line.aidantLine)
}
