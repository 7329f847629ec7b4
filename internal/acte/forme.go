package acte

import (
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"time"
)

var months = []string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet",
	"août", "septembre", "octobre", "novembre", "décembre"}

// DateFR is a date in full French, "1er" for the first of a month.
func DateFR(t time.Time) string {
	day := fmt.Sprint(t.Day())
	if t.Day() == 1 {
		day = "1er"
	}
	return fmt.Sprintf("%s %s %d", day, months[t.Month()-1], t.Year())
}

var funcs = template.FuncMap{
	"date":      DateFR,
	"heure":     hour,
	"joint":     enumerate,
	"groupe":    Group,
	"telephone": telephone,
}

func hour(t time.Time) string { return t.Format("15\u00a0h\u00a004\u00a0min\u00a005\u00a0s") }

var frenchNumber = regexp.MustCompile(`^\+(33|262|590|594|596)(\d{9})$`)

// telephone writes a French number as it is dialled and read aloud, in pairs;
// another one as it is.
func telephone(s string) string {
	m := frenchNumber.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	national := "0" + m[2]
	pairs := make([]string, 0, 5)
	for i := 0; i < len(national); i += 2 {
		pairs = append(pairs, national[i:i+2])
	}
	return strings.Join(pairs, "\u00a0")
}

// enumerate writes a list as French does: "A, B et C".
func enumerate(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " et " + s[len(s)-1]
}

// Group writes a mandat's number in groups of four.
func Group(number string) string {
	var parts []string
	for len(number) > 4 {
		parts = append(parts, number[:4])
		number = number[4:]
	}
	return strings.Join(append(parts, number), " ")
}

// Block is one piece of the text as a page shows it. What a page shows is the
// hashed text itself, split at its line ends and nothing else.
type Block struct {
	Kind  string   // "titre", "intertitre", "paragraphe" or "liste"
	Text  string   // for all but lists
	Items []string // for lists
}

// Blocks reads the text's light form: "# " a title, "## " a subtitle, "- " an
// item, an empty line between paragraphs.
func (t Texte) Blocks() []Block {
	var blocks []Block
	var para []string
	flush := func() {
		if len(para) > 0 {
			blocks = append(blocks, Block{Kind: "paragraphe", Text: strings.Join(para, " ")})
			para = nil
		}
	}
	for line := range strings.SplitSeq(t.Body, "\n") {
		switch {
		case strings.HasPrefix(line, "## "):
			flush()
			blocks = append(blocks, Block{Kind: "intertitre", Text: line[3:]})
		case strings.HasPrefix(line, "# "):
			flush()
			blocks = append(blocks, Block{Kind: "titre", Text: line[2:]})
		case strings.HasPrefix(line, "- "):
			flush()
			if n := len(blocks); n > 0 && blocks[n-1].Kind == "liste" {
				blocks[n-1].Items = append(blocks[n-1].Items, line[2:])
				continue
			}
			blocks = append(blocks, Block{Kind: "liste", Items: []string{line[2:]}})
		case line == "":
			flush()
		default:
			para = append(para, line)
		}
	}
	flush()
	return blocks
}

// Grants tells whether the text gives exactly these domaines and démarches, in
// this order, up to this end, which is in the structure's zone: what the
// database says of a signed mandat, held against what the usager signed.
func (t Texte) Grants(domaines []Section, endsAt time.Time) bool {
	_, after, found := strings.Cut(t.Body, "## Pour quoi faire\n")
	granted, _, closed := strings.Cut(after, "\nLe mandat ne permet aucun acte de disposition")
	_, list, opened := strings.Cut(granted, ":\n\n")
	var want strings.Builder
	for i, d := range domaines {
		if i > 0 {
			want.WriteString("\n")
		}
		want.WriteString(d.Title + " :\n")
		for _, one := range d.Demarches {
			want.WriteString("- " + one + "\n")
		}
	}
	end := "prend fin le " + DateFR(endsAt) + " à " + hour(endsAt) + " ("
	return found && closed && opened && spaced(list) == spaced(want.String()) && strings.Contains(spaced(t.Body), spaced(end))
}

// spaced reads unbreakable spaces as spaces.
func spaced(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }
