package facteur_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
)

var at = time.Date(2026, 11, 22, 9, 0, 10, 0, time.UTC)

func agent() aidant.Aidant { return aidant.Aidant{ID: "a-lea", OrganisationID: "mairie"} }

func by(auth string) journal.Actor { return agent().Actor(auth) }

// cose is the key as an authenticator gives it.
func cose(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	out := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}
	out = append(out, point[1:33]...)
	return append(append(out, 0x22, 0x58, 0x20), point[33:]...)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func passkey(t *testing.T, id string, count uint32) facteur.Passkey {
	return facteur.Passkey{CredentialID: []byte("cred-" + id), PublicKey: cose(t, newKey(t)), Count: count, Label: " Poste\n 3 "}
}

func check(t *testing.T, f journal.Fact, action journal.Action, outcome journal.Outcome, reason string) {
	t.Helper()
	if f.Check() != nil || f.Action() != action || f.Outcome() != outcome || f.Reason() != reason {
		t.Errorf("fact %s %s %q (%v), want %s %s %q", f.Action(), f.Outcome(), f.Reason(), f.Check(), action, outcome, reason)
	}
}

func TestPasskeys(t *testing.T) {
	f, fact, err := facteur.Facteurs{Agent: "a-lea"}.AddPasskey(passkey(t, "p1", 5), by(aidant.AuthInvitation), at)
	if err != nil || !f.Any() || f.Passkeys[0].Label != "Poste 3" || fact.Detail("cle_sha256") != f.Passkeys[0].KeyDigest() || len(fact.Detail("cle_sha256")) != 64 {
		t.Fatal(f, err)
	}
	check(t, fact, journal.FacteurEnroll, journal.OK, "")
	if _, _, err := f.AddPasskey(f.Passkeys[0], by(""), at); !errors.Is(err, facteur.ErrEnrolled) {
		t.Errorf("the same key twice: %v", err)
	}
	bad := passkey(t, "p2", 0)
	bad.PublicKey = bad.PublicKey[:len(bad.PublicKey)-1]
	if _, _, err := f.AddPasskey(bad, by(""), at); !errors.Is(err, facteur.ErrInvalid) || !errors.Is(err, facteur.ErrAlgorithm) {
		t.Errorf("half a key: %v", err)
	}
	present := func(count uint32) (facteur.Facteurs, journal.Fact, error) {
		return facteur.SignIn(agent(), f, facteur.Presented{Auth: aidant.AuthPasskey, Passkey: f.Passkeys[0].ID, Count: count, BackedUp: true}, at)
	}
	next, fact, err := present(6)
	if err != nil || next.Passkeys[0].Count != 6 || !next.Passkeys[0].BackedUp || next.Passkeys[0].UsedAt != at || f.Passkeys[0].Count != 5 || fact.Actor().Auth != aidant.AuthPasskey {
		t.Errorf("use: %+v, %v", next, err)
	}
	check(t, fact, journal.SessionOpen, journal.OK, "")
	for _, count := range []uint32{5, 4, 0} {
		next, fact, err := present(count)
		if !errors.Is(err, facteur.ErrCloned) || next.Passkeys[0].ClonedAt != at || next.Passkeys[0].Count != 5 {
			t.Errorf("counter at %d: %v", count, err)
		}
		check(t, fact, journal.SessionRefuse, journal.Denied, "compteur_recule")
	}
	if _, fact, err := facteur.SignIn(agent(), f, facteur.Presented{Auth: aidant.AuthPasskey, Passkey: "p9"}, at); !errors.Is(err, facteur.ErrRefused) {
		t.Error(err)
	} else {
		check(t, fact, journal.SessionRefuse, journal.Denied, "cle_inconnue")
	}
	gone := agent()
	gone.SuspendedAt = at
	if next, fact, err := facteur.SignIn(gone, f, facteur.Presented{Auth: aidant.AuthPasskey, Passkey: f.Passkeys[0].ID, Count: 9}, at); !errors.Is(err, aidant.ErrSuspended) || next.Passkeys[0].Count != 5 {
		t.Error(err)
	} else {
		check(t, fact, journal.SessionRefuse, journal.Denied, "agent_suspendu")
	}
}

// TestKeysThatDoNotCount: synchronised passkeys always say 0.
func TestKeysThatDoNotCount(t *testing.T) {
	f, _, err := facteur.Facteurs{}.AddPasskey(passkey(t, "p1", 0), by(""), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := facteur.SignIn(agent(), f, facteur.Presented{Auth: aidant.AuthPasskey, Passkey: f.Passkeys[0].ID}, at); err != nil {
		t.Error(err)
	}
}

func TestTheLastOneStays(t *testing.T) {
	f, _, err := facteur.Facteurs{}.AddPasskey(passkey(t, "p1", 0), by(""), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, fact, err := f.Remove(f.Passkeys[0].ID, by(aidant.AuthPasskey)); !errors.Is(err, facteur.ErrLast) {
		t.Errorf("the last one is gone: %v", err)
	} else {
		check(t, fact, journal.FacteurRefuse, journal.Denied, "dernier_facteur")
	}
	if next, _, err := f.Remove(f.Passkeys[0].ID, by("proconnect:eidas2")); err != nil || next.Any() {
		t.Errorf("with an identity provider beside it: %v", err)
	}
	if _, _, err := f.Remove(facteur.IDTOTP, by("")); !errors.Is(err, facteur.ErrNotFound) {
		t.Error(err)
	}
	f, fact, err := f.AddTOTP(facteur.TOTP{Secret: facteur.NewSecret(), Phrase: "x"}, by(""), at)
	if err != nil {
		t.Fatal(err)
	}
	check(t, fact, journal.FacteurEnroll, journal.OK, "")
	next, fact, err := f.Remove(f.Passkeys[0].ID, by(aidant.AuthTOTP))
	if err != nil || len(next.Passkeys) != 0 || len(f.Passkeys) != 1 {
		t.Errorf("%+v, %v", next, err)
	}
	check(t, fact, journal.FacteurRemove, journal.OK, "")
	if next, _, err := f.Remove(facteur.IDTOTP, by(aidant.AuthPasskey)); err != nil || next.TOTP != nil || f.TOTP == nil {
		t.Error(err)
	}
}

// TestWindow: this step and its two neighbours, each once, whatever came before.
func TestWindow(t *testing.T) {
	totp := facteur.TOTP{Secret: []byte("12345678901234567890"), Phrase: "x"}
	// RFC 6238 appendix B, SHA-1, last six of eight digits.
	for unix, code := range map[int64]string{1111111109: "081804", 1234567890: "005924", 20000000000: "353130"} {
		for offset, want := range map[time.Duration]bool{0: true, -30 * time.Second: true, -31 * time.Second: false, 59 * time.Second: true, 60 * time.Second: false} {
			step, ok := totp.Check(code[:3]+" "+code[3:], time.Unix(unix/30*30, 0).Add(offset))
			if ok != want || ok && step != unix/30 {
				t.Errorf("code of %d at %v: %d, %v", unix, offset, step, ok)
			}
		}
	}
	if _, ok := totp.Check("", at); ok {
		t.Error("an empty code")
	}
	f, _, err := facteur.Facteurs{}.AddTOTP(totp, by(""), at)
	if err != nil {
		t.Fatal(err)
	}
	use := func(step int64) error {
		next, fact, err := facteur.SignIn(agent(), f, facteur.Presented{Auth: aidant.AuthTOTP, Step: step}, at)
		if err != nil {
			check(t, fact, journal.SessionRefuse, journal.Denied, "code_deja_utilise")
		}
		f = next
		return err
	}
	if use(10) != nil || use(10) == nil || use(9) == nil || use(11) != nil {
		t.Error("a step was taken twice, or one before the last")
	}
}

func TestRecoveryCodes(t *testing.T) {
	printed, kept := facteur.NewCodes("a-lea")
	f, fact, err := facteur.Facteurs{}.Renew(kept, by(aidant.AuthPasskey))
	if err != nil || f.Left() != facteur.CodeCount || len(slices.Compact(slices.Sorted(slices.Values(printed)))) != facteur.CodeCount {
		t.Fatal(printed, err)
	}
	check(t, fact, journal.FacteurCodes, journal.OK, "")
	typed := strings.ToLower(strings.ReplaceAll(printed[3], "-", " "))
	p := facteur.Presented{Auth: aidant.AuthSecours, Code: facteur.HashCode("a-lea", typed)}
	next, fact, err := facteur.SignIn(agent(), f, p, at)
	if err != nil || next.Left() != facteur.CodeCount-1 || fact.Actor().Auth != aidant.AuthSecours {
		t.Fatal(err)
	}
	if told := (facteur.Notice{What: facteur.NoticeOf(fact)}).Text(); !strings.Contains(told, "code de secours a servi") {
		t.Errorf("the agent is told %q", told)
	}
	if _, fact, err := facteur.SignIn(agent(), next, p, at); !errors.Is(err, facteur.ErrRefused) || facteur.NoticeOf(fact) != "" {
		t.Errorf("a code twice: %v", err)
	}
	for name, hash := range map[string]string{"another agent's": facteur.HashCode("a-paul", printed[0]), "nothing": facteur.HashCode("a-lea", ""), "plain": printed[0], "": ""} {
		if _, _, err := facteur.SignIn(agent(), f, facteur.Presented{Auth: aidant.AuthSecours, Code: hash}, at); !errors.Is(err, facteur.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Alone it is too weak to confirm anything, and worth nothing beside a pass
	// phrase that was not given.
	p.Code = facteur.HashCode("a-lea", printed[5])
	if kept, fact, err := facteur.Confirm(agent(), f, p, "reprise", at); !errors.Is(err, facteur.ErrRefused) || kept.Left() != facteur.CodeCount {
		t.Error(err)
	} else {
		check(t, fact, journal.FacteurRefuse, journal.Denied, "facteur_faible")
	}
	f, _, err = f.AddTOTP(facteur.TOTP{Secret: facteur.NewSecret(), Phrase: "x"}, by(""), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := facteur.SignIn(agent(), f, p, at); !errors.Is(err, facteur.ErrRefused) {
		t.Errorf("without the pass phrase: %v", err)
	}
	p.Auth = aidant.AuthPhrase
	if _, fact, err := facteur.Confirm(agent(), f, p, "reprise", at); err != nil {
		t.Error(err)
	} else {
		check(t, fact, journal.FacteurUse, journal.OK, "")
	}
	if _, _, err := f.Renew(f.Codes[:9], by("")); err == nil {
		t.Error("nine codes")
	}
}

func TestNormalCode(t *testing.T) {
	for typed, want := range map[string]string{"0o1i-L123-4567-89ab": "00111123456789AB", " abcd efgh jkmn pqrs": "ABCDEFGHJKMNPQRS", "uvwx-yz00-0000-0000": "VVWXYZ0000000000"} {
		if got, ok := facteur.NormalCode(typed); !ok || got != want {
			t.Errorf("%q is %q, %v", typed, got, ok)
		}
	}
	for _, typed := range []string{"", "ABCD", "ABCD-EFGH-JKMN-PQRST", "ABCD-EFGH-JKMN-PQRé", "123456"} {
		if got, ok := facteur.NormalCode(typed); ok {
			t.Errorf("%q is %q", typed, got)
		}
	}
}

func TestPhrases(t *testing.T) {
	about := []string{"Léa Fontaine", "lea.fontaine@petite-commune.example", "Mairie de Petite-Commune"}
	for phrase, want := range map[string]error{
		"quatorze lettr":                             facteur.ErrShort,
		strings.Repeat("é", 201):                     facteur.ErrLong,
		"aaaaaaaaaaaaaaaaaaa":                        facteur.ErrCommon,
		"abcabcabcabcabcabc":                         facteur.ErrCommon,
		"1234567890123456":                           facteur.ErrCommon,
		"abcdefghijklmnopqrs":                        facteur.ErrCommon,
		"Mot de passe 2026 !":                        facteur.ErrCommon,
		"MairiePetiteCommune2026":                    facteur.ErrCommon,
		"léa fontaine bonjour":                       facteur.ErrCommon,
		"trois bouleaux derrière la grange":          nil,
		"il pleut sur le toit du lavoir":             nil,
		"kX9#v!qLr2@tWz7m":                           nil,
		"la mairie sonne les cloches à seize heures": nil,
	} {
		if err := facteur.CheckPhrase(phrase, about...); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", phrase, err, want)
		}
	}
	kept := facteur.HashPhrase("trois bouleaux derrie\u0300re la grange")
	if !strings.HasPrefix(kept, "$argon2id$v=19$m=19456,t=2,p=1$") || kept == facteur.HashPhrase("trois bouleaux derrière la grange") {
		t.Errorf("kept as %s", kept)
	}
	for phrase, want := range map[string]bool{"trois bouleaux derrière la grange": true, "Trois bouleaux derrière la grange": false, "": false, strings.Repeat("x", 300): false} {
		if facteur.SamePhrase(kept, phrase) != want {
			t.Errorf("%q: %v", phrase, !want)
		}
	}
	long := strings.Repeat("e\u0301 ", 90) // 180 characters, which some keyboards write as 270
	if facteur.CheckPhrase(long+"trois bouleaux") != nil || !facteur.SamePhrase(facteur.HashPhrase(long), long) {
		t.Error("a phrase that was taken is refused afterwards")
	}
	for _, kept := range []string{"", "$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA", "x", "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"} {
		if facteur.SamePhrase(kept, "") || facteur.SamePhrase(kept, "trois bouleaux derrière la grange") {
			t.Errorf("%q matches", kept)
		}
	}
}

// TestNobodyTakesAsLong: an unknown account costs one whole derivation too.
func TestNobodyTakesAsLong(t *testing.T) {
	kept := facteur.HashPhrase("trois bouleaux derrière la grange")
	took := func(kept string) time.Duration {
		start := time.Now()
		for range 3 {
			facteur.SamePhrase(kept, "il pleut sur le toit du lavoir")
		}
		return time.Since(start)
	}
	took(kept)
	if known, unknown := took(kept), took(""); unknown < known/4 {
		t.Errorf("an unknown account takes %v, a known one %v", unknown, known)
	}
}

func TestHandle(t *testing.T) {
	if h := facteur.Handle("a-lea"); len(h) != 32 || bytes.Contains(h, []byte("lea")) || bytes.Equal(h, facteur.Handle("a-paul")) {
		t.Errorf("%x", h)
	}
	if s := facteur.SecretText([]byte("12345678901234567890")); s != "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ" {
		t.Error(s)
	}
	if u := facteur.Enrolment([]byte("12345678901234567890"), "a@b.example", "Relais de Valfictif"); u !=
		"otpauth://totp/Relais%20de%20Valfictif:a%40b.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Relais%20de%20Valfictif&algorithm=SHA1&digits=6&period=30" {
		t.Error(u)
	}
	check(t, facteur.Refused(aidant.Aidant{}, "compte_inconnu"), journal.SessionRefuse, journal.Denied, "compte_inconnu")
	check(t, facteur.NotConfirmed(agent(), "reprise", "phrase_refusee"), journal.FacteurRefuse, journal.Denied, "phrase_refusee")
}
