package store_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/coffre"
	"relais/internal/delegation"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/organisation"
	"relais/internal/provider"
	"relais/internal/store"
	"relais/internal/testkit/pgtest"
)

// The provider's view of the store.
var (
	_ provider.Ledger   = (*store.Store)(nil)
	_ provider.Recorder = (*store.Store)(nil)
)

// house is a store with two structures, two agents and a clock.
type house struct {
	*store.Store
	t      *testing.T
	ctx    context.Context
	engine string
	dsn    string
	vault  *coffre.Coffre
	mu     sync.Mutex
	now    time.Time
	broken bool // tampered with: the journal is not expected to verify
}

var by = journal.Actor{Type: journal.ActorAidant, Ref: "a-jeanne", Auth: "proconnect:eidas1-mfa"}

// onBoth runs a test on each engine and verifies the journal after it.
func onBoth(t *testing.T, test func(h *house)) {
	t.Helper()
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, engine)
			test(h)
			if h.broken {
				return
			}
			if _, err := h.VerifyJournal(h.ctx); err != nil {
				t.Errorf("journal: %v", err)
			}
		})
	}
}

func newHouse(t *testing.T, engine string) *house {
	t.Helper()
	h := &house{t: t, ctx: context.Background(), engine: engine, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	h.dsn = filepath.Join(t.TempDir(), "relais.db")
	if engine == store.PostgreSQL {
		h.dsn = pgtest.DSN(t)
	}
	var err error
	if h.vault, err = coffre.Open(filepath.Join(t.TempDir(), "cles")); err != nil {
		t.Fatal(err)
	}
	h.Store = h.open()
	h.ok(h.Migrate(h.ctx))
	h.ok(h.AdmitOrganisation(h.ctx, structure("ccas", "26999901700016"), journal.Systeme()))
	h.ok(h.AdmitOrganisation(h.ctx, structure("mairie", "21999902600012"), journal.Systeme()))
	h.ok(h.AdmitAidant(h.ctx, agent("a-jeanne", "ccas", "26999901700016"), journal.Systeme()))
	h.ok(h.AdmitAidant(h.ctx, agent("a-paul", "mairie", "21999902600012"), journal.Systeme()))
	return h
}

func (h *house) open() *store.Store {
	h.t.Helper()
	s, err := store.Open(h.ctx, store.Options{Engine: h.engine, DSN: h.dsn, Vault: h.vault, Now: h.time, App: "test"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = s.Close() }) // some tests closed it already
	return s
}

func (h *house) time() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// raw runs statements behind the store's back.
func (h *house) raw(statements string) (string, error) {
	h.t.Helper()
	if h.engine == store.PostgreSQL {
		out, err := pgtest.Exec(h.dsn, statements)
		return strings.TrimSpace(out), err
	}
	db, err := sql.Open("sqlite3", "file:"+h.dsn+"?_foreign_keys=on&_busy_timeout=5000")
	h.ok(err)
	defer func() { _ = db.Close() }() // nothing of it is used again
	if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(statements)), "SELECT") {
		var out string
		err := db.QueryRow(statements).Scan(&out)
		return out, err
	}
	_, err = db.Exec(statements)
	return "", err
}

func (h *house) value(query string) string {
	h.t.Helper()
	out, err := h.raw(query)
	h.ok(err)
	return out
}

func structure(id, siret string) organisation.Organisation {
	return organisation.Organisation{ID: id, Name: "Structure " + id, SIRET: siret, Address: "1 rue de l'Exemple", Postcode: "99001",
		City: "Valfictif", Telephone: "+33199000110", Timezone: "Europe/Paris"}
}

func agent(id, organisationID, siret string) aidant.Aidant {
	return aidant.Aidant{ID: id, OrganisationID: organisationID, Email: id + "@secret.example", SIRET: siret,
		GivenName: "Prenomsecret" + id, UsualName: "Nomsecret" + id, Roles: []aidant.Role{aidant.RoleAidant}}
}

func pivot(family, given string, birth identite.Birthdate) identite.Pivot {
	return identite.Pivot{FamilyName: family, GivenName: given, Gender: "female", Birthdate: birth, Birthplace: "75056", Birthcountry: identite.France}
}

func autorisation(code string) mandat.Autorisation {
	demarches := map[string]string{}
	for _, d := range catalogue().Domaines {
		demarches[d.Code] = d.Demarches[0].Code
	}
	return mandat.Autorisation{Domaine: code, Demarches: []string{demarches[code]}}
}

// draft opens a mandat in the structure.
func (h *house) draft(organisationID string, domaines ...string) mandat.Mandat {
	h.t.Helper()
	o, err := h.Organisation(h.ctx, organisationID)
	h.ok(err)
	p := mandat.Plan{Aidants: []string{"a-jeanne"}, Colleagues: true, Duration: mandat.Duration{Days: 31}, Capacity: mandat.CapacityFull}
	for _, d := range domaines {
		p.Autorisations = append(p.Autorisations, autorisation(d))
	}
	m, err := h.Draft(h.ctx, func() (mandat.Mandat, journal.Fact, error) {
		return mandat.Draft("m-"+strings.ToLower(rand.Text()), mandat.NewNumber(), o, p, by, h.time())
	})
	h.ok(err)
	return m
}

// session signs an agent in and returns the session's reference.
func (h *house) session(sub, aidantID, siret string) string {
	h.t.Helper()
	ref := delegation.Hash(rand.Text())
	_, err := h.SignIn(h.ctx, aidant.Login{Issuer: "i", Sub: sub, Email: aidantID + "@secret.example", SIRET: siret, ACR: "eidas1-mfa"},
		aidant.Session{Ref: ref, CreatedAt: h.time(), SeenAt: h.time(), AuthAt: h.time(), Device: "Firefox", Data: []byte{1}})
	h.ok(err)
	return ref
}

// who is an usager as FranceConnect tells of them.
type who struct {
	sub   string
	pivot identite.Pivot
}

var (
	martin = who{"sub-martin", pivot("MARTINSECRET", "Jeanne Élise", "1948-03-12")}
	durand = who{"sub-durand", pivot("DURANDSECRET", "Awa", "1980-00-00")}
)

func (h *house) dossier(m mandat.Mandat, w who) acte.Dossier {
	return acte.Dossier{Texte: m.Texte, Usager: acte.Proof{Issuer: "fc", IDToken: "jeton-" + w.sub, Salt: m.Texte.Salt}, Userinfo: "userinfo-" + w.pivot.FamilyName}
}

// entrusted brings a draft to the usager's screen and returns the session.
func (h *house) entrusted(m mandat.Mandat, replaces ...mandat.Replacement) (mandat.Mandat, string) {
	h.t.Helper()
	ref := h.session("s-jeanne", "a-jeanne", "26999901700016")
	texte := acte.Texte{Version: "2026-11-21", Body: "Textesecret du mandat " + m.Number, Salt: acte.NewSalt()}
	m, err := h.EntrustScreen(h.ctx, ref, m.OrganisationID, m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Entrust(texte, replaces, m.EndsAt, by, h.time())
	})
	h.ok(err)
	return m, ref
}

func (h *house) identified(m mandat.Mandat, w who) mandat.Mandat {
	h.t.Helper()
	m, err := h.IdentifyUsager(h.ctx, m.OrganisationID, m.ID, h.dossier(m, w), func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Identify(mandat.Identified{Pivot: w.pivot, IDP: "autre", OwnIDP: "relais", ACR: "eidas1", JWKS: "abc"}, time.UTC, h.time())
	})
	h.ok(err)
	return m
}

func (h *house) change(m mandat.Mandat, change func(mandat.Mandat) (mandat.Mandat, journal.Fact, error)) mandat.Mandat {
	h.t.Helper()
	m, err := h.ChangeMandat(h.ctx, m.OrganisationID, m.ID, change)
	h.ok(err)
	return m
}

// given brings a draft to « Je donne mandat » and the screen taken back.
func (h *house) given(organisationID string, w who, replaces []mandat.Replacement, domaines ...string) mandat.Mandat {
	h.t.Helper()
	m, ref := h.entrusted(h.draft(organisationID, domaines...), replaces...)
	m = h.identified(m, w)
	m = h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Confirm(true, h.time()) })
	m = h.change(m, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Give(h.time()) })
	h.pass(time.Second)
	renewed := aidant.Session{Ref: delegation.Hash(rand.Text()), AidantID: "a-jeanne", CreatedAt: h.time(), SeenAt: h.time(), AuthAt: h.time()}
	m, err := h.TakeBack(h.ctx, ref, renewed, m.ID, acte.Proof{Issuer: "pc", IDToken: "jeton-aidant"}, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.TakeBack(by, h.time())
	})
	h.ok(err)
	return m
}

func (h *house) sign(m mandat.Mandat, w who) (mandat.Mandat, error) {
	return h.SignMandat(h.ctx, m.OrganisationID, m.ID, acte.Attested{Sub: w.sub, Email: w.sub + "@secret.example", Pivot: w.pivot},
		func(m mandat.Mandat, usagerID string, overlaps []mandat.Replacement, evidence string) (mandat.Mandat, journal.Fact, error) {
			return m.Sign(usagerID, overlaps, evidence, by, h.time())
		},
		func(old mandat.Mandat, domaine string) (mandat.Mandat, journal.Fact, error) {
			return old.Replace(domaine, m.ID, by, h.time())
		})
}

// signed is a mandat in force.
func (h *house) signed(organisationID string, w who, domaines ...string) mandat.Mandat {
	h.t.Helper()
	m, err := h.sign(h.given(organisationID, w, nil, domaines...), w)
	h.ok(err)
	return m
}

// choose uses a mandat and returns the request's id; the code is code-id.
func (h *house) choose(m mandat.Mandat, id, domaine string) error {
	l := delegation.Login{ID: id, ClientID: "franceconnect-fictif", MandatID: m.ID, Domaine: domaine, AidantID: "a-jeanne", OrganisationID: m.OrganisationID,
		SessionRef: "ref", ChosenAt: h.time(), CodeHash: delegation.Hash("code-" + id), CodeExpiresAt: h.time().Add(30 * time.Second), Protocol: []byte("{}")}
	return h.UseMandat(h.ctx, l, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Use(domaine, []string{domaine}, m.OrganisationID, l.ClientID, id, by, h.time())
	})
}

func (h *house) token(id string) delegation.Token {
	return delegation.Token{Hash: delegation.Hash("token-" + id), ExpiresAt: h.time().Add(time.Minute), Protocol: []byte(`{"t":1}`)}
}

// last is the newest entry.
func (h *house) last() journal.Record {
	h.t.Helper()
	all, err := h.Journal(h.ctx, journal.Filter{Limit: 1})
	h.ok(err)
	if len(all) != 1 {
		h.t.Fatal("the journal is empty")
	}
	return all[0]
}

// size is the number of entries.
func (h *house) size() int64 {
	h.t.Helper()
	head, err := h.Head(h.ctx)
	h.ok(err)
	return head.Size
}

func (h *house) expect(last journal.Action, outcome journal.Outcome) {
	h.t.Helper()
	if r := h.last(); r.Action != last || r.Outcome != outcome {
		h.t.Errorf("last entry is %s %s, want %s %s", r.Action, r.Outcome, last, outcome)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s = %s, want %s", what, g, w)
	}
}
