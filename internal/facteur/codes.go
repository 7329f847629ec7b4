package facteur

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// CodeCount is how many recovery codes are printed at once.
const CodeCount = 10

// codeLength is in characters of [alphabet], five bits each: 80 bits.
const codeLength = 16

// alphabet is Crockford's: no I, L, O or U, which [NormalCode] reads as 1, 1, 0
// and V.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Code is one recovery code as it is kept: its hash, and when it was used.
type Code struct {
	Hash   string
	UsedAt time.Time
}

// NewCode is a code of 80 random bits, in four groups of four.
func NewCode() string {
	var b [codeLength]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	for i := range b {
		b[i] = alphabet[b[i]%32] // 256 is a multiple of 32: no letter is likelier
	}
	return group(string(b[:]), "-")
}

// NewCodes are recovery codes for one agent: to print once, and to keep.
func NewCodes(agentID string) (printed []string, kept []Code) {
	for range CodeCount {
		c := NewCode()
		printed, kept = append(printed, c), append(kept, Code{Hash: HashCode(agentID, c)})
	}
	return printed, kept
}

// NormalCode is a code as typed, brought back to its 16 characters; ok is false
// for anything that is not one.
func NormalCode(typed string) (code string, ok bool) {
	var b strings.Builder
	for _, r := range strings.ToUpper(typed) {
		switch {
		case r == '-' || r == '–' || unicode.IsSpace(r):
		case r == 'O':
			b.WriteByte('0')
		case r == 'I' || r == 'L':
			b.WriteByte('1')
		case r == 'U':
			b.WriteByte('V')
		case r < 0x80 && strings.IndexByte(alphabet, byte(r)) >= 0:
			b.WriteByte(byte(r))
		default:
			return "", false
		}
	}
	return b.String(), b.Len() == codeLength
}

// HashCode is what is kept of a code: the SHA-256 of whose it is and of its
// characters, in hexadecimal. 80 random bits need no slower function.
func HashCode(agentID, typed string) string {
	code, ok := NormalCode(typed)
	if !ok {
		code = typed // hashes to what no code does
	}
	return digest([]byte(agentID + "\x00" + code))
}

// Holds tells whether a recovery code is the agent's and was not used, by its hash.
func (f Facteurs) Holds(hash string) bool { return f.unused(hash) >= 0 }

func (f Facteurs) unused(hash string) int {
	return slices.IndexFunc(f.Codes, func(c Code) bool { return c.Hash == hash && c.UsedAt.IsZero() })
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// group cuts s into groups of four.
func group(s, between string) string {
	var parts []string
	for len(s) > 4 {
		parts, s = append(parts, s[:4]), s[4:]
	}
	return strings.Join(append(parts, s), between)
}

// line is one line of at most n characters.
func line(s string, n int) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	runes := []rune(strings.Join(strings.Fields(clean), " "))
	if len(runes) > n {
		runes = runes[:n]
	}
	return strings.TrimSpace(string(runes))
}

func urlEscape(s string) string { return url.QueryEscape(s) }
