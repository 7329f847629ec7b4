package page

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What ReadForm refuses. The three are the sender's fault: 413, 400, 400.
var (
	ErrFormTooLarge  = errors.New("form larger than allowed")
	ErrFormMalformed = errors.New("form not readable")
	ErrFormRepeated  = errors.New("field sent more than once")
)

// Form is what was typed, with what is wrong about it. The zero value is an
// empty form; a page that shows one for the first time may fill it with Set.
type Form struct {
	Values url.Values
	Errors []FieldError
}

// FieldError is one error, under its field and in the summary. Text starts
// with what to do: « Saisissez … », « Choisissez … ».
type FieldError struct{ Field, Text string }

// ReadForm reads the body of an urlencoded POST of at most maxBytes. Fields
// named in multi may come several times (checkboxes); any other repeated field
// is refused. Values are left exactly as sent: CleanText and Form.Text judge
// them. The query is not read.
func ReadForm(r *http.Request, maxBytes int64, multi ...string) (Form, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return Form{}, fmt.Errorf("%w: it is not urlencoded", ErrFormMalformed)
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxBytes)
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return Form{}, ErrFormTooLarge
		}
		return Form{}, ErrFormMalformed // the cause may hold what was typed
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && !slices.Contains(multi, name) {
			return Form{}, ErrFormRepeated
		}
		for _, value := range values {
			if !utf8.ValidString(value) {
				return Form{}, ErrFormMalformed
			}
		}
	}
	return Form{Values: r.PostForm}, nil
}

// Get is the field's value as typed, "" when absent.
func (f Form) Get(field string) string { return f.Values.Get(field) }

// All is every value of a field that may come several times.
func (f Form) All(field string) []string { return f.Values[field] }

// Chosen says whether value is among the field's values.
func (f Form) Chosen(field, value string) bool {
	return slices.Contains(f.Values[field], value)
}

// Set prefills a field.
func (f *Form) Set(field string, values ...string) {
	if f.Values == nil {
		f.Values = url.Values{}
	}
	f.Values[field] = values
}

// Fail adds an error to a field. Only the first of a field is shown under it.
func (f *Form) Fail(field, text string) {
	f.Errors = append(f.Errors, FieldError{field, text})
}

// Invalid says whether the form has errors: answer 422 with the same page, and
// set Layout.Invalid.
func (f Form) Invalid() bool { return len(f.Errors) > 0 }

// ErrorFor is the first error of the field, "" when it has none.
func (f Form) ErrorFor(field string) string {
	for _, e := range f.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

// Text reads one line through CleanText and notes its problem as the field's
// error. An empty field is an error when missing, the sentence for it, is not
// empty.
func (f *Form) Text(field string, max int, missing string) string {
	return f.noted(field, missing, max, CleanText)
}

// Lines is Text for a textarea.
func (f *Form) Lines(field string, max int, missing string) string {
	return f.noted(field, missing, max, CleanLines)
}

func (f *Form) noted(field, missing string, max int, clean func(string, int) (string, string)) string {
	text, problem := clean(f.Get(field), max)
	if problem == "" && text == "" {
		problem = missing
	}
	if problem != "" {
		f.Fail(field, problem)
		return ""
	}
	return text
}

// OneOf reads a choice; anything but one of allowed is the error missing.
func (f *Form) OneOf(field, missing string, allowed ...string) string {
	value := f.Get(field)
	if !slices.Contains(allowed, value) {
		f.Fail(field, missing)
		return ""
	}
	return value
}

// Date reads the three inputs of a date field (field-jour, field-mois,
// field-annee) into AAAA-MM-JJ. With partial, day or day and month may be left
// empty and become 00, as in civil records. Errors are noted under field.
func (f *Form) Date(field string, partial bool) string {
	day, okDay := f.number(field+"-jour", 31, partial)
	month, okMonth := f.number(field+"-mois", 12, partial)
	year, okYear := f.number(field+"-annee", 9999, false)
	if !okDay || !okMonth || !okYear || year < 1850 {
		f.Fail(field, "Saisissez la date avec des chiffres : jour, mois, puis année sur quatre chiffres.")
		return ""
	}
	if month == 0 && day != 0 {
		f.Fail(field, "Saisissez le mois, ou laissez aussi le jour vide.")
		return ""
	}
	if day != 0 && time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		f.Fail(field, "Vérifiez la date : ce jour n’existe pas dans le calendrier.")
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

func (f Form) number(field string, max int, empty bool) (int, bool) {
	text := strings.TrimSpace(f.Get(field))
	if text == "" {
		return 0, empty
	}
	if len(text) > 4 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n <= max && (n > 0 || empty)
}
