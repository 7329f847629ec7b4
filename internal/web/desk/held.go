package desk

import (
	"net/url"
	"time"
)

// Held is a form that was sent while its route asked for a fresher identification:
// nothing was done with it. It is kept in the agent's session, sealed, until it is
// sent again or a while has passed.
type Held struct {
	To   string     `json:"to"` // path and query it was sent to
	Form url.Values `json:"form"`
	At   time.Time  `json:"at"`
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
