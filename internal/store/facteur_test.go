package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/store"
)

func newPasskey(t *testing.T, count uint32) facteur.Passkey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 0x20), point[33:]...)
	return facteur.Passkey{CredentialID: []byte("cred-" + rand.Text()), PublicKey: cose, Count: count, Label: "Cleffesecrete du bureau", BackupEligible: true}
}

// enrolling opens an agent's session that may only enrol.
func (h *house) enrolling(agentID string) string {
	h.t.Helper()
	fresh := h.opening(aidant.AuthInvitation)
	_, err := h.SignInOwn(h.ctx, facteur.Use{Agent: agentID, Decide: func(a aidant.Aidant, f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return f, journal.NewFact(a.Actor(fresh.Auth), journal.SessionOpen, journal.Object{Type: "session"}), nil
	}}, fresh)
	h.ok(err)
	return fresh.Ref
}

// enrol changes an agent's factors in a session, "" for one that only enrols.
func (h *house) enrol(agentID, session string, change func(facteur.Facteurs) (facteur.Facteurs, journal.Fact, error)) facteur.Facteurs {
	h.t.Helper()
	if session == "" {
		session = h.enrolling(agentID)
	}
	f, err := h.ChangeFacteurs(h.ctx, agentID, session, change)
	h.ok(err)
	return f
}

func (h *house) passkey(agentID string, count uint32) facteur.Passkey {
	h.t.Helper()
	f := h.enrol(agentID, "", func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return f.AddPasskey(newPasskey(h.t, count), aidant.Aidant{ID: agentID}.Actor(aidant.AuthInvitation), h.time())
	})
	return f.Passkeys[len(f.Passkeys)-1]
}

func (h *house) opening(auth string) aidant.Session {
	return aidant.Session{Ref: delegation.Hash(rand.Text()), CreatedAt: h.time(), SeenAt: h.time(), AuthAt: h.time(), Auth: auth, Device: "Firefox"}
}

func (h *house) own(agentID, once string, p facteur.Presented) facteur.Use {
	return facteur.Use{Agent: agentID, Once: once, Until: h.time().Add(time.Hour), Decide: func(a aidant.Aidant, f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return facteur.SignIn(a, f, p, h.time())
	}}
}

func TestFactorsAreKept(t *testing.T) {
	onBoth(t, func(h *house) {
		k := h.passkey("a-jeanne", 3)
		h.expect(journal.FacteurEnroll, journal.OK)
		h.enrol("a-jeanne", "", func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
			return f.AddTOTP(facteur.TOTP{Secret: facteur.NewSecret(), Phrase: "$argon2id$phrasesecrete", LastStep: 7}, by, h.time())
		})
		printed, codes := facteur.NewCodes("a-jeanne")
		want := h.enrol("a-jeanne", "", func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) { return f.Renew(codes, by) })
		got, err := h.Facteurs(h.ctx, "a-jeanne")
		h.ok(err)
		same(t, "passkeys", got.Passkeys, want.Passkeys)
		same(t, "application", *got.TOTP, *want.TOTP)
		if got.Left() != facteur.CodeCount || got.Passkeys[0].ID != k.ID || !got.Passkeys[0].BackupEligible {
			t.Errorf("%+v", got)
		}
		owner, err := h.PasskeyOwner(h.ctx, k.CredentialID)
		h.ok(err)
		if _, err := h.PasskeyOwner(h.ctx, []byte("autre")); owner != "a-jeanne" || !errors.Is(err, facteur.ErrNotFound) {
			t.Errorf("owner %s, %v", owner, err)
		}
		// The same authenticator at another agent, and the same key under another name.
		for _, p := range []facteur.Passkey{{CredentialID: k.CredentialID, PublicKey: newPasskey(t, 0).PublicKey}, {CredentialID: []byte("autre"), PublicKey: k.PublicKey}} {
			if _, err := h.ChangeFacteurs(h.ctx, "a-paul", h.enrolling("a-paul"), func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) { return f.AddPasskey(p, by, h.time()) }); err == nil {
				t.Error("one authenticator for two agents")
			}
		}
		notices, err := h.FactorNotices(h.ctx, "a-jeanne")
		h.ok(err)
		if len(notices) != 3 || notices[0].What != "facteur.codes:" {
			t.Errorf("notices %+v", notices)
		}
		dump := h.value("SELECT count(*) FROM code_secours WHERE hash LIKE '%" + printed[0] + "%'")
		if dump != "0" {
			t.Error("a recovery code stands clear")
		}
		f, err := h.ChangeFacteurs(h.ctx, "a-jeanne", h.enrolling("a-jeanne"), func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) { return f.Remove(k.ID, by) })
		h.ok(err)
		if len(f.Passkeys) != 0 || h.value("SELECT count(*) FROM cle_acces") != "0" {
			t.Error("a removed passkey stays")
		}
		if _, err := h.Facteurs(h.ctx, "a-rien"); !errors.Is(err, aidant.ErrNotFound) {
			t.Error(err)
		}
		if a, err := h.AidantByEmail(h.ctx, " A-JEANNE@secret.example"); err != nil || a.ID != "a-jeanne" {
			t.Error(a.ID, err)
		}
		h.pass(91 * 24 * time.Hour)
		h.ok(h.Sweep(h.ctx))
		if notices, err := h.FactorNotices(h.ctx, "a-jeanne"); err != nil || len(notices) != 0 {
			t.Errorf("%d notices after three months, %v", len(notices), err)
		}
	})
}

// TestAChangeEndsOtherSessions: all but the one that made it, and none survives an
// enrolment by a code.
func TestAChangeEndsOtherSessions(t *testing.T) {
	onBoth(t, func(h *house) {
		mine, other := h.session("s1", "a-jeanne", "26999901700016"), h.session("s1", "a-jeanne", "26999901700016")
		theirs := h.session("s2", "a-paul", "21999902600012")
		add := func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
			return f.AddPasskey(newPasskey(t, 0), by, h.time())
		}
		h.enrol("a-jeanne", mine, add)
		alive := func(ref string) bool { _, _, _, err := h.Session(h.ctx, ref); return err == nil }
		if !alive(mine) || alive(other) || !alive(theirs) {
			t.Error("wrong sessions ended")
		}
		h.enrol("a-jeanne", "", add)
		if alive(mine) || !alive(theirs) {
			t.Error("wrong sessions ended by an enrolment")
		}
		for name, c := range map[string]struct {
			session string
			want    error
		}{"ended meanwhile": {mine, aidant.ErrSession}, "another agent's": {theirs, aidant.ErrOther}, "none": {"", aidant.ErrSession}} {
			if _, err := h.ChangeFacteurs(h.ctx, "a-jeanne", c.session, add); !errors.Is(err, c.want) {
				t.Errorf("a session %s = %v, want %v", name, err, c.want)
			}
		}
		here := h.enrolling("a-jeanne")
		last := h.size()
		if _, err := h.ChangeFacteurs(h.ctx, "a-jeanne", here, func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) { return f.Remove("rien", by) }); !errors.Is(err, facteur.ErrNotFound) || h.size() != last {
			t.Error(err)
		}
	})
}

// TestOneAnswerCountsOnce: two posts of one assertion, one code or one recovery
// code, on two instances at once, open one session.
func TestOneAnswerCountsOnce(t *testing.T) {
	onBoth(t, func(h *house) {
		k := h.passkey("a-jeanne", 0)
		_, codes := facteur.NewCodes("a-paul")
		h.enrol("a-paul", "", func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
			return f.AddTOTP(facteur.TOTP{Secret: facteur.NewSecret(), Phrase: "x"}, by, h.time())
		})
		h.enrol("a-paul", "", func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) { return f.Renew(codes, by) })
		stores := []*store.Store{h.Store}
		if h.engine == store.PostgreSQL {
			stores = append(stores, h.open()) // a second instance
		}
		for name, u := range map[string]facteur.Use{
			"assertion": h.own("a-jeanne", "défi", facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID}),
			"code":      h.own("a-paul", "", facteur.Presented{Auth: aidant.AuthTOTP, Step: 99}),
			"secours":   h.own("a-paul", "", facteur.Presented{Auth: aidant.AuthPhrase, Code: codes[4].Hash}),
		} {
			var wins, refusals sync.Map
			var wait sync.WaitGroup
			for i := range 16 {
				wait.Go(func() {
					_, err := stores[i%len(stores)].SignInOwn(h.ctx, u, h.opening(aidant.AuthPasskey))
					switch {
					case err == nil:
						wins.Store(i, true)
					case errors.Is(err, facteur.ErrReplayed) || errors.Is(err, facteur.ErrRefused):
						refusals.Store(i, true)
					default:
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			wait.Wait()
			n := func(m *sync.Map) (n int) { m.Range(func(any, any) bool { n++; return true }); return n }
			if n(&wins) != 1 || n(&refusals) != 15 {
				t.Errorf("%s: %d sessions, %d refusals", name, n(&wins), n(&refusals))
			}
		}
		if n := h.value("SELECT count(*) FROM session"); n != "3" {
			t.Errorf("%s sessions", n)
		}
		if n := h.value("SELECT count(*) FROM journal WHERE action = 'session.refuse'"); n != "45" {
			t.Errorf("%s refusals in the journal", n)
		}
	})
}

// TestACloneIsRefused, has its entry, and stays written on the passkey.
func TestACloneIsRefused(t *testing.T) {
	onBoth(t, func(h *house) {
		k := h.passkey("a-jeanne", 10)
		try := func(count uint32) error {
			_, err := h.SignInOwn(h.ctx, h.own("a-jeanne", rand.Text(), facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: count}), h.opening(aidant.AuthPasskey))
			return err
		}
		h.ok(try(12))
		h.expect(journal.SessionOpen, journal.OK)
		if err := try(11); !errors.Is(err, facteur.ErrCloned) {
			t.Errorf("the copy: %v", err)
		}
		h.expect(journal.SessionRefuse, journal.Denied)
		f, err := h.Facteurs(h.ctx, "a-jeanne")
		h.ok(err)
		notices, err := h.FactorNotices(h.ctx, "a-jeanne")
		h.ok(err)
		if f.Passkeys[0].ClonedAt.IsZero() || f.Passkeys[0].Count != 12 || notices[0].What != "compteur" {
			t.Errorf("%+v, %+v", f.Passkeys[0], notices)
		}
		if n := h.value("SELECT count(*) FROM session"); n != "1" {
			t.Errorf("%s sessions", n)
		}
		h.ok(try(13))
	})
}

func TestASuspendedAgentHasNoFactor(t *testing.T) {
	onBoth(t, func(h *house) {
		k := h.passkey("a-jeanne", 1)
		_, err := h.ChangeAidant(h.ctx, "a-jeanne", func(a aidant.Aidant) (aidant.Aidant, journal.Fact, error) {
			a.SuspendedAt = h.time()
			return a, journal.NewFact(journal.Systeme(), journal.AidantSuspend, journal.Object{Type: "aidant", ID: a.ID}), nil
		})
		h.ok(err)
		u := h.own("a-jeanne", "défi", facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: 2})
		if _, err := h.SignInOwn(h.ctx, u, h.opening(aidant.AuthPasskey)); !errors.Is(err, aidant.ErrSuspended) {
			t.Error(err)
		}
		h.expect(journal.SessionRefuse, journal.Denied)
		u.Agent = "a-rien"
		if _, err := h.SignInOwn(h.ctx, u, h.opening(aidant.AuthPasskey)); !errors.Is(err, aidant.ErrNotFound) {
			t.Error(err)
		}
	})
}

// TestTakeBackOwn: the screen, the proof and the passkey's counter in one
// transaction, or none of them.
func TestTakeBackOwn(t *testing.T) {
	onBoth(t, func(h *house) {
		k := h.passkey("a-jeanne", 1)
		m, ref := h.entrusted(h.draft("ccas", "papiers"))
		m = h.identified(m, martin)
		m = h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Confirm(true, h.time()) })
		m = h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Give(h.time()) })
		h.pass(time.Second)
		renewed := h.opening(aidant.AuthPasskey)
		renewed.AidantID = "a-jeanne"
		take := func(agentID, once string, count uint32, mandatID string) error {
			u := h.own(agentID, once, facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: count})
			u.Decide = func(a aidant.Aidant, f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
				return facteur.Confirm(a, f, facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: count}, "reprise", h.time())
			}
			proof := acte.Proof{Issuer: "preuve-" + once}
			_, err := h.TakeBackOwn(h.ctx, u, ref, renewed, mandatID, proof, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.TakeBack(by, h.time()) })
			return err
		}
		if err := take("a-paul", "d0", 2, m.ID); !errors.Is(err, aidant.ErrOther) {
			t.Errorf("another agent's key: %v", err)
		}
		if err := take("a-jeanne", "d1", 2, "m-autre"); !errors.Is(err, aidant.ErrOther) {
			t.Errorf("another mandat: %v", err)
		}
		if err := take("a-jeanne", "d1", 1, m.ID); !errors.Is(err, facteur.ErrCloned) {
			t.Errorf("a copy: %v", err)
		}
		h.expect(journal.FacteurRefuse, journal.Denied)
		h.ok(take("a-jeanne", "d2", 2, m.ID))
		d, err := h.DraftDossier(h.ctx, "ccas", m.ID)
		h.ok(err)
		if d.Aidant.Issuer != "preuve-d2" || h.value("SELECT sign_count FROM cle_acces") != "2" {
			t.Errorf("kept %+v", d.Aidant)
		}
		if err := take("a-jeanne", "d3", 3, m.ID); !errors.Is(err, aidant.ErrSession) || h.value("SELECT sign_count FROM cle_acces") != "2" {
			t.Errorf("taken back twice: %v", err)
		}
	})
}

func TestElevateOwn(t *testing.T) {
	onBoth(t, func(h *house) {
		k := h.passkey("a-jeanne", 1)
		s := h.opening(aidant.AuthPasskey)
		_, err := h.SignInOwn(h.ctx, h.own("a-jeanne", "d1", facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: 2}), s)
		h.ok(err)
		h.pass(time.Hour)
		renewed := h.opening(aidant.AuthPasskey)
		renewed.AidantID = "a-jeanne"
		u := h.own("a-jeanne", "d2", facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: 3})
		h.ok(h.ElevateOwn(h.ctx, u, s.Ref, renewed))
		got, _, _, err := h.Session(h.ctx, renewed.Ref)
		h.ok(err)
		if !got.CreatedAt.Equal(s.CreatedAt) || !got.AuthAt.Equal(h.time()) {
			t.Errorf("%+v", got)
		}
		if err := h.ElevateOwn(h.ctx, u, s.Ref, renewed); !errors.Is(err, facteur.ErrReplayed) {
			t.Error(err)
		}
	})
}

// TestNewBrowserByOwnFactor: each new browser is told of as itself, and once.
func TestNewBrowserByOwnFactor(t *testing.T) {
	onBoth(t, func(h *house) {
		k := h.passkey("a-jeanne", 1)
		for i, browser := range []string{"premier", "second", "troisieme"} {
			s := h.opening(aidant.AuthPasskey)
			s.Browser = browser
			_, err := h.SignInOwn(h.ctx, h.own("a-jeanne", browser, facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: uint32(i + 2)}), s)
			h.ok(err)
			got, _, _, err := h.Session(h.ctx, s.Ref)
			h.ok(err)
			want := got.Appareil
			if i == 0 { // an agent's first is no news
				want = ""
			}
			if got.Appareil == "" || got.Notice != want {
				t.Errorf("%s: told of %q in %q", browser, got.Notice, got.Appareil)
			}
			h.pass(time.Hour)
		}
	})
}

// TestPasskeyCommitted: the journal names the key from its enrolment on, for ever.
func TestPasskeyCommitted(t *testing.T) {
	onBoth(t, func(h *house) {
		before := h.size()
		k := h.passkey("a-jeanne", 1)
		if _, err := h.VerifyJournal(h.ctx); err != nil { // every entry has its number
			t.Fatal(err)
		}
		after := h.size()
		for _, c := range []struct {
			digest string
			index  int64
			want   bool
		}{{k.KeyDigest(), after, true}, {k.KeyDigest(), before, false}, {k.KeyDigest()[:32] + strings.Repeat("0", 32), after, false}, {"", after, false}} {
			agent, ok, err := h.PasskeyCommittedBefore(h.ctx, c.digest, c.index)
			if err != nil || ok != c.want || ok && agent != "a-jeanne" {
				t.Errorf("%+v: %s, %v, %v", c, agent, ok, err)
			}
		}
	})
}
