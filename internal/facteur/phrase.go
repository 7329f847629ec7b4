package facteur

import (
	"crypto/rand"
	"crypto/subtle"
	_ "embed" // the phrases nobody may take
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"relais/internal/identite"
)

// Bounds of a pass phrase in characters (NIST SP 800-63B-4 §3.1.1: 15 without a
// second factor; nothing on what they are made of).
const (
	PhraseMin = 15
	PhraseMax = 200
)

// Errors of a pass phrase that an agent chooses.
var (
	ErrShort  = errors.New("phrase de passe trop courte")
	ErrLong   = errors.New("phrase de passe trop longue")
	ErrCommon = errors.New("phrase de passe trop facile à deviner")
)

// Argon2id's cost: OWASP's second choice (19 MiB, two passes, one lane), some
// 40 ms of one core.
const (
	argonMemory = 19 * 1024
	argonTime   = 2
	argonKey    = 32
	argonSalt   = 16
)

// worst are words that make no phrase, whatever is put behind them.
//
//go:embed pires.txt
var worst string

// CheckPhrase tells whether a phrase may be taken. about are words that somebody
// who knows the agent would try: their name, their structure, their address.
func CheckPhrase(phrase string, about ...string) error {
	switch n := utf8.RuneCountInString(normal(phrase)); {
	case n < PhraseMin:
		return ErrShort
	case n > PhraseMax:
		return ErrLong
	}
	rest := folded(phrase)
	if periodic(rest) {
		return ErrCommon
	}
	words := strings.Fields(worst)
	for _, a := range about {
		words = append(words, strings.FieldsFunc(identite.Fold(a), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) }) // the longest first
	for _, w := range words {
		if len(w) >= 3 {
			rest = strings.ReplaceAll(rest, w, "")
		}
	}
	if len(rest) < 6 || periodic(rest) {
		return ErrCommon
	}
	return nil
}

// folded is a phrase as guessers think of it: letters without accents, digits.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, strings.ToLower(identite.Fold(s)))
}

// periodic tells a short piece said again and again, or a row of neighbours
// (« aaaa », « 123123 », « abcdefgh »).
func periodic(s string) bool {
	for n := 1; n <= 4 && n < len(s); n++ {
		if strings.Repeat(s[:n], len(s)/n+1)[:len(s)] == s {
			return true
		}
	}
	steps := 0
	for i := 1; i < len(s); i++ {
		if d := int(s[i]) - int(s[i-1]); d == 1 || d == -1 || d == -9 {
			steps++
		}
	}
	return len(s) > 3 && steps >= len(s)-2
}

// normal is one spelling for what looks the same, whatever keyboard wrote it.
func normal(s string) string { return norm.NFKC.String(s) }

// HashPhrase makes what is kept of a phrase.
func HashPhrase(phrase string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	sum := argon2.IDKey([]byte(normal(phrase)), salt, argonTime, argonMemory, 1, argonKey)
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", argonMemory, argonTime, enc(salt), enc(sum))
}

// nobody is a hash that no phrase matches: checking against it costs what
// checking against an agent's own does.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// SamePhrase tells whether a phrase is the one kept. For an agent who has none,
// kept is "": it takes as long, and says no.
func SamePhrase(kept, phrase string) bool {
	known := kept != ""
	if !known {
		kept = nobody
	}
	if phrase = normal(phrase); utf8.RuneCountInString(phrase) > PhraseMax {
		phrase = ""
	}
	var memory, passes uint32
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v=19" {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=1", &memory, &passes); err != nil || memory > 1<<17 || passes > 10 || passes == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != argonKey {
		return false
	}
	sum := argon2.IDKey([]byte(phrase), salt, passes, memory, 1, argonKey)
	return subtle.ConstantTimeCompare(sum, want) == 1 && known
}
