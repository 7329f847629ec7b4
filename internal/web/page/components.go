package page

import (
	"fmt"
	"strings"
)

// Link is an address with its text.
type Link struct{ Href, Text string }

// Option is one choice of a radio group, checkbox group or select.
type Option struct {
	Value, Label string
	Hint         string // below the label, optional
	Checked      bool   // chosen when the form has no value for the field yet
	Disabled     bool   // shown, cannot be chosen; say why in Hint
}

// Field is the value of every form component. Templates make it with
//
//	field .Form "name" "Label" ["key" value]…
//
// Keys: hint, type, autocomplete, inputmode, max, width (2, 4, 10, 20), rows,
// options ([]Option), value (when nothing was typed), required, large,
// columns, spellcheck, legendHeading.
type Field struct {
	Name, Label, Hint, Error           string
	Type, Autocomplete, Inputmode      string
	Value, Day, Month, Year            string
	Max, Width, Rows                   int
	Options                            []Option
	Required, Large, Columns, LegendH1 bool
	Spellcheck                         bool
}

// ID is stable: the field's name. Each option's is name-value; the error's is
// name-erreur and the hint's name-aide.
func (f Field) ID() string { return f.Name }

// OptionID is the id of an option's input. The first one is the field's own
// id, so that a link of the error summary lands on it.
func (f Field) OptionID(i int) string {
	if i == 0 {
		return f.Name
	}
	return f.Name + "-" + f.Options[i].Value
}

// DescribedBy lists the ids of hint and error, for aria-describedby.
func (f Field) DescribedBy() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.Name+"-aide")
	}
	if f.Error != "" {
		ids = append(ids, f.Name+"-erreur")
	}
	return strings.Join(ids, " ")
}

func newField(form Form, name, label string, pairs ...any) (Field, error) {
	f := Field{
		Name: name, Label: label, Error: form.ErrorFor(name),
		Type: "text", Value: form.Get(name), Rows: 4,
		Day: form.Get(name + "-jour"), Month: form.Get(name + "-mois"), Year: form.Get(name + "-annee"),
	}
	if len(pairs)%2 != 0 {
		return f, fmt.Errorf("field %s: an even number of settings is needed", name)
	}
	for i := 0; i < len(pairs); i += 2 {
		if err := f.set(pairs[i], pairs[i+1]); err != nil {
			return f, fmt.Errorf("field %s: %w", name, err)
		}
	}
	f.choose(form)
	return f, nil
}

// choose marks the options that were sent; before anything was sent, those the
// page proposes stay marked.
func (f *Field) choose(form Form) {
	if !form.Values.Has(f.Name) && !form.Invalid() {
		return
	}
	options := make([]Option, len(f.Options))
	for i, option := range f.Options {
		option.Checked = form.Chosen(f.Name, option.Value)
		options[i] = option
	}
	f.Options = options
}

func (f *Field) set(key, value any) error {
	var ok bool
	switch key {
	case "hint":
		f.Hint, ok = value.(string)
	case "type":
		f.Type, ok = value.(string)
	case "autocomplete":
		f.Autocomplete, ok = value.(string)
	case "inputmode":
		f.Inputmode, ok = value.(string)
	case "value":
		var proposed string
		if proposed, ok = value.(string); f.Value == "" {
			f.Value = proposed
		}
	case "max":
		f.Max, ok = value.(int)
	case "width":
		f.Width, ok = value.(int)
	case "rows":
		f.Rows, ok = value.(int)
	case "options":
		f.Options, ok = value.([]Option)
	default:
		return f.setFlag(key, value)
	}
	if !ok {
		return fmt.Errorf("%v cannot be a %T", key, value)
	}
	return nil
}

func (f *Field) setFlag(key, value any) error {
	on, ok := value.(bool)
	if !ok {
		return fmt.Errorf("setting %v is unknown, or cannot be a %T", key, value)
	}
	switch key {
	case "required":
		f.Required = on
	case "large":
		f.Large = on
	case "columns":
		f.Columns = on
	case "legendHeading":
		f.LegendH1 = on
	case "spellcheck":
		f.Spellcheck = on
	default:
		return fmt.Errorf("setting %v is unknown", key)
	}
	return nil
}

// kindWords say in words what colour says, and are part of the text.
var kindWords = map[string]string{
	"success": "C’est fait", "info": "À savoir", "warning": "Attention", "error": "Erreur",
}

// Alert is a message in the page. Kind is as in Flash.
type Alert struct{ Kind, Heading, Text string }

// Word is the kind in words.
func (a Alert) Word() string { return kindWords[a.Kind] }

// Word is the kind in words.
func (f Flash) Word() string { return kindWords[f.Kind] }

func newAlert(kind, heading, text string) (Alert, error) {
	if kindWords[kind] == "" {
		return Alert{}, fmt.Errorf("alert: kind %q is unknown", kind)
	}
	return Alert{kind, heading, text}, nil
}

// Tag is a short state in words, such as « Actif ».
type Tag struct{ Kind, Text string }

func newTag(kind, text string) (Tag, error) {
	if kind != "neutral" && kindWords[kind] == "" {
		return Tag{}, fmt.Errorf("tag: kind %q is unknown", kind)
	}
	return Tag{kind, text}, nil
}

// Stepper is « Étape 2 sur 3 : … ». Next is empty on the last step.
type Stepper struct {
	Current, Total int
	Title, Next    string
}

// Marks is one boolean a step: done or current.
func (s Stepper) Marks() []bool {
	marks := make([]bool, s.Total)
	for i := range marks {
		marks[i] = i < s.Current
	}
	return marks
}

func newStepper(current, total int, title, next string) (Stepper, error) {
	if current < 1 || current > total || total > 8 {
		return Stepper{}, fmt.Errorf("stepper: step %d of %d", current, total)
	}
	return Stepper{current, total, title, next}, nil
}

// Pagination leads to older and newer entries; an empty address hides a link.
type Pagination struct{ Newer, Older, Label string }

func newPagination(newer, older, label string) Pagination {
	return Pagination{newer, older, label}
}

// Empty says what will be here and offers the next act.
type Empty struct {
	Heading, Text string
	Href, Action  string
}

func newEmpty(heading, text, href, action string) Empty {
	return Empty{heading, text, href, action}
}

// Table is a table that becomes a labelled list on narrow screens. The first
// cell of each row is its heading.
type Table struct {
	Caption string
	Hidden  bool // caption for screen readers only
	Columns []string
	Rows    [][]Cell
}

// Cell is text, a link when Href is set, a tag when Tag is.
type Cell struct {
	Text, Href string
	Tag        string // kind of Tag
	Number     bool   // tabular figures, no wrapping
}

// Item is one line of a description list.
type Item struct {
	Term, Text string
	Href       string // makes Text a link
	Change     Link   // « Modifier … »; its text must say what
}

// Proof is a confirmation panel: what changed, and the number to keep.
type Proof struct{ Heading, Text, Label, Number string }

// Picto is a pictogram with its words, for usager pages. Names: qui, quoi,
// duree, arreter, voir, papier, ecran, telephone, confidentiel, oui, non.
type Picto struct{ Name, Title, Text string }
