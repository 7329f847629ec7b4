package facteurs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/debit"
	"relais/internal/facteur"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// derivations is how many pass phrases are derived at once: each takes 19 MiB.
const derivations = 2

// Code checks what was typed: a pass phrase with the code of an application or with
// a recovery code, or a recovery code alone where the agent has no pass phrase. who
// is the account's e-mail address. The work and the refusal are the same for an
// account that does not exist. The errors are facteur.ErrRefused, with its entry,
// and [WaitError].
func (m *Room) Code(ctx context.Context, purpose, who, phrase, typed string) (Shown, error) {
	who = strings.ToLower(strings.TrimSpace(who))
	if who == "" || strings.TrimSpace(typed) == "" {
		return Shown{}, fmt.Errorf("champ vide: %w", facteur.ErrRefused) // no attempt
	}
	closed, err := m.counters.Attempt(ctx, debit.Code, m.counters.DebitKey(debit.Code, who))
	if err != nil {
		return Shown{}, err
	}
	if closed.After(m.now()) {
		return Shown{}, &WaitError{Until: closed, now: m.now()}
	}
	a, err := m.store.AidantByEmail(ctx, who)
	if err != nil && !errors.Is(err, aidant.ErrNotFound) {
		return Shown{}, err
	}
	have := facteur.Facteurs{}
	if err == nil {
		if have, err = m.store.Facteurs(ctx, a.ID); err != nil {
			return Shown{}, err
		}
	}
	shown, why, err := m.judge(ctx, a, have, phrase, typed)
	if err != nil {
		return Shown{}, err
	}
	if why != "" {
		return Shown{}, m.refused(ctx, a, purpose, why, facteur.ErrRefused)
	}
	return Shown{Aidant: a, Presented: shown}, nil
}

// judge does the same work whatever is wrong, and says what the journal will.
func (m *Room) judge(ctx context.Context, a aidant.Aidant, have facteur.Facteurs, phrase, typed string) (facteur.Presented, string, error) {
	kept, totp := "", facteur.TOTP{Secret: make([]byte, 20)}
	if have.TOTP != nil {
		kept, totp = have.TOTP.Phrase, *have.TOTP
	}
	same := false
	if err := m.derive(ctx, func() { same = facteur.SamePhrase(kept, phrase) }); err != nil {
		return facteur.Presented{}, "", err
	}
	step, right := totp.Check(typed, m.now())
	_, recovery := facteur.NormalCode(typed)
	p := facteur.Presented{Auth: aidant.AuthTOTP, Step: step}
	switch {
	case recovery && have.TOTP == nil && phrase == "":
		p = facteur.Presented{Auth: aidant.AuthSecours, Code: facteur.HashCode(a.ID, typed)}
		same, right = true, have.Holds(p.Code) // or somebody suspended would be told so for any code
	case recovery:
		p = facteur.Presented{Auth: aidant.AuthPhrase, Code: facteur.HashCode(a.ID, typed)}
		right = have.Holds(p.Code)
	}
	switch {
	case a.ID == "":
		return p, "compte_inconnu", nil
	case !same:
		return p, "phrase_refusee", nil
	case !right:
		return p, "code_refuse", nil
	}
	return p, "", nil
}

// HashPhrase is facteur.HashPhrase, with no more of them at once than the machine
// has memory for. The error is the context's.
func (m *Room) HashPhrase(ctx context.Context, phrase string) (kept string, err error) {
	err = m.derive(ctx, func() { kept = facteur.HashPhrase(phrase) })
	return kept, err
}

// derive does one derivation when it is its turn.
func (m *Room) derive(ctx context.Context, work func()) error {
	select {
	case m.deriving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-m.deriving }()
	work()
	return nil
}

// WaitError says that an account takes no more codes for a while.
type WaitError struct {
	Until time.Time
	now   time.Time
}

// Error implements error.
func (e *WaitError) Error() string { return "trop d’essais" }

// Problem is its page. A passkey of the same agent goes on working.
func (e *WaitError) Problem(w http.ResponseWriter, next page.Link) *desk.Problem {
	seconds := int(e.Until.Sub(e.now).Seconds()) + 1
	w.Header().Set("Retry-After", fmt.Sprint(seconds))
	return &desk.Problem{Status: http.StatusTooManyRequests, Title: "Trop d’essais pour ce compte", Cause: e, Next: next,
		Text: "Par sécurité, Relais n’accepte plus de code pour cette adresse pendant un moment. Rien n’a été modifié.",
		Do: []string{fmt.Sprintf("Attendez %s, puis recommencez avec le code affiché à ce moment-là.", minutes((seconds+59)/60)),
			"Une clé d’accès enregistrée pour ce compte fonctionne toujours.",
			"Si ce n’est pas vous qui avez fait ces essais, prévenez le référent de votre structure."}}
}

func minutes(n int) string {
	if n < 2 {
		return "une minute"
	}
	return fmt.Sprintf("%d minutes", n)
}
