package journal_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"relais/internal/journal"
)

func aidantA() journal.Actor {
	return journal.Actor{Type: journal.ActorAidant, Ref: "aidant-1", Auth: "proconnect:eidas1-mfa"}
}

func signed() journal.Fact {
	return journal.NewFact(aidantA(), journal.MandatSign, journal.Object{Type: "mandat", ID: "m-1"}).OfMandat("m-1").With("texte", "2026-11-21")
}

func TestFactCheckAccepts(t *testing.T) {
	for name, f := range map[string]journal.Fact{
		"signed":          signed(),
		"denied":          signed().Denied("chevauchement"),
		"failed":          signed().Failed("panne"),
		"nobody":          journal.NewFact(journal.Nobody(), journal.SessionRefuse, journal.Object{Type: "session"}),
		"the system":      journal.NewFact(journal.Systeme(), journal.KeysSeen, journal.Object{Type: "fournisseur", ID: "http://127.0.0.1:8082/api/v2"}),
		"quotes, angles":  signed().With("q", `"\<&>'`),
		"200 characters":  signed().Because(strings.Repeat("x", 200)),
		"an empty detail": signed().With("rien", ""),
	} {
		if err := f.Check(); err != nil {
			t.Errorf("%s: Check = %v", name, err)
		}
	}
}

// TestFactCheckRefuses: whatever is not a code stays out, wherever it stands.
func TestFactCheckRefuses(t *testing.T) {
	object := journal.Object{Type: "mandat", ID: "m-1"}
	bad := map[string]journal.Fact{
		"zero":           {},
		"zero, dressed":  journal.Fact{}.Because("x").OfMandat("m-1").With("a", "b"),
		"unknown action": journal.NewFact(aidantA(), "mandat.erase", object),
		"empty action":   journal.NewFact(aidantA(), "", object),
		"no actor":       journal.NewFact(journal.Actor{}, journal.MandatSign, object),
		"unknown actor":  journal.NewFact(journal.Actor{Type: "robot"}, journal.MandatSign, object),
		"no object":      journal.NewFact(aidantA(), journal.MandatSign, journal.Object{ID: "m-1"}),
		"detail's key":   signed().With("Nom", "x"),
		"key of a blank": signed().With("a b", "x"),
		"empty key":      signed().With("", "x"),
	}
	for name, v := range map[string]string{
		"a sentence": "Jeanne a signé", "a full name": "Jeanne Martin", "an accent": "Lefèvre", "a blank": "a b", "an end of line": "a\n",
		"a control": "a\x00", "a delete": "a\x7f", "a no-break blank": "a\u00a0b", "bidi": "a\u202eb", "not UTF-8": "\xff", "201": strings.Repeat("x", 201),
	} {
		bad["reason: "+name] = signed().Because(v)
		bad["denied: "+name] = signed().Denied(v)
		bad["detail: "+name] = signed().With("detail", v)
		bad["stream: "+name] = signed().OfMandat(v)
		bad["object: "+name] = journal.NewFact(aidantA(), journal.MandatSign, journal.Object{Type: "mandat", ID: v})
		bad["type: "+name] = journal.NewFact(aidantA(), journal.MandatSign, journal.Object{Type: v})
		bad["ref: "+name] = journal.NewFact(journal.Actor{Type: journal.ActorAidant, Ref: v}, journal.MandatSign, object)
		bad["auth: "+name] = journal.NewFact(journal.Actor{Type: journal.ActorAidant, Auth: v}, journal.MandatSign, object)
	}
	for name, f := range bad {
		err := f.Check()
		if !errors.Is(err, journal.ErrFact) {
			t.Errorf("%s: Check = %v, want ErrFact", name, err)
		}
		if _, err := (journal.Entry{ID: "1", At: moment, Fact: f, StreamSeq: 1}).Canonical(); !errors.Is(err, journal.ErrFact) {
			t.Errorf("%s: Canonical = %v, want ErrFact", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "Jeanne") {
			t.Errorf("%s: %v tells what it refused", name, err)
		}
	}
}

func TestFactIsAValue(t *testing.T) {
	f := signed()
	before := fmt.Sprintf("%+v", f)
	f.With("texte", "autre").With("b", "c").Because("x").Denied("y").OfMandat("z")
	if after := fmt.Sprintf("%+v", f); after != before {
		t.Errorf("a fact changed under its builders:\n%s\n%s", before, after)
	}
	d := f.Denied("chevauchement")
	if d.Outcome() != journal.Denied || d.Reason() != "chevauchement" || f.Outcome() != journal.OK || d.Stream() != "m-1" ||
		d.Action() != journal.MandatSign || d.Actor() != aidantA() || d.IsZero() || !(journal.Fact{}).IsZero() {
		t.Errorf("accessors: %+v", d)
	}
}

func TestActions(t *testing.T) {
	labels := map[string]journal.Action{}
	for _, a := range journal.Actions() {
		if a.Label() == string(a) || a.Class() != journal.Evidence && a.Class() != journal.Access {
			t.Errorf("%s: label %q, class %q", a, a.Label(), a.Class())
		}
		if other, twice := labels[a.Label()]; twice {
			t.Errorf("%s and %s have one label", a, other)
		}
		labels[a.Label()] = a
		if err := journal.NewFact(journal.Systeme(), a, journal.Object{Type: "x"}).Check(); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, a := range []journal.Action{journal.MandatSign, journal.MandatRevoke, journal.DelegationUse, journal.DelegationShow} {
		if a.Class() != journal.Evidence {
			t.Errorf("%s is not evidence", a)
		}
	}
	for _, a := range []journal.Action{journal.MandatView, journal.JournalSearch, journal.SessionRefuse} {
		if a.Class() != journal.Access {
			t.Errorf("%s is not an access entry", a)
		}
	}
	if u := journal.Action("x.y"); u.Label() != "x.y" || u.Class() != "" {
		t.Errorf("unknown action: %q, %q", u.Label(), u.Class())
	}
	if len(maps.Clone(labels)) < 30 {
		t.Errorf("%d actions", len(labels))
	}
}
