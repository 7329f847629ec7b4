package aidant

import "time"

// Session is an agent's session as the server keeps it. The browser holds an
// opaque identifier; Ref is its SHA-256 in hexadecimal, and all that is stored.
type Session struct {
	Ref            string
	AidantID       string
	OrganisationID string
	CreatedAt      time.Time // absolute limit counts from here
	SeenAt         time.Time // idle limit counts from here; written at most once a minute
	AuthAt         time.Time // last identification at the provider
	Auth           string    // "proconnect:eidas1-mfa"
	Device         string    // a word on the browser, such as "Firefox sur Windows"
	Entrusted      string    // the mandat whose signature the screen is entrusted for (« confiée »), or ""
	Data           []byte    // sealed by the session package
}

// Ended tells whether the session is past one of its limits.
func (s Session) Ended(at time.Time, idle, max time.Duration) bool {
	return at.Sub(s.SeenAt) >= idle || at.Sub(s.CreatedAt) >= max
}
