package delegation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func chosen() delegation.Login {
	return delegation.Login{ID: "d-1", ClientID: "hub", MandatID: "m-1", Domaine: "logement", UsagerID: "u-1", AidantID: "a-1",
		OrganisationID: "ccas", ChosenAt: now, CodeHash: delegation.Hash("code"), CodeExpiresAt: now.Add(30 * time.Second)}
}

func token() delegation.Token {
	return delegation.Token{Hash: delegation.Hash("token"), ExpiresAt: now.Add(time.Minute), Protocol: []byte("grant")}
}

func active() mandat.Mandat {
	return mandat.Mandat{ID: "m-1", OrganisationID: "ccas", State: mandat.Actif, EndsAt: now.AddDate(0, 0, 1),
		Autorisations: []mandat.Autorisation{{Domaine: "logement", Demarches: []string{"apl"}}, {Domaine: "argent", Demarches: []string{"taxe-fonciere"}}}}
}

func redeemed(t *testing.T) delegation.Login {
	t.Helper()
	l, fact, err := chosen().Redeem(token(), now.Add(time.Second))
	if err != nil || fact.Check() != nil || fact.Outcome() != journal.OK || fact.Stream() != "m-1" || fact.Actor() != delegation.Client("hub") {
		t.Fatalf("Redeem = %+v, %v", fact, err)
	}
	return l
}

func denied(t *testing.T, name string, fact journal.Fact, err, want error, reason string) {
	t.Helper()
	if !errors.Is(err, want) || fact.Outcome() != journal.Denied || fact.Reason() != reason || fact.Stream() != "m-1" || fact.Check() != nil {
		t.Errorf("%s: %v, %+v; want %v, %s", name, err, fact, want, reason)
	}
}

func TestRedeem(t *testing.T) {
	l := redeemed(t)
	if !l.ConsumedAt.Equal(now.Add(time.Second)) || l.TokenHash != delegation.Hash("token") || !l.TokenExpiresAt.Equal(now.Add(time.Minute)) || string(l.Protocol) != "grant" {
		t.Errorf("Redeem = %+v", l)
	}
	first := now.Add(2 * time.Second)
	replayed, fact, err := l.Redeem(delegation.Token{Hash: "thief"}, first)
	denied(t, "twice", fact, err, delegation.ErrConsumed, "code_rejoue")
	if !replayed.RevokedAt.Equal(first) || replayed.TokenHash != l.TokenHash || !l.RevokedAt.IsZero() {
		t.Errorf("a replay = %+v; everything issued is revoked, nothing handed out", replayed)
	}
	third, fact, err := replayed.Redeem(token(), first.Add(time.Second))
	denied(t, "three times", fact, err, delegation.ErrConsumed, "code_rejoue")
	if !third.RevokedAt.Equal(first) {
		t.Error("a third try moves the moment of the revocation")
	}
	_, fact, err = replayed.Redeem(token(), now.Add(time.Hour))
	denied(t, "a replay that is late too", fact, err, delegation.ErrConsumed, "code_rejoue")
	late, fact, err := chosen().Redeem(token(), now.Add(30*time.Second))
	denied(t, "on the second it expires", fact, err, delegation.ErrExpired, "code_expire")
	if late.TokenHash != "" || !late.ConsumedAt.IsZero() {
		t.Errorf("an expired code = %+v", late)
	}
	revoked, _ := chosen().Revoke(journal.Systeme(), "mandat_termine", now)
	_, fact, err = revoked.Redeem(token(), now.Add(time.Second))
	denied(t, "revoked", fact, err, delegation.ErrRevoked, "interrompue")
	ended, _ := chosen().End(journal.Systeme(), "aidant", now)
	_, fact, err = ended.Redeem(token(), now.Add(time.Second))
	denied(t, "ended", fact, err, delegation.ErrRevoked, "terminee")
}

func TestShow(t *testing.T) {
	l, at := redeemed(t), now.Add(5*time.Second)
	fact, err := l.Show(active(), at)
	if err != nil || fact.Check() != nil || fact.Outcome() != journal.OK || fact.Action() != journal.DelegationShow {
		t.Fatalf("Show = %+v, %v", fact, err)
	}
	part, _, err := active().Revoke([]string{"logement"}, mandat.ByTelephone, journal.Systeme(), at)
	if err != nil {
		t.Fatal(err)
	}
	rest, _, err := active().Revoke([]string{"argent"}, mandat.ByTelephone, journal.Systeme(), at)
	if err != nil {
		t.Fatal(err)
	}
	whole, _, err := active().Revoke(nil, mandat.AtCounter, journal.Systeme(), at)
	if err != nil {
		t.Fatal(err)
	}
	suspended, other := active(), active()
	suspended.State, other.ID = mandat.Suspendu, "m-2"
	if _, err := l.Show(rest, at); err != nil {
		t.Errorf("another domaine's end stops this one: %v", err)
	}
	for name, m := range map[string]mandat.Mandat{"revoked": whole, "revoked in part": part, "suspended": suspended, "another mandat": other, "none": {}} {
		fact, err := l.Show(m, at)
		denied(t, name, fact, err, delegation.ErrRevoked, "mandat_termine")
	}
	past := active()
	past.EndsAt = at
	fact, err = l.Show(past, at)
	denied(t, "past its end", fact, err, delegation.ErrRevoked, "mandat_termine")
	fact, err = l.Show(active(), now.Add(time.Minute))
	denied(t, "an old token", fact, err, delegation.ErrExpired, "jeton_expire")
	fact, err = chosen().Show(active(), at)
	denied(t, "before any token", fact, err, delegation.ErrExpired, "jeton_expire")
	revoked, _ := l.Revoke(journal.Systeme(), "rejeu", at)
	fact, err = revoked.Show(active(), at)
	denied(t, "revoked login", fact, err, delegation.ErrRevoked, "interrompue")
	ended, _ := l.End(journal.Systeme(), "aidant", at)
	fact, err = ended.Show(active(), at)
	denied(t, "ended use", fact, err, delegation.ErrRevoked, "terminee")
}

// TestEndsOnce: both ends are set once and never moved.
func TestEndsOnce(t *testing.T) {
	l := redeemed(t)
	once, fact := l.Revoke(journal.Systeme(), "rejeu", now)
	twice, _ := once.Revoke(journal.Systeme(), "rejeu", now.Add(time.Hour))
	if !once.RevokedAt.Equal(now) || !twice.RevokedAt.Equal(now) || fact.Action() != journal.DelegationStop || fact.Check() != nil || !l.RevokedAt.IsZero() {
		t.Errorf("Revoke = %v, %v, %+v", once.RevokedAt, twice.RevokedAt, fact)
	}
	once, fact = l.End(journal.Systeme(), "aidant", now)
	twice, _ = once.End(journal.Systeme(), "aidant", now.Add(time.Hour))
	if !once.EndedAt.Equal(now) || !twice.EndedAt.Equal(now) || fact.Action() != journal.DelegationEnd || fact.Check() != nil || !l.EndedAt.IsZero() {
		t.Errorf("End = %v, %v, %+v", once.EndedAt, twice.EndedAt, fact)
	}
}

func TestDeniedAndHash(t *testing.T) {
	for _, id := range []string{"hub", ""} {
		if f := delegation.Denied(journal.Nobody(), id, "access_denied"); f.Check() != nil || f.Outcome() != journal.Denied || f.Stream() != "" {
			t.Errorf("Denied(%q) = %+v", id, f)
		}
	}
	if h := delegation.Hash("abc"); h != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || strings.Contains(h, "abc") {
		t.Errorf("Hash = %s", h)
	}
}
