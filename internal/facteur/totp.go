package facteur

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	secretSize = 20 // bytes: RFC 4226 §4 wants 160 bits
	stepLength = 30 * time.Second
	digits     = 6
)

// TOTP is an application's time-based code (RFC 6238: SHA-1, 30 seconds, six
// digits, what every application knows) and the pass phrase that goes with it.
type TOTP struct {
	Secret    []byte
	Phrase    string // as [HashPhrase] made it
	LastStep  int64  // of the last code taken: it and all before it are worth nothing
	CreatedAt time.Time
	UsedAt    time.Time
}

// NewSecret is a fresh secret of 160 bits.
func NewSecret() []byte {
	b := make([]byte, secretSize)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

// SecretText is a secret as an application takes it by hand, in groups of four.
func SecretText(secret []byte) string { return group(plainSecret(secret), " ") }

func plainSecret(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// Step is the number of the 30 seconds in which a moment lies.
func Step(at time.Time) int64 { return at.Unix() / int64(stepLength/time.Second) }

// Check tells which step a code is of, among this one and its two neighbours.
// The window is always these three: how far an agent's clock was off before is
// never remembered. A step that was taken before is refused by [Facteurs], not here.
func (t TOTP) Check(code string, at time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	now := Step(at)
	for _, s := range []int64{now - 1, now, now + 1} {
		if s < 0 {
			continue
		}
		want, err := hotp.GenerateCodeCustom(plainSecret(t.Secret), uint64(s), hotp.ValidateOpts{Digits: digits, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// Enrolment is the address that a QR code carries to the application
// (otpauth://totp/…).
func Enrolment(secret []byte, account, issuer string) string {
	escape := func(s string) string { return strings.ReplaceAll(urlEscape(s), "+", "%20") }
	return "otpauth://totp/" + escape(issuer) + ":" + escape(account) + "?secret=" + plainSecret(secret) +
		"&issuer=" + escape(issuer) + "&algorithm=SHA1&digits=6&period=30"
}
