package desk

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"relais/internal/aidant"
)

// Held is a form that was sent while its route asked for a fresher identification:
// nothing was done with it. It is kept in the agent's session, sealed, until it is
// sent again or a while has passed.
type Held struct {
	To   string     `json:"to"`   // path and query it was sent to
	Asks string     `json:"asks"` // as [Route.Asks]
	Form url.Values `json:"form"`
	At   time.Time  `json:"at"`
}

// over tells that it waited too long, or is dated by a clock that was set back since.
func (h Held) over(at time.Time) bool {
	age := at.Sub(h.At)
	return age > HeldLife || age < -time.Minute
}

// Keeper holds values in an agent's session.
type Keeper interface {
	Kept(s aidant.Session, name string) string
	Forget(ctx context.Context, s aidant.Session, name string) error
}

// Waiting is the form that a session holds, if one does. One that waited too long is
// forgotten, as is one that cannot be read.
func Waiting(ctx context.Context, in Keeper, s aidant.Session, now time.Time) (held Held, found bool, err error) {
	kept := in.Kept(s, HeldName)
	if kept == "" {
		return Held{}, false, nil
	}
	if err := json.Unmarshal([]byte(kept), &held); err != nil || held.over(now) {
		return Held{}, false, in.Forget(ctx, s, HeldName)
	}
	return held, true, nil
}

// Where a held form stays, and where it is shown again.
const (
	HeldName = "demande"
	HeldLife = 30 * time.Minute
	HeldPath = "/connexion/reprise"
)

// How recent an identification must be for what is exported, revealed or decided.
// The form asks for more than its sending does, so that there is time to fill it.
const (
	FreshGet  = 5 * time.Minute
	FreshPost = 15 * time.Minute
)

// ConfirmPath is the page on which an agent confirms who they are; its parameter
// "retour" is the path to come back to.
const ConfirmPath = "/connexion/confirmer"
