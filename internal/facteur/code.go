package facteur

import (
	"crypto/rand"
	"strings"
	"unicode"
)

// letters is Crockford's alphabet: no I, L, O or U, which [ReadInvitationCode]
// reads as 1, 1, 0 and V.
const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// letterCount is how many characters an invitation's code has, five bits each: 80
// bits.
const letterCount = 16

// NewInvitationCode is a code of 80 random bits, as [GroupCode] shows it.
func NewInvitationCode() string {
	var b [letterCount]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	for i := range b {
		b[i] = letters[b[i]%32] // 256 is a multiple of 32: no letter is likelier
	}
	return GroupCode(string(b[:]))
}

// GroupCode is a code in four groups of four: "ABCD-EFGH-JKMN-PQRS".
func GroupCode(code string) string {
	var parts []string
	for len(code) > 4 {
		parts, code = append(parts, code[:4]), code[4:]
	}
	return strings.Join(append(parts, code), "-")
}

// ReadInvitationCode is a code as it was typed, brought back to its 16 characters:
// case, white space, hyphens and look-alikes are forgiven. ok is false for what
// cannot be a code.
func ReadInvitationCode(typed string) (code string, ok bool) {
	if len(typed) > 100 {
		return "", false
	}
	var b strings.Builder
	for _, r := range strings.ToUpper(typed) {
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '.':
		case r == 'O':
			b.WriteByte('0')
		case r == 'I' || r == 'L':
			b.WriteByte('1')
		case r == 'U':
			b.WriteByte('V')
		case r < 0x80 && strings.IndexByte(letters, byte(r)) >= 0:
			b.WriteByte(byte(r))
		default:
			return "", false
		}
	}
	return b.String(), b.Len() == letterCount
}
