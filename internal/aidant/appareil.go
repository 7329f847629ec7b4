package aidant

import (
	"errors"
	"time"
)

// ErrAppareil is a browser that is none of the agent's.
var ErrAppareil = errors.New("appareil inconnu")

// Appareil is a browser in which an agent signed in, known again by a random word
// in its cookie and by nothing of the machine's.
type Appareil struct {
	ID         string // of this agent: the same browser is another Appareil of a colleague's
	AidantID   string
	Device     string    // a word on the browser, such as "Firefox sur Windows"
	FirstAt    time.Time // first login
	SeenAt     time.Time // last login
	DisownedAt time.Time // the agent said that it was not them; zero otherwise
}

// How long a browser is known without a login, and how long one counts as new.
const (
	AppareilLife = 400 * 24 * time.Hour
	AppareilNew  = 30 * 24 * time.Hour
)
