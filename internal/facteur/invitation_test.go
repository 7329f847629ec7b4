package facteur_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// person is an agent of a structure, with roles given by their first letters.
func person(id, structure, roles string) aidant.Aidant {
	a := aidant.Aidant{ID: id, OrganisationID: structure}
	for letter, role := range map[string]aidant.Role{"a": aidant.RoleAidant, "r": aidant.RoleReferent, "u": aidant.RoleAuditeur, "d": aidant.RoleAdministrateur} {
		if strings.Contains(roles, letter) {
			a.Roles = append(a.Roles, role)
		}
	}
	return a
}

func standing(a aidant.Aidant, factors int) facteur.Standing {
	return facteur.Standing{Aidant: a, Structure: organisation.Organisation{ID: a.OrganisationID}, Factors: factors}
}

func actor(a aidant.Aidant) journal.Actor { return a.Actor(aidantAuth) }

const aidantAuth = "proconnect:eidas1-mfa"

func TestCodeIsForgiving(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		code := facteur.NewCode()
		plain, ok := facteur.NormalCode(code)
		if !ok || len(plain) != 16 || seen[plain] {
			t.Fatalf("code %q reads as %q, %v", code, plain, ok)
		}
		seen[plain] = true
	}
	for typed, want := range map[string]string{
		"0123-4567-89AB-CDEF": "0123456789ABCDEF", " 0123 4567\u00a089ab – cdef ": "0123456789ABCDEF", "oIl2-4567-89ab-cdeu": "011245678" + "9ABCDEV",
	} {
		if got, ok := facteur.NormalCode(typed); !ok || got != want {
			t.Errorf("%q reads as %q, %v; want %q", typed, got, ok, want)
		}
	}
	for _, typed := range []string{"", "0123-4567-89AB-CDE", "0123-4567-89AB-CDEF0", "0123-4567-89AB-CDE*", "0123-4567-89AB-CDEÉ", strings.Repeat(" ", 200)} {
		if got, ok := facteur.NormalCode(typed); ok {
			t.Errorf("%q reads as %q", typed, got)
		}
	}
}

func TestMayGive(t *testing.T) {
	for _, c := range []struct {
		giver, to, roles string
		ok               bool
	}{
		{"r", "ccas", "a", true}, {"r", "ccas", "ar", true}, {"r", "ccas", "au", false}, {"r", "ccas", "d", false}, {"r", "mairie", "a", false},
		{"a", "ccas", "a", false}, {"u", "ccas", "a", false}, {"d", "mairie", "ud", true},
	} {
		err := facteur.MayGive(person("g", "ccas", c.giver), c.to, person("x", "", c.roles).Roles)
		if (err == nil) != c.ok {
			t.Errorf("%+v = %v", c, err)
		}
	}
	gone := person("g", "ccas", "d")
	gone.SuspendedAt = at
	if facteur.MayGive(gone, "ccas", nil) == nil {
		t.Error("a suspended administrateur gives")
	}
}

func TestInvitation(t *testing.T) {
	claire, nadia := person("claire", "ccas", "r"), person("nadia", "ccas", "a")
	i, fact, err := facteur.NewInvitation(standing(nadia, 0), claire, "h", actor(claire), at)
	if err != nil || fact.Action() != journal.InvitationOpen || fact.Check() != nil || i.ExpiresAt.Sub(at) != 7*24*time.Hour || !i.Open(at) {
		t.Fatalf("%+v, %v", i, err)
	}
	known := nadia
	known.Sub = "s"
	gone := nadia
	gone.SuspendedAt = at
	for name, c := range map[string]struct {
		s     facteur.Standing
		giver aidant.Aidant
		want  error
		why   string
	}{
		"oneself":            {standing(claire, 0), claire, facteur.ErrBeyond, "soi_meme"},
		"another structure":  {standing(nadia, 0), person("monique", "mairie", "r"), facteur.ErrBeyond, "hors_pouvoir"},
		"no référent":        {standing(nadia, 0), person("paul", "ccas", "a"), facteur.ErrBeyond, "hors_pouvoir"},
		"came by ProConnect": {standing(known, 0), claire, facteur.ErrAlready, "deja_inscrit"},
		"has factors":        {standing(nadia, 1), claire, facteur.ErrAlready, "deja_inscrit"},
		"suspended":          {standing(gone, 0), claire, facteur.ErrClosed, ""},
	} {
		if _, fact, err := facteur.NewInvitation(c.s, c.giver, "h", actor(c.giver), at); !errors.Is(err, c.want) || fact.Reason() != c.why {
			t.Errorf("%s = %v (%s), want %v (%s)", name, err, fact.Reason(), c.want, c.why)
		}
	}
	if _, _, err := facteur.NewInvitation(standing(claire, 0), aidant.Aidant{}, "h", journal.Actor{Type: journal.ActorSysteme, Ref: "exploitant"}, at); err != nil {
		t.Errorf("the operator's invitation = %v", err)
	}
	used, fact, err := i.Redeem(standing(nadia, 0), at)
	if err != nil || fact.Action() != journal.InvitationUse || fact.Check() != nil || used.Open(at) {
		t.Fatalf("redeemed = %+v, %v", used, err)
	}
	for name, c := range map[string]struct {
		i    facteur.Invitation
		s    facteur.Standing
		at   time.Time
		want error
	}{
		"used":      {used, standing(nadia, 0), at, facteur.ErrCode},
		"ended":     {i.End(facteur.Cancelled, at), standing(nadia, 0), at, facteur.ErrCode},
		"late":      {i, standing(nadia, 0), at.Add(facteur.InvitationLife), facteur.ErrExpired},
		"suspended": {i, standing(gone, 0), at, facteur.ErrClosed},
		"structure": {i, facteur.Standing{Aidant: nadia, Structure: organisation.Organisation{Suspended: true}}, at, facteur.ErrClosed},
		"enrolled":  {i, standing(nadia, 1), at, facteur.ErrAlready},
	} {
		if _, fact, err := c.i.Redeem(c.s, c.at); !errors.Is(err, c.want) || fact.Action() != journal.SessionRefuse || fact.Outcome() != journal.Denied {
			t.Errorf("%s = %v", name, err)
		}
	}
	if _, fact, err := i.Cancel(standing(nadia, 0), person("monique", "mairie", "r"), actor(claire), at); !errors.Is(err, facteur.ErrBeyond) || fact.Outcome() != journal.Denied {
		t.Errorf("cancelled from elsewhere = %v", err)
	}
	if ended, fact, err := i.Cancel(standing(nadia, 0), claire, actor(claire), at); err != nil || ended.Open(at) || fact.Action() != journal.InvitationCancel {
		t.Errorf("cancelled = %v", err)
	}
}
