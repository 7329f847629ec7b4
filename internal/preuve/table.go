package preuve

import (
	"bufio"
	"encoding/csv"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"relais/internal/journal"
)

// Form is what an export is written as.
type Form string

// The forms. Only evidence proves anything.
const (
	Evidence Form = "preuve"
	CSV      Form = "csv"   // for people and their tables
	JSONL    Form = "jsonl" // the canonical bytes, one entry a line
)

// Forms lists them.
func Forms() []Form { return []Form{Evidence, CSV, JSONL} }

// Extracted is the fact of an export that proves nothing: sum is the SHA-256 of
// what is delivered, in hexadecimal. That of one mandat stands in its stream.
func Extracted(by journal.Actor, s Selection, form Form, count int64, sum string) journal.Fact {
	f := journal.NewFact(by, journal.JournalExport, journal.Object{Type: "journal"}).
		With("format", string(form)).With("entrees", strconv.FormatInt(count, 10)).With("sha256", sum).With("filtres", strings.Join(s.Names(), ","))
	if s.Mandat != "" {
		f = f.OfMandat(s.Mandat)
	}
	return f
}

// Undelivered is the fact that the export of the entry at index did not reach
// whoever asked for it whole; below 0 its index is not known.
func Undelivered(by journal.Actor, form Form, index int64) journal.Fact {
	f := journal.NewFact(by, journal.JournalExport, journal.Object{Type: "journal"}).With("format", string(form)).Failed("remise_interrompue")
	if index < 0 {
		return f
	}
	return f.With("export", strconv.FormatInt(index, 10))
}

// Table writes entries one by one.
type Table struct {
	out   *bufio.Writer
	csv   *csv.Writer // nil for JSONL
	names func(journal.Actor) (string, error)
	count int64
}

var columns = []string{"index", "id", "ts", "action", "libelle", "issue", "motif", "acteur_type", "acteur", "objet_type", "objet_id",
	"mandat", "compteur", "requete", "details", "contenu_supprime_par", "feuille_sha256"}

// NewTable begins a table of one of the two forms. names says what stands for an
// actor in a CSV; nil = the reference that the entry holds.
func NewTable(form Form, to io.Writer, names func(journal.Actor) (string, error)) (*Table, error) {
	t := &Table{out: bufio.NewWriter(to), names: names}
	if t.names == nil {
		t.names = func(a journal.Actor) (string, error) { return a.Ref, nil }
	}
	if form != CSV {
		return t, nil
	}
	t.csv = csv.NewWriter(t.out)
	t.csv.UseCRLF = true // RFC 4180
	return t, t.csv.Write(columns)
}

// Add writes the next entry: in JSONL its bytes exactly, or the line of
// docs/evidence.md where they are gone.
func (t *Table) Add(row journal.Row) error {
	text, err := line(row)
	if err != nil {
		return err
	}
	t.count++
	if t.csv == nil {
		_, err = t.out.Write(append(slices.Clip(text), '\n'))
		return err
	}
	_, r, err := readLine(row.Index, text)
	if err != nil {
		return err
	}
	actor, err := t.names(r.Actor)
	if err != nil {
		return err
	}
	fields := []string{strconv.FormatInt(row.Index, 10), r.ID, r.At.UTC().Format(timeLayout), string(r.Action), r.Action.Label(), string(r.Outcome), r.Reason,
		string(r.Actor.Type), actor, r.Object.Type, r.Object.ID, r.Mandat, number(r.StreamSeq), r.RequestID, details(r.Details), number(r.PrunedBy),
		hex.EncodeToString(row.Leaf[:])}
	for i, f := range fields {
		fields[i] = inert(f)
	}
	return t.csv.Write(fields)
}

// End finishes the table and tells how many entries it has.
func (t *Table) End() (int64, error) {
	if t.csv != nil {
		t.csv.Flush()
		if err := t.csv.Error(); err != nil {
			return t.count, err
		}
	}
	return t.count, t.out.Flush()
}

// inert keeps a spreadsheet from taking a field for a formula (OWASP, CSV
// injection). Dates and counters never begin so.
func inert(field string) string {
	if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
		return "'" + field
	}
	return field
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func details(d map[string]string) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(d)) {
		words = append(words, key+"="+d[key])
	}
	return strings.Join(words, " ")
}
