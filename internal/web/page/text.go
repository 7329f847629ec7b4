package page

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is how many combining marks may follow one another once composed.
// Vocalised Hebrew and Arabic need three.
const maxMarks = 4

// CleanText reads one line typed by a person: NFC, without the white space
// around it. It refuses, with a sentence that says what to do, what cannot be
// part of a line: control characters, characters that change the direction of
// the text or cannot be seen, piles of combining marks, more than max runes.
// When problem is not empty the text must not be used.
func CleanText(s string, max int) (text, problem string) {
	return clean(s, max, false)
}

// CleanLines is CleanText for a textarea: line breaks are allowed and become
// a single line feed.
func CleanLines(s string, max int) (text, problem string) {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return clean(s, max, true)
}

func clean(s string, max int, lines bool) (text, problem string) {
	if !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
		return "", "Saisissez à nouveau ce texte : il contient un caractère illisible."
	}
	// Length first: composing ten megabytes would be work for nothing. NFC
	// can shorten a text by at most three runes to one.
	if utf8.RuneCountInString(s) > 4*max+64 {
		return "", tooLong(max)
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	marks := 0
	for _, r := range s {
		if problem := refuse(r, lines); problem != "" {
			return "", problem
		}
		if !unicode.Is(unicode.Mn, r) {
			marks = 0
			continue
		}
		if marks++; marks > maxMarks {
			return "", "Retirez les accents empilés : une lettre en porte trop."
		}
	}
	if utf8.RuneCountInString(s) > max {
		return "", tooLong(max)
	}
	return s, ""
}

func tooLong(max int) string {
	return "Raccourcissez ce texte : " + plural(max, "caractère") + " au plus."
}

func refuse(r rune, lines bool) string {
	switch {
	case r == '\n' && lines:
		return ""
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return "Retirez les retours à la ligne, tabulations et caractères de commande."
	case r == '\u200c', r == '\u200d':
		// Persian, Urdu and Indian scripts write names with these joiners.
		return ""
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		return "Retirez les caractères invisibles ou qui changent le sens de lecture."
	}
	return ""
}
