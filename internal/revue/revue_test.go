package revue_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"relais/internal/journal"
	"relais/internal/revue"
)

var (
	at     = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	thomas = journal.Actor{Type: journal.ActorAidant, Ref: "a-thomas"}
	other  = journal.Actor{Type: journal.ActorAidant, Ref: "a-autre"}
)

func asked() revue.Revue {
	f := journal.Filter{Action: journal.MandatSign, Scope: journal.Scope{Structure: "ccas"}}
	return revue.Revue{ID: "rv1", AuditeurID: "a-thomas", MissionID: "mi1", Scope: f.Scope, Title: "Signatures de novembre (n° 3)",
		Criteria: revue.Criteria(f), Seed: seedOf(1), Size: 100, N: 3, Salt: journal.NewSalt()}
}

func opened(t *testing.T) revue.Revue {
	t.Helper()
	r, fact, err := revue.Open(asked(), []int64{4, 17, 63}, thomas, at)
	if err != nil || fact.Check() != nil || fact.Action() != journal.RevueOpen || fact.Detail("graine") != r.Seed || fact.Detail("taille") != "100" ||
		fact.Detail("n") != "3" || fact.Detail("mission") != "mi1" || fact.Detail("echantillon") != revue.SampleDigest([]int64{4, 17, 63}) {
		t.Fatalf("Open = %+v, %+v, %v", r, fact, err)
	}
	return r
}

func TestOpen(t *testing.T) {
	r := opened(t)
	if r.Closed() || r.Done() != 0 || r.Count("") != 3 || !r.OpenedAt.Equal(at) {
		t.Errorf("%+v", r)
	}
	for name, change := range map[string]func(r *revue.Revue, sample *[]int64) error{
		"no title":       func(r *revue.Revue, _ *[]int64) error { r.Title = ""; return revue.ErrInvalid },
		"hidden letters": func(r *revue.Revue, _ *[]int64) error { r.Title = "a\u202eb"; return revue.ErrInvalid },
		"a long title":   func(r *revue.Revue, _ *[]int64) error { r.Title = strings.Repeat("é", 121); return revue.ErrInvalid },
		"none":           func(r *revue.Revue, _ *[]int64) error { r.N = 0; return revue.ErrInvalid },
		"too many":       func(r *revue.Revue, _ *[]int64) error { r.N = 201; return revue.ErrInvalid },
		"seed":           func(r *revue.Revue, _ *[]int64) error { r.Seed = "12"; return revue.ErrInvalid },
		"salt":           func(r *revue.Revue, _ *[]int64) error { r.Salt = nil; return revue.ErrInvalid },
		"criteria":       func(r *revue.Revue, _ *[]int64) error { r.Criteria = "x=1"; return revue.ErrInvalid },
		"another scope":  func(r *revue.Revue, _ *[]int64) error { r.Scope = journal.Scope{}; return revue.ErrInvalid },
		"empty journal":  func(r *revue.Revue, _ *[]int64) error { r.Size = 0; return revue.ErrEmpty },
		"empty sample":   func(_ *revue.Revue, s *[]int64) error { *s = nil; return revue.ErrEmpty },
		"large sample":   func(_ *revue.Revue, s *[]int64) error { *s = []int64{1, 2, 3, 4}; return revue.ErrInvalid },
		"beyond":         func(_ *revue.Revue, s *[]int64) error { *s = []int64{1, 100}; return revue.ErrInvalid },
		"unsorted":       func(_ *revue.Revue, s *[]int64) error { *s = []int64{9, 1}; return revue.ErrInvalid },
	} {
		bad, sample := asked(), []int64{4, 17, 63}
		want := change(&bad, &sample)
		if _, fact, err := revue.Open(bad, sample, thomas, at); !errors.Is(err, want) || !fact.IsZero() {
			t.Errorf("%s: %v, %+v", name, err, fact)
		}
	}
}

func TestAnnotate(t *testing.T) {
	r := opened(t)
	first, fact, err := r.Annotate(17, revue.Unclear, "Signée un dimanche.\nDemander pourquoi.", thomas)
	if err != nil || fact.Check() != nil || fact.Detail("entree") != "17" || fact.Detail("marque") != "a_eclaircir" || fact.Detail("engagement") == "" {
		t.Fatalf("%+v, %v", fact, err)
	}
	if r.Done() != 0 || first.Done() != 1 || first.Rev != 2 {
		t.Error("the receiver was changed, or nothing was")
	}
	again, second, err := first.Annotate(17, revue.Fine, "", thomas)
	if err != nil || again.Done() != 1 || again.Lines[1].Mark != revue.Fine || again.Lines[1].Note != "" {
		t.Errorf("%+v, %v", again, err)
	}
	if third, _, _ := first.Annotate(17, revue.Fine, "", thomas); second.Detail("engagement") == "" || string(third.Lines[1].Salt) == string(again.Lines[1].Salt) {
		t.Error("the same note is recognised in the journal")
	}
	for name, x := range map[string]struct {
		index int64
		mark  revue.Mark
		note  string
		by    journal.Actor
		err   error
	}{
		"not drawn":        {18, revue.Fine, "", thomas, revue.ErrNotFound},
		"no mark":          {17, "", "", thomas, revue.ErrInvalid},
		"unknown mark":     {17, "bof", "x", thomas, revue.ErrInvalid},
		"anomaly unsaid":   {17, revue.Anomaly, "", thomas, revue.ErrInvalid},
		"a long note":      {17, revue.Fine, strings.Repeat("a", 1001), thomas, revue.ErrInvalid},
		"another auditeur": {17, revue.Fine, "", other, revue.ErrOther},
	} {
		if _, fact, err := r.Annotate(x.index, x.mark, x.note, x.by); !errors.Is(err, x.err) || !fact.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func marked(t *testing.T) revue.Revue {
	t.Helper()
	r := opened(t)
	for i, index := range r.Indexes() {
		var err error
		if r, _, err = r.Annotate(index, revue.Marks()[i], "note", thomas); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestClose(t *testing.T) {
	head := journal.Head{Size: 140, Root: journal.EmptyRoot()}
	if _, _, err := opened(t).Close("Rien à dire.", head, thomas, at); !errors.Is(err, revue.ErrUnfinished) {
		t.Errorf("unfinished: %v", err)
	}
	r := marked(t)
	for name, x := range map[string]struct {
		conclusion string
		by         journal.Actor
		err        error
	}{"nothing said": {"", thomas, revue.ErrInvalid}, "too much": {strings.Repeat("a", 4001), thomas, revue.ErrInvalid}, "other": {"x", other, revue.ErrOther}} {
		if _, fact, err := r.Close(x.conclusion, head, x.by, at); !errors.Is(err, x.err) || !fact.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	closed, fact, err := r.Close("Une anomalie.", head, thomas, at.Add(time.Hour))
	if err != nil || fact.Check() != nil || fact.Detail("anomalies") != "1" || fact.Detail("conformes") != "1" || fact.Detail("a_eclaircir") != "1" ||
		fact.Detail("taille") != "140" || fact.Detail("racine") != head.Root.String() || !closed.Closed() {
		t.Fatalf("%+v, %+v, %v", closed, fact, err)
	}
	if _, _, err := closed.Annotate(17, revue.Fine, "", thomas); !errors.Is(err, revue.ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
	if _, _, err := closed.Close("Autre.", head, thomas, at); !errors.Is(err, revue.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if fact := closed.Read(other); fact.Check() != nil || fact.Action() != journal.RevueView {
		t.Error(fact)
	}
}

// record is a fact as its entry says it.
func record(t *testing.T, f journal.Fact, index int64) journal.Record {
	t.Helper()
	body, err := journal.Entry{ID: "e", At: at, Fact: f}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	rec, err := journal.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	rec.Index = index
	return rec
}

// TestSealed: each change of a closed review behind the journal's back shows.
func TestSealed(t *testing.T) {
	r := asked()
	r, openFact, err := revue.Open(r, []int64{4, 17}, thomas, at)
	if err != nil {
		t.Fatal(err)
	}
	r, _, _ = r.Annotate(4, revue.Fine, "", thomas)
	r, _, _ = r.Annotate(17, revue.Anomaly, "sans motif", thomas)
	r, closeFact, err := r.Close("Une anomalie.", journal.Head{Size: 140, Root: journal.EmptyRoot()}, thomas, at)
	if err != nil {
		t.Fatal(err)
	}
	r.OpenEntry, r.CloseEntry = 100, 140
	o, c := record(t, openFact, 100), record(t, closeFact, 140)
	if !r.Sealed(o, c) {
		t.Fatal("an untouched review is refused")
	}
	if r.Sealed(c, o) || r.Sealed(journal.Record{}, c) {
		t.Error("other entries are taken")
	}
	for name, change := range map[string]func(r *revue.Revue){
		"title":    func(r *revue.Revue) { r.Title = "Autre" },
		"criteria": func(r *revue.Revue) { r.Criteria = "" },
		"seed":     func(r *revue.Revue) { r.Seed = seedOf(2) },
		"size":     func(r *revue.Revue) { r.Size = 99 },
		"n":        func(r *revue.Revue) { r.N = 4 },
		"sample": func(r *revue.Revue) {
			r.Lines = []revue.Line{{Index: 5, Mark: r.Lines[0].Mark, Salt: r.Lines[0].Salt}, r.Lines[1]}
		},
		"mark": func(r *revue.Revue) {
			r.Lines = []revue.Line{r.Lines[0], {Index: 17, Mark: revue.Fine, Note: "sans motif", Salt: r.Lines[1].Salt}}
		},
		"note": func(r *revue.Revue) {
			r.Lines = []revue.Line{r.Lines[0], {Index: 17, Mark: revue.Anomaly, Note: "rien", Salt: r.Lines[1].Salt}}
		},
		"conclusion":  func(r *revue.Revue) { r.Conclusion = "Rien à dire." },
		"head":        func(r *revue.Revue) { r.Head.Size++ },
		"close entry": func(r *revue.Revue) { r.CloseEntry++ },
		"identity":    func(r *revue.Revue) { r.ID = "rv2" },
	} {
		bad := r
		change(&bad)
		if bad.Sealed(o, c) {
			t.Errorf("another %s is not noticed", name)
		}
	}
}

func TestReadable(t *testing.T) {
	ccas, d25, all := journal.Scope{Structure: "ccas"}, journal.Scope{Departement: "25"}, journal.Scope{}
	for _, x := range []struct {
		who    string
		scope  journal.Scope
		of     journal.Scope
		closed bool
		err    error
	}{
		{"a-thomas", ccas, ccas, false, nil},
		{"a-thomas", all, ccas, false, nil},
		{"a-thomas", d25, ccas, false, nil},
		{"a-thomas", journal.Scope{Departement: "39"}, ccas, false, revue.ErrScope},
		{"a-thomas", journal.Scope{Structure: "mairie"}, ccas, false, revue.ErrScope},
		{"a-thomas", ccas, d25, false, revue.ErrScope},
		{"a-thomas", d25, d25, false, nil},
		{"a-thomas", ccas, all, false, revue.ErrScope},
		{"a-thomas", all, all, false, nil},
		{"a-autre", ccas, ccas, false, revue.ErrOther},
		{"a-autre", ccas, ccas, true, nil},
		{"a-autre", ccas, all, true, revue.ErrScope},
	} {
		r := revue.Revue{AuditeurID: "a-thomas", Scope: x.of}
		if x.closed {
			r.ClosedAt = at
		}
		if err := r.Readable(x.who, x.scope, "25"); !errors.Is(err, x.err) {
			t.Errorf("%+v: %v", x, err)
		}
	}
}

// TestCriteria: each field of a filter but the page is a criterion, and comes
// back.
func TestCriteria(t *testing.T) {
	if revue.Criteria(journal.Filter{Before: 3, Limit: 9}) != "" {
		t.Error("the page is a criterion")
	}
	var f journal.Filter
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		for i := range v.NumField() {
			switch field := v.Field(i); {
			case field.Type() == reflect.TypeFor[time.Time]():
				field.Set(reflect.ValueOf(at.Add(time.Duration(i) * time.Hour)))
			case field.Kind() == reflect.String:
				field.SetString(strings.ToLower(v.Type().Field(i).Name) + ":1|2&=%é"[:6])
			case field.Kind() == reflect.Struct:
				fill(field)
			}
		}
	}
	fill(reflect.ValueOf(&f).Elem())
	text := revue.Criteria(f)
	got, err := revue.ParseCriteria(text)
	if err != nil || got != f {
		t.Errorf("ParseCriteria(%s) = %+v, %v, want %+v", text, got, err, f)
	}
	for _, bad := range []string{"x=1", "action=", "action=a&action=b", "issue=ok&action=a", "depuis=hier", "mandat=a%20b", "mandat=%C3%A9", "%", "action=" + strings.Repeat("a", 201),
		"depuis=2026-11-22T10%3A00%3A00%2B01%3A00"} {
		if _, err := revue.ParseCriteria(bad); !errors.Is(err, revue.ErrInvalid) {
			t.Errorf("ParseCriteria(%q) = %v", bad, err)
		}
	}
}

func TestLabels(t *testing.T) {
	for _, m := range append(revue.Marks(), "") {
		if m.Label() == string(m) {
			t.Errorf("%q has no French", m)
		}
	}
	if a, b := revue.NewID(), revue.NewID(); a == b || len(a) != 18 {
		t.Errorf("NewID = %s, %s", a, b)
	}
}

// FuzzParseCriteria: what is accepted is exactly what Criteria writes.
func FuzzParseCriteria(f *testing.F) {
	for _, s := range []string{"", "action=mandat.sign&issue=ok", "depuis=2026-11-01T00%3A00%3A00Z", "perimetre-structure=ccas", "%", "a;b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := revue.ParseCriteria(s)
		if err == nil && revue.Criteria(got) != s {
			t.Errorf("%q is accepted and written %q", s, revue.Criteria(got))
		}
		if err != nil && !errors.Is(err, revue.ErrInvalid) {
			t.Error(err)
		}
	})
}
