package mandat_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"relais/internal/acte"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
)

// refusal holds an error with its trace: denied for a reason, in the mandat's
// stream; "" for none.
func refusal(t *testing.T, name string, fact journal.Fact, err, want error, reason string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", name, err, want)
	}
	if reason == "" {
		if !fact.IsZero() {
			t.Errorf("%s: fact %+v, want none", name, fact)
		}
		return
	}
	if fact.Outcome() != journal.Denied || fact.Reason() != reason || fact.Stream() != "m-1" || fact.Check() != nil {
		t.Errorf("%s: fact %+v, want the refusal %s", name, fact, reason)
	}
}

func TestEntrust(t *testing.T) {
	m := after(t, entrust)
	if m.Texte.Body != texte().Body || !m.EndsAt.Equal(endsAt) || len(m.Replaces) != 1 || !m.Signature.EntrustedAt.Equal(now) {
		t.Errorf("Entrust = %+v", m)
	}
	_, fact, err := after(t).Entrust(acte.Texte{}, nil, endsAt, by("a-1"), now)
	refusal(t, "no text", fact, err, mandat.ErrState, "")
	_, fact, err = after(t).Entrust(texte(), nil, now, by("a-1"), now)
	refusal(t, "an end that has passed", fact, err, mandat.ErrEnded, "")
	again := after(t, append(append([]step{}, toGiven...), entrust)...)
	if again.Signature != (mandat.Signature{EntrustedAt: now}) {
		t.Errorf("a second Entrust keeps steps of the first: %+v", again.Signature)
	}
}

// TestNoCircle: a login that is ours, or cannot be told from ours, signs nothing.
func TestNoCircle(t *testing.T) {
	for name, ids := range map[string][2]string{
		"our own": {"relais", "relais"}, "unnamed": {"", "relais"}, "our name unknown": {"idp-1", ""}, "both unknown": {"", ""},
	} {
		w := who()
		w.IDP, w.OwnIDP = ids[0], ids[1]
		m := after(t, entrust)
		next, fact, err := m.Identify(w, time.UTC, now)
		refusal(t, name, fact, err, mandat.ErrCircle, "cercle")
		if next.Signature != m.Signature || fact.Actor().Type != journal.ActorUsager || fact.Actor().Ref != "" {
			t.Errorf("%s: %+v, actor %+v", name, next.Signature, fact.Actor())
		}
	}
}

// TestOfAge counts the day in the structure's zone, at both ends of it.
func TestOfAge(t *testing.T) {
	for _, name := range []string{"Europe/Paris", "Indian/Reunion", "Pacific/Noumea", "America/Cayenne"} {
		loc := zone(t, name)
		birthday := time.Date(2026, 11, 21, 0, 0, 0, 0, loc)
		for at, ok := range map[time.Time]bool{birthday.Add(-time.Second): false, birthday.AddDate(0, 0, -1): false, birthday: true, birthday.Add(24*time.Hour - time.Second): true} {
			w := who()
			w.Pivot.Birthdate = "2008-11-21"
			_, fact, err := after(t, entrust).Identify(w, loc, at.UTC())
			if ok && err != nil {
				t.Errorf("%s at %s: %v", name, at, err)
			}
			if !ok {
				refusal(t, name, fact, err, mandat.ErrMinor, "mineur")
			}
		}
	}
	for born, ok := range map[identite.Birthdate]bool{"2008-00-00": false, "2008-11-00": false, "2008-10-00": true, "2007-00-00": true} {
		w := who()
		w.Pivot.Birthdate = born
		if _, _, err := after(t, entrust).Identify(w, time.UTC, now); (err == nil) != ok {
			t.Errorf("born %s: %v", born, err)
		}
	}
}

func TestIdentifyIncomplete(t *testing.T) {
	w := who()
	w.Pivot.Birthplace = "None"
	_, fact, err := after(t, entrust).Identify(w, time.UTC, now)
	refusal(t, "no birthplace", fact, err, identite.ErrInvalid, "identite_incomplete")
}

func TestStepsForget(t *testing.T) {
	if m := after(t, entrust, identify, confirm, identify); !m.Signature.ConfirmedAt.IsZero() || m.Signature.EmailSafe {
		t.Errorf("a second identification keeps the confirmation of the first: %+v", m.Signature)
	}
	m, fact, err := unidentify(after(t, entrust, identify, confirm))
	if err != nil || m.Signature != (mandat.Signature{EntrustedAt: now}) || m.Texte.IsZero() || fact.Outcome() != journal.Denied || fact.Reason() != "pas_moi" {
		t.Errorf("Unidentify = %+v, %+v, %v", m.Signature, fact, err)
	}
	m = after(t, entrust, identify, confirm, decline)
	if s := m.Signature; s.DeclinedAt.IsZero() || !s.IdentifiedAt.IsZero() || s.EmailSafe || m.State != mandat.Brouillon {
		t.Errorf("Decline = %+v", s)
	}
	m = after(t, entrust, identify, confirm, takeBack)
	if s := m.Signature; s != (mandat.Signature{TakenBackAt: s.TakenBackAt}) || s.TakenBackAt.IsZero() {
		t.Errorf("an aidant who takes the desk back goes on as the usager: %+v", s)
	}
}

func TestGiveBindsTheText(t *testing.T) {
	m := after(t, entrust, identify, confirm)
	given, fact, err := give(m)
	if err != nil || given.Signature.GivenAt.IsZero() || !strings.Contains(string(bytesOf(t, fact)), texte().Nonce()) {
		t.Errorf("Give = %+v, %v; the fact must carry the text's digest", fact, err)
	}
}

func bytesOf(t *testing.T, f journal.Fact) []byte {
	t.Helper()
	b, err := journal.Entry{ID: "e", At: now, Fact: f, StreamSeq: 1}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSign(t *testing.T) {
	returned := after(t, append(append([]step{}, toGiven...), takeBack)...)
	evidence := strings.Repeat("e", 64)
	at := now.Add(5 * time.Minute)
	m, fact, err := returned.Sign("u-1", []mandat.Replacement{{MandatID: "old", Domaine: "logement"}}, evidence, by("a-2"), at)
	if err != nil || m.State != mandat.Actif || m.UsagerID != "u-1" || m.AcceptedBy != "a-2" || !m.SignedAt.Equal(at) {
		t.Fatalf("Sign = %+v, %v", m, err)
	}
	if b := string(bytesOf(t, fact)); !strings.Contains(b, evidence) || !strings.Contains(b, texte().Nonce()) || !strings.Contains(b, "2026-11-21") || strings.Contains(b, "u-1") {
		t.Errorf("the entry of the signature: %s", b)
	}
	_, fact, err = after(t, entrust, identify, confirm).Sign("u-1", nil, evidence, by("a-1"), at)
	refusal(t, "before the usager gave", fact, err, mandat.ErrState, "")
	_, fact, err = after(t, toGiven...).Sign("u-1", nil, evidence, by("a-1"), at)
	refusal(t, "before the desk was taken back", fact, err, mandat.ErrState, "")
	_, fact, err = returned.Sign("", nil, evidence, by("a-1"), at)
	refusal(t, "by nobody", fact, err, mandat.ErrState, "")
	_, fact, err = returned.Sign("u-1", nil, "", by("a-1"), at)
	refusal(t, "without evidence", fact, err, mandat.ErrState, "")
	_, fact, err = returned.Sign("u-1", nil, evidence, by("a-1"), endsAt)
	refusal(t, "a text whose end has passed", fact, err, mandat.ErrEnded, "texte_perime")
	for name, o := range map[string]mandat.Replacement{
		"another mandat's":         {MandatID: "older", Domaine: "logement"},
		"another domaine's":        {MandatID: "old", Domaine: "argent"},
		"replaced in neither part": {MandatID: "x", Domaine: "y"},
	} {
		same, fact, err := returned.Sign("u-1", []mandat.Replacement{{MandatID: "old", Domaine: "logement"}, o}, evidence, by("a-1"), at)
		refusal(t, "overlap: "+name, fact, err, mandat.ErrOverlap, "chevauchement")
		if same.State != mandat.Brouillon {
			t.Errorf("%s: state %s", name, same.State)
		}
	}
}

// TestTakenBackBeforeGiven: a desk taken back first cannot count for a mandat
// given later at another screen.
func TestTakenBackBeforeGiven(t *testing.T) {
	m := after(t, entrust, identify, confirm, takeBack)
	if _, _, err := give(m); !errors.Is(err, mandat.ErrState) {
		t.Errorf("Give after the desk was taken back = %v", err)
	}
	m = after(t, entrust, identify, confirm, give)
	m.Signature.TakenBackAt = m.Signature.GivenAt.Add(-time.Second)
	if _, _, err := sign(m); !errors.Is(err, mandat.ErrState) {
		t.Errorf("Sign on an older taking back = %v", err)
	}
}
