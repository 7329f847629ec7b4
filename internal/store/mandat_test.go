package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/delegation"
	"relais/internal/domaine"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/usager"
)

func catalogue() domaine.Catalogue { return domaine.Current() }

func TestMandatIsReadAsWritten(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.draft("ccas", "social", "papiers")
		read, err := h.Mandat(h.ctx, "ccas", m.ID)
		h.ok(err)
		want := m
		want.EndsAt = m.EndsAt.UTC()
		same(t, "draft", read, want)
		m, _ = h.entrusted(m, mandat.Replacement{MandatID: "x", Number: "n", Domaine: "social"})
		read, err = h.Mandat(h.ctx, "ccas", m.ID)
		h.ok(err)
		same(t, "texte", read.Texte, m.Texte)
		same(t, "replaces", read.Replaces, m.Replaces)
		same(t, "signature", read.Signature, m.Signature)
		byNumber, err := h.MandatByNumber(h.ctx, m.Number)
		h.ok(err)
		same(t, "by number", byNumber, read)
	})
}

func TestOtherStructuresSeeNothing(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social")
		draft := h.draft("ccas", "papiers")
		size := h.size()
		revoke := func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Revoke(nil, mandat.AtCounter, by, h.time())
		}
		_, read := h.Mandat(h.ctx, "mairie", m.ID)
		_, change := h.ChangeMandat(h.ctx, "mairie", m.ID, revoke)
		_, other := h.ChangeMandat(h.ctx, "mairie", draft.ID, revoke)
		_, identify := h.IdentifyUsager(h.ctx, "mairie", draft.ID, acte.Dossier{}, revoke)
		_, dossier := h.DraftDossier(h.ctx, "mairie", draft.ID)
		ref := h.session("s-paul", "a-paul", "21999902600012")
		size++ // the session's entry
		_, entrust := h.EntrustScreen(h.ctx, ref, "mairie", draft.ID, revoke)
		_, sign := h.SignMandat(h.ctx, "mairie", draft.ID, acte.Attested{Sub: "s"}, nil, nil)
		foreign := m
		foreign.OrganisationID = "mairie"
		use := h.choose(foreign, "r1", "social")
		for what, err := range map[string]error{"Mandat": read, "ChangeMandat": change, "ChangeMandat of a draft": other, "IdentifyUsager": identify,
			"DraftDossier": dossier, "EntrustScreen": entrust, "SignMandat": sign, "UseMandat": use} {
			if !errors.Is(err, mandat.ErrNotFound) {
				t.Errorf("%s = %v, want ErrNotFound", what, err)
			}
		}
		if _, err := h.Usager(h.ctx, "mairie", m.UsagerID); !errors.Is(err, usager.ErrNotFound) {
			t.Errorf("Usager = %v, want ErrNotFound", err)
		}
		found, err := h.SearchUsagers(h.ctx, "mairie", identite.ParseQuery("martinsecret"), 10)
		h.ok(err)
		files, _, err := h.Mandats(h.ctx, "mairie", mandat.Filter{})
		h.ok(err)
		if len(found)+len(files) != 0 || h.size() != size {
			t.Errorf("mairie sees %d usagers and %d mandats; %d entries, want %d", len(found), len(files), h.size(), size)
		}
	})
}

func TestAFailingTransitionLeavesNothing(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.draft("ccas", "social")
		size := h.size()
		boom := errors.New("boom")
		for name, c := range map[string]struct {
			fact  journal.Fact
			err   error
			grows int64
			want  error
		}{
			"error without fact": {journal.Fact{}, boom, 0, boom},
			"zero fact":          {journal.Fact{}, nil, 0, journal.ErrFact},
			"refusal with fact":  {m.Viewed(by).Denied("non"), boom, 1, boom},
			"blank in a fact":    {m.Viewed(by).Because("du texte libre"), nil, 0, journal.ErrFact},
		} {
			_, err := h.ChangeMandat(h.ctx, "ccas", m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
				m.State = mandat.SansSuite
				return m, c.fact, c.err
			})
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			read, err := h.Mandat(h.ctx, "ccas", m.ID)
			h.ok(err)
			if size += c.grows; read.State != mandat.Brouillon || read.Rev != 1 || h.size() != size {
				t.Errorf("%s left state %s, rev %d, %d entries (want %d)", name, read.State, read.Rev, h.size(), size)
			}
		}
		if _, err := h.Draft(h.ctx, func() (mandat.Mandat, journal.Fact, error) { return m, m.Viewed(by), nil }); err == nil || h.size() != size {
			t.Errorf("a second mandat of the same id: %v, %d entries, want an error and %d", err, h.size(), size)
		}
		if _, err := h.ChangeMandat(h.ctx, "ccas", m.ID, func(mandat.Mandat) (mandat.Mandat, journal.Fact, error) { panic("MARTINSECRET") }); err == nil {
			t.Error("a panic passes")
		}
		_, err := h.ChangeMandat(h.ctx, "ccas", m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m, journal.Fact{}, error(new(fullDisk))
		})
		if err == nil || h.size() != size {
			t.Errorf("after a panic: %d entries, want %d", h.size(), size)
		}
	})
}

type fullDisk struct{}

func (*fullDisk) Error() string { return "plein" }

func TestSignature(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.given("ccas", martin, nil, "social", "papiers")
		d, err := h.DraftDossier(h.ctx, "ccas", m.ID)
		h.ok(err)
		same(t, "the aidant's proof", d.Aidant.IDToken, "jeton-aidant")
		_, before := h.Counts()
		signed, err := h.sign(m, martin)
		h.ok(err)
		if _, after := h.Counts(); after-before != 1 {
			t.Errorf("signing took %d commits, want 1", after-before)
		}
		if signed.State != mandat.Actif || signed.UsagerID == "" {
			t.Errorf("signed = %+v", signed)
		}
		read, err := h.Mandat(h.ctx, "ccas", m.ID)
		h.ok(err)
		same(t, "texte after signature", read.Texte, m.Texte)
		dossier, plain, who, err := h.Dossier(h.ctx, m.ID)
		h.ok(err)
		entries, err := h.MandatEntries(h.ctx, m.ID)
		h.ok(err)
		evidence := entries[len(entries)-1].Details["preuve_sha256"]
		if acte.KeysDigest(plain) != evidence || dossier.Userinfo != "userinfo-MARTINSECRET" {
			t.Errorf("dossier has digest %s, the journal says %s", acte.KeysDigest(plain), evidence)
		}
		same(t, "identity", who.Identite, martin.pivot)
		if who.Sub != martin.sub || !who.EmailSafe || who.ID != signed.UsagerID {
			t.Errorf("usager = %+v", who)
		}
		for i, e := range entries {
			if e.StreamSeq != int64(i+1) {
				t.Errorf("entry %d of the mandat has number %d", i+1, e.StreamSeq)
			}
		}
		if n := h.value("SELECT count(*) FROM brouillon") + h.value("SELECT count(*) FROM coffre_key WHERE subject LIKE 'brouillon:%'"); n != "00" {
			t.Errorf("the draft's sealed data or key remain: %s", n)
		}
		if _, err := h.sign(m, martin); !errors.Is(err, mandat.ErrState) {
			t.Errorf("a second signature = %v, want ErrState", err)
		}
		if _, _, _, err := h.Dossier(h.ctx, "m-autre"); !errors.Is(err, mandat.ErrNotFound) {
			t.Errorf("dossier of nothing = %v", err)
		}
	})
}

func TestOverlapIsReplacedOrRefused(t *testing.T) {
	onBoth(t, func(h *house) {
		first := h.signed("ccas", martin, "social", "papiers")
		h.ok(h.choose(first, "r1", "social"))
		over, err := h.Overlaps(h.ctx, "ccas", martin.sub, []string{"social", "argent"}, h.time())
		h.ok(err)
		same(t, "overlaps", over, []mandat.Replacement{{MandatID: first.ID, Number: first.Number, Domaine: "social"}})
		if none, err := h.Overlaps(h.ctx, "ccas", "inconnu", []string{"social"}, h.time()); err != nil || len(none) != 0 {
			t.Errorf("overlaps of nobody = %v, %v", none, err)
		}
		refused := h.given("ccas", martin, nil, "social")
		if _, err := h.sign(refused, martin); !errors.Is(err, mandat.ErrOverlap) {
			t.Errorf("an overlap the usager did not choose = %v", err)
		}
		h.expect(journal.MandatSign, journal.Denied)
		second, err := h.sign(h.given("ccas", martin, over, "social", "argent"), martin)
		h.ok(err)
		old, err := h.Mandat(h.ctx, "ccas", first.ID)
		h.ok(err)
		if _, runs := old.Active("social", h.time()); runs || old.Autorisations[0].EndReason != mandat.Remplacement {
			t.Errorf("the replaced autorisation runs: %+v", old.Autorisations)
		}
		if _, runs := old.Active("papiers", h.time()); !runs {
			t.Error("the other autorisation of the old mandat ended")
		}
		if second.UsagerID != first.UsagerID {
			t.Error("the same sub became another usager")
		}
		if l, err := h.ByCode(h.ctx, delegation.Hash("code-r1")); err != nil || l.RevokedAt.IsZero() {
			t.Errorf("the use of the replaced autorisation lives: %+v, %v", l, err)
		}
		file, err := h.Usager(h.ctx, "ccas", first.UsagerID)
		h.ok(err)
		if len(file.Mandats) != 2 {
			t.Errorf("%d mandats of the usager, want 2", len(file.Mandats))
		}
	})
}

func TestExpiredMandatMakesRoom(t *testing.T) {
	onBoth(t, func(h *house) {
		first := h.signed("ccas", martin, "social")
		h.pass(40 * 24 * time.Hour)
		second := h.signed("ccas", martin, "social")
		old, err := h.Mandat(h.ctx, "ccas", first.ID)
		h.ok(err)
		if old.State != mandat.Termine || old.EndReason != mandat.Echeance || second.State != mandat.Actif {
			t.Errorf("old %s (%s), new %s", old.State, old.EndReason, second.State)
		}
		if _, err := h.raw("INSERT INTO autorisation SELECT 'm-x', domaine, position, demarches, organisation_id, usager_id, NULL, '', journal_id FROM autorisation WHERE mandat_id = '" + second.ID + "'"); err == nil {
			t.Error("two active autorisations of one structure, usager and domaine")
		}
	})
}

func TestEndRevokesUses(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.signed("ccas", martin, "social", "papiers")
		h.ok(h.choose(m, "r1", "social"))
		h.ok(h.choose(m, "r2", "papiers"))
		h.ok(h.Redeem(h.ctx, delegation.Hash("code-r1"), h.token("r1")))
		h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Revoke([]string{"social"}, mandat.ByTelephone, by, h.time())
		})
		if _, err := h.Show(h.ctx, h.token("r1").Hash); !errors.Is(err, delegation.ErrRevoked) {
			t.Errorf("identity after the end = %v, want ErrRevoked", err)
		}
		if err := h.Redeem(h.ctx, delegation.Hash("code-r2"), h.token("r2")); err != nil {
			t.Errorf("the other domaine = %v", err)
		}
		if err := h.choose(m, "r3", "social"); !errors.Is(err, mandat.ErrEnded) {
			t.Errorf("use after the end = %v, want ErrEnded", err)
		}
		h.expect(journal.DelegationUse, journal.Denied)
	})
}

func TestDraftForgets(t *testing.T) {
	onBoth(t, func(h *house) {
		sealed := func() string {
			return h.value("SELECT count(*) FROM brouillon WHERE dossier IS NOT NULL") + h.value("SELECT count(*) FROM brouillon") +
				h.value("SELECT count(*) FROM coffre_key WHERE subject LIKE 'brouillon:%'")
		}
		m, _ := h.entrusted(h.draft("ccas", "social"))
		same(t, "sealed with a text", sealed(), "011")
		m = h.identified(m, martin)
		same(t, "sealed with an identification", sealed(), "111")
		key := h.value("SELECT count(*) FROM coffre_key")
		m = h.identified(m, durand)
		d, err := h.DraftDossier(h.ctx, "ccas", m.ID)
		h.ok(err)
		same(t, "userinfo of the second person", d.Userinfo, "userinfo-DURANDSECRET")
		same(t, "keys", h.value("SELECT count(*) FROM coffre_key"), key)
		m = h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Unidentify("pas_moi") })
		same(t, "sealed after « ce n'est pas moi »", sealed(), "011")
		if _, err := h.DraftDossier(h.ctx, "ccas", m.ID); !errors.Is(err, mandat.ErrState) {
			t.Errorf("evidence after « ce n'est pas moi » = %v", err)
		}
		m = h.identified(m, martin)
		m = h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Decline(h.time()) })
		same(t, "sealed after declining", sealed(), "000")
		m, _ = h.entrusted(m)
		m = h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Abandon(by, h.time()) })
		same(t, "sealed after abandoning", sealed(), "000")
		if m.State != mandat.SansSuite || !m.Texte.IsZero() {
			t.Errorf("abandoned draft = %+v", m)
		}
	})
}

func TestEntrustedSession(t *testing.T) {
	onBoth(t, func(h *house) {
		m, ref := h.entrusted(h.draft("ccas", "social"))
		s, _, _, err := h.Session(h.ctx, ref)
		h.ok(err)
		same(t, "entrusted for", s.Entrusted, m.ID)
		stale := s
		stale.Entrusted = ""
		h.ok(h.SaveSession(h.ctx, stale))
		takeBack := func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.TakeBack(by, h.time()) }
		renewed := aidant.Session{Ref: "neuve", AidantID: "a-paul", CreatedAt: h.time(), SeenAt: h.time()}
		if _, err := h.TakeBack(h.ctx, ref, renewed, m.ID, acte.Proof{}, takeBack); !errors.Is(err, aidant.ErrOther) {
			t.Errorf("another agent takes the screen back: %v", err)
		}
		renewed.AidantID = "a-jeanne"
		if _, err := h.TakeBack(h.ctx, ref, renewed, "m-autre", acte.Proof{}, takeBack); !errors.Is(err, aidant.ErrOther) {
			t.Errorf("the screen is taken back for another mandat: %v", err)
		}
		_, err = h.TakeBack(h.ctx, ref, renewed, m.ID, acte.Proof{}, takeBack)
		h.ok(err)
		if _, _, _, err := h.Session(h.ctx, ref); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("the old reference = %v, want ErrSession", err)
		}
		s, _, _, err = h.Session(h.ctx, "neuve")
		h.ok(err)
		if s.Entrusted != "" || s.OrganisationID != "ccas" {
			t.Errorf("renewed session = %+v", s)
		}
		if _, err := h.TakeBack(h.ctx, ref, renewed, m.ID, acte.Proof{}, takeBack); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("taken back twice = %v", err)
		}
		if _, err := h.EntrustScreen(h.ctx, "absente", "ccas", m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Entrust(acte.Texte{Version: "v", Body: "x", Salt: acte.NewSalt()}, nil, m.EndsAt, by, h.time())
		}); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("entrusting without a session = %v", err)
		}
		h.expect(journal.MandatTakeBack, journal.OK)
	})
}

func TestOneScreenAtATime(t *testing.T) {
	onBoth(t, func(h *house) {
		m, first := h.entrusted(h.draft("ccas", "social"))
		second := h.session("s-jeanne", "a-jeanne", "26999901700016")
		_, err := h.EntrustScreen(h.ctx, second, "ccas", m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
			return m.Entrust(acte.Texte{Version: "v", Body: "x", Salt: acte.NewSalt()}, nil, m.EndsAt, by, h.time())
		})
		h.ok(err)
		if _, _, _, err := h.Session(h.ctx, first); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("the screen entrusted before = %v, want ErrSession", err)
		}
		h.expect(journal.SessionClose, journal.OK)
		s, _, _, err := h.Session(h.ctx, second)
		h.ok(err)
		same(t, "entrusted for", s.Entrusted, m.ID)
	})
}

func TestListOfMandats(t *testing.T) {
	onBoth(t, func(h *house) {
		var ids []string
		for range 5 {
			h.pass(time.Minute)
			ids = append(ids, h.draft("ccas", "social").ID)
		}
		h.pass(time.Minute)
		signed := h.signed("ccas", martin, "papiers")
		slices.Reverse(ids)
		want := append([]string{signed.ID}, ids...)
		var got []string
		f := mandat.Filter{Limit: 4}
		for {
			files, next, err := h.Mandats(h.ctx, "ccas", f)
			h.ok(err)
			for _, file := range files {
				got = append(got, file.Mandats[0].ID)
			}
			if f.After = next; next == "" {
				break
			}
		}
		same(t, "pages", got, want)
		for state, n := range map[mandat.State]int{mandat.Actif: 1, mandat.Brouillon: 5, mandat.Termine: 0, mandat.SansSuite: 0, "": 6} {
			files, _, err := h.Mandats(h.ctx, "ccas", mandat.Filter{Status: state})
			h.ok(err)
			if len(files) != n {
				t.Errorf("%d mandats in state %q, want %d", len(files), state, n)
			}
		}
		files, _, err := h.Mandats(h.ctx, "ccas", mandat.Filter{Status: mandat.Actif})
		h.ok(err)
		same(t, "usager of the list", files[0].Usager.Identite, martin.pivot)
		h.pass(60 * 24 * time.Hour)
		if files, _, err := h.Mandats(h.ctx, "ccas", mandat.Filter{Status: mandat.Termine}); err != nil || len(files) != 1 {
			t.Errorf("a mandat past its end is listed %d times as terminé (%v)", len(files), err)
		}
	})
}

func TestSweep(t *testing.T) {
	onBoth(t, func(h *house) {
		draft, ref := h.entrusted(h.draft("ccas", "social"))
		m := h.signed("ccas", martin, "papiers")
		h.ok(h.choose(m, "r1", "papiers"))
		h.ok(h.Sweep(h.ctx))
		if _, _, _, err := h.Session(h.ctx, ref); err != nil {
			t.Errorf("a live session was swept: %v", err)
		}
		h.pass(40 * 24 * time.Hour)
		h.ok(h.Sweep(h.ctx))
		h.ok(h.Sweep(h.ctx))
		d, err := h.Mandat(h.ctx, "ccas", draft.ID)
		h.ok(err)
		e, err := h.Mandat(h.ctx, "ccas", m.ID)
		h.ok(err)
		if d.State != mandat.SansSuite || e.State != mandat.Termine {
			t.Errorf("swept draft is %s, expired mandat is %s", d.State, e.State)
		}
		if _, _, _, err := h.Session(h.ctx, ref); !errors.Is(err, aidant.ErrSession) {
			t.Errorf("an old session stays: %v", err)
		}
		if l, err := h.ByCode(h.ctx, delegation.Hash("code-r1")); err != nil || l.Protocol != nil || l.RevokedAt.IsZero() {
			t.Errorf("old protocol state stays: %+v, %v", l, err)
		}
	})
}
