package identite

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

var ligatures = strings.NewReplacer("œ", "oe", "Œ", "oe", "æ", "ae", "Æ", "ae", "ß", "ss", "ẞ", "ss",
	"ø", "o", "Ø", "o", "ł", "l", "Ł", "l", "đ", "d", "Đ", "d", "ı", "i")

// Fold turns text into what searches compare: lower case, no accents, no
// ligatures, every other sign a blank.
func Fold(s string) string {
	var b strings.Builder
	for _, r := range ligatures.Replace(norm.NFKD.String(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Key is one way to find a person, to be put through a keyed hash before it is
// stored anywhere.
type Key struct {
	Kind  string // KeyWord, KeyPrefix or KeyBirth
	Value string
}

// The kinds of search keys.
const (
	KeyWord   = "mot"       // a folded word of a name
	KeyPrefix = "prefixe"   // its first three letters
	KeyBirth  = "naissance" // the birth date
)

// Keys lists every key under which the person is found, without repetition.
func (p Pivot) Keys() []Key {
	var keys []Key
	seen := map[Key]bool{}
	add := func(k Key) {
		if !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	for _, w := range strings.Fields(Fold(p.FamilyName + " " + p.GivenName + " " + p.PreferredUsername)) {
		add(Key{KeyWord, w})
		if r := []rune(w); len(r) >= 3 {
			add(Key{KeyPrefix, string(r[:3])})
		}
	}
	add(Key{KeyBirth, string(p.Birthdate)})
	return keys
}

// Query is a search as a person types it: words of a name and birth dates in
// any order ("martin jeanne 12/03/1948").
type Query struct {
	words []string
	birth []string
}

// ParseQuery reads what was typed. Dates are DD/MM/YYYY, DD-MM-YYYY or ISO.
func ParseQuery(s string) Query {
	var q Query
	for _, field := range strings.Fields(s) {
		if d := dateOf(field); d != "" {
			q.birth = append(q.birth, d)
			continue
		}
		q.words = append(q.words, strings.Fields(Fold(field))...)
	}
	return q
}

func dateOf(s string) string {
	if Birthdate(s).Check() == nil {
		return s
	}
	s = strings.NewReplacer("-", "/", ".", "/").Replace(s)
	p := strings.Split(s, "/")
	if len(p) != 3 || len(p[2]) != 4 {
		return ""
	}
	for i := range 2 {
		if len(p[i]) == 1 {
			p[i] = "0" + p[i]
		}
	}
	iso := p[2] + "-" + p[1] + "-" + p[0]
	if Birthdate(iso).Check() != nil {
		return ""
	}
	return iso
}

// Empty tells that the query asks nothing.
func (q Query) Empty() bool { return len(q.words) == 0 && len(q.birth) == 0 }

// keysMax bounds what one search asks of the index, however much was typed.
const keysMax = 12

// Keys lists index keys that every match has, at most 12 and without repetition;
// candidates must still pass [Query.Matches]. A word under three letters is
// looked up whole.
func (q Query) Keys() []Key {
	var keys []Key
	add := func(k Key) {
		if len(keys) < keysMax && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, d := range q.birth {
		add(Key{KeyBirth, d})
	}
	for _, w := range q.words {
		if r := []rune(w); len(r) >= 3 {
			add(Key{KeyPrefix, string(r[:3])})
			continue
		}
		add(Key{KeyWord, w})
	}
	return keys
}

// Matches tells whether each word begins a word of the person's names, and each
// date is their birth date.
func (q Query) Matches(p Pivot) bool {
	names := strings.Fields(Fold(p.FamilyName + " " + p.GivenName + " " + p.PreferredUsername))
	for _, w := range q.words {
		if !begins(names, w) {
			return false
		}
	}
	for _, d := range q.birth {
		if string(p.Birthdate) != d {
			return false
		}
	}
	return true
}

func begins(names []string, word string) bool {
	short := len([]rune(word)) < 3
	for _, n := range names {
		if n == word || (!short && strings.HasPrefix(n, word)) {
			return true
		}
	}
	return false
}
