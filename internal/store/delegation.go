package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
)

type delegationRow struct {
	ID             string  `db:"id"`
	ClientID       string  `db:"client_id"`
	MandatID       string  `db:"mandat_id"`
	Domaine        string  `db:"domaine"`
	UsagerID       string  `db:"usager_id"`
	AidantID       string  `db:"aidant_id"`
	OrganisationID string  `db:"organisation_id"`
	SessionRef     string  `db:"session_ref"`
	ChosenAt       instant `db:"chosen_at"`
	CodeHash       string  `db:"code_hash"`
	CodeExpiresAt  instant `db:"code_expires_at"`
	ConsumedAt     instant `db:"consumed_at"`
	TokenHash      text    `db:"token_hash"`
	TokenExpiresAt instant `db:"token_expires_at"`
	RevokedAt      instant `db:"revoked_at"`
	EndedAt        instant `db:"ended_at"`
	Protocol       []byte  `db:"protocol"`
	JournalID      int64   `db:"journal_id"`
}

// loginLine is a delegated login with the place of its mandat's stream.
type loginLine struct {
	D      delegationRow `db:"d"`
	Stream streamRow     `db:"j"`
}

// identityLine is one autorisation of the mandat of a delegated login, with
// everybody whom a service may be told about. In no order.
type identityLine struct {
	aidantLine
	usagerLine
	D      delegationRow   `db:"d"`
	M      mandatRow       `db:"m"`
	A      autorisationRow `db:"a"`
	O      organisationRow `db:"o"`
	Stream streamRow       `db:"j"`
}

// openLine is one autorisation of the mandat of a use that was not ended. In no
// order: a decision looks for one by its domaine, and sorting rows this wide
// costs as much as finding them.
type openLine struct {
	usagerLine
	D delegationRow   `db:"d"`
	M mandatRow       `db:"m"`
	A autorisationRow `db:"a"`
}

// useLine is one autorisation of a mandat about to be used, with what stands in
// the way: the same request answered, or a use for another usager.
type useLine struct {
	mandatLine
	Made  text `db:"made"`
	Other text `db:"other"`
}

// errRace means that another transaction redeemed the code in between.
var errRace = errors.New("code utilisé entre-temps")

func loginRow(l delegation.Login, journalID int64) delegationRow {
	return delegationRow{ID: l.ID, ClientID: l.ClientID, MandatID: l.MandatID, Domaine: l.Domaine, UsagerID: l.UsagerID, AidantID: l.AidantID,
		OrganisationID: l.OrganisationID, SessionRef: l.SessionRef, ChosenAt: instant(l.ChosenAt), CodeHash: l.CodeHash,
		CodeExpiresAt: instant(l.CodeExpiresAt), ConsumedAt: instant(l.ConsumedAt), TokenHash: text(l.TokenHash),
		TokenExpiresAt: instant(l.TokenExpiresAt), RevokedAt: instant(l.RevokedAt), EndedAt: instant(l.EndedAt), Protocol: l.Protocol, JournalID: journalID}
}

func (r delegationRow) login() delegation.Login {
	return delegation.Login{ID: r.ID, ClientID: r.ClientID, MandatID: r.MandatID, Domaine: r.Domaine, UsagerID: r.UsagerID, AidantID: r.AidantID,
		OrganisationID: r.OrganisationID, SessionRef: r.SessionRef, ChosenAt: r.ChosenAt.time(), CodeHash: r.CodeHash,
		CodeExpiresAt: r.CodeExpiresAt.time(), ConsumedAt: r.ConsumedAt.time(), TokenHash: string(r.TokenHash),
		TokenExpiresAt: r.TokenExpiresAt.time(), RevokedAt: r.RevokedAt.time(), EndedAt: r.EndedAt.time(), Protocol: r.Protocol}
}

func (q *queries) delegations() {
	const from = " FROM delegation d JOIN mandat m ON m.id = d.mandat_id"
	login := query("SELECT "+columns("d", delegationRow{})+`, j.stream_seq AS "j.seq", j.leaf AS "j.leaf"`+from) + mandatStream
	bare := query("SELECT " + plain(delegationRow{}) + " FROM delegation")
	q.delegationInsert = insertInto("delegation", delegationRow{})
	q.delegationStop = "UPDATE delegation SET revoked_at = ?, ended_at = ?, journal_id = ? WHERE id = ?"
	q.delegationRedeem = `UPDATE delegation SET consumed_at = ?, token_hash = ?, token_expires_at = ?, protocol = ?, journal_id = ?
		WHERE id = ? AND consumed_at IS NULL AND revoked_at IS NULL`
	const open = "SELECT id FROM delegation WHERE aidant_id = ? AND ended_at IS NULL AND usager_id "
	q.mandatUse = query("SELECT "+mandatColumns()+`, j.stream_seq AS "j.seq", j.leaf AS "j.leaf",
		(SELECT id FROM delegation WHERE id = ?) AS "made", coalesce((`+open+"< m.usager_id LIMIT 1), ("+open+`> m.usager_id LIMIT 1)) AS "other"`+mandatFrom) +
		mandatStream + " WHERE m.id = ? AND m.organisation_id = ?"
	q.delegationByCode = bare + " WHERE code_hash = ?"
	q.delegationByToken = bare + " WHERE token_hash = ?"
	q.loginByID = login + " WHERE d.id = ?"
	q.loginByCode = login + " WHERE d.code_hash = ?"
	q.delegationLive = login + " WHERE d.mandat_id = ? AND d.revoked_at IS NULL AND (d.ended_at IS NULL OR d.token_expires_at > ?) ORDER BY d.id"
	q.delegationOpen = login + " WHERE d.aidant_id = ? AND d.ended_at IS NULL ORDER BY d.chosen_at, d.id"
	q.delegationLately = bare + ` WHERE aidant_id = ? AND ended_at IS NULL AND chosen_at >= ? AND session_ref = ? AND client_id = ?
		ORDER BY chosen_at DESC, id DESC LIMIT 50`
	q.delegationForget = "UPDATE delegation SET protocol = NULL WHERE protocol IS NOT NULL AND chosen_at < ?"
	const people = ` JOIN autorisation a ON a.mandat_id = m.id
		JOIN usager u ON u.id = d.usager_id JOIN coffre_key uk ON uk.subject = 'usager:' || u.id`
	common := "SELECT " + columns("d", delegationRow{}) + ", " + mandatColumns() + ", " + columns("u", usagerRow{}) + `, uk.wrapped AS "ukey"`
	q.openUse = query(common + from + people + ` WHERE d.id = (SELECT id FROM delegation WHERE aidant_id = ? AND ended_at IS NULL
		ORDER BY chosen_at DESC, id DESC LIMIT 1)`)
	q.identityByToken = query(common+", "+columns("i", aidantRow{})+`, ik.wrapped AS "ikey", `+columns("o", organisationRow{})+
		`, j.stream_seq AS "j.seq", j.leaf AS "j.leaf"`+from+people+` JOIN aidant i ON i.id = d.aidant_id
		JOIN coffre_key ik ON ik.subject = 'aidant:' || i.id JOIN organisation o ON o.id = d.organisation_id`) +
		mandatStream + " WHERE d.token_hash = ?"
}

// UseMandat records the aidant's choice: the use of the mandat and the login
// that comes of it. delegation.ErrMade when this request was answered already,
// delegation.ErrOpen when the aidant has not ended a use for another usager,
// mandat.ErrNotFound when the mandat is not the structure's.
//
// Beside others: it decides on the mandat with its autorisations, held by its
// stream; on the aidant's other open uses, which only their next use could add to,
// and which holds the aidant; on the request, whose id is unique.
func (s *Store) UseMandat(ctx context.Context, l delegation.Login, use transition) error {
	return s.beside(ctx, streams(l.MandatID).and("aidant", l.AidantID), func(t *tx) error {
		var lines []useLine
		if err := t.list(&lines, s.q.mandatUse, l.ID, l.AidantID, l.AidantID, l.MandatID, l.OrganisationID); err != nil {
			return err
		}
		switch {
		case len(lines) == 0:
			return mandat.ErrNotFound
		case lines[0].Made != "":
			return delegation.ErrMade
		case lines[0].Other != "":
			by := journal.Actor{Type: journal.ActorAidant, Ref: l.AidantID}
			_, err := t.settle(delegation.Denied(by, l.ClientID, "demarche_ouverte"), delegation.ErrOpen)
			return err
		}
		m := lines[0].M.mandat()
		for _, line := range lines {
			m.Autorisations = append(m.Autorisations, line.A.autorisation())
		}
		t.known(m.ID, lines[0].Stream)
		_, fact, err := use(m)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		l.UsagerID = m.UsagerID
		_, err = t.exec(s.q.delegationInsert, args(loginRow(l, entry))...)
		return err
	})
}

// ByCode finds a delegated login by its code's hash; delegation.ErrNotFound.
func (s *Store) ByCode(ctx context.Context, codeHash string) (delegation.Login, error) {
	return s.login(ctx, s.q.delegationByCode, codeHash)
}

// ByToken finds a delegated login by its token's hash; delegation.ErrNotFound.
func (s *Store) ByToken(ctx context.Context, tokenHash string) (delegation.Login, error) {
	return s.login(ctx, s.q.delegationByToken, tokenHash)
}

func (s *Store) login(ctx context.Context, q query, hash string) (delegation.Login, error) {
	row, err := one[delegationRow](ctx, s, q, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return delegation.Login{}, delegation.ErrNotFound
	}
	return row.login(), err
}

// loginFor loads one delegated login inside a write.
func (t *tx) loginFor(q query, key string) (delegation.Login, error) {
	found, err := t.logins(q, key)
	if err == nil && len(found) == 0 {
		err = delegation.ErrNotFound
	}
	if err != nil {
		return delegation.Login{}, err
	}
	return found[0], nil
}

// saveLogin writes the end or the revocation of a delegated login.
func (t *tx) saveLogin(l delegation.Login, fact journal.Fact) error {
	entry, err := t.append(fact)
	if err != nil {
		return err
	}
	err = t.must(delegation.ErrNotFound, t.s.q.delegationStop, instant(l.RevokedAt), instant(l.EndedAt), entry, l.ID)
	if err != nil {
		return fmt.Errorf("connexion déléguée %s: %w", l.ID, err)
	}
	return nil
}

// Redeem consumes a code and records the token, once. See provider.Ledger.
//
// Beside others: it decides on the login of the code, held by its mandat's stream,
// and consumes it by a compare-and-set besides.
func (s *Store) Redeem(ctx context.Context, codeHash string, token delegation.Token) error {
	for {
		err := s.beside(ctx, streamsBy(s.q.lockByCode, codeHash), func(t *tx) error { return t.redeem(codeHash, token) })
		if !errors.Is(err, errRace) {
			return err // after a lost race the code is consumed, and the next round says so
		}
	}
}

func (t *tx) redeem(codeHash string, token delegation.Token) error {
	l, err := t.loginFor(t.s.q.loginByCode, codeHash)
	if err != nil {
		return err
	}
	next, fact, err := l.Redeem(token, t.now)
	if errors.Is(err, delegation.ErrConsumed) {
		if failed := t.saveLogin(next, fact); failed != nil {
			return failed
		}
		return &refusal{err}
	}
	entry, err := t.settle(fact, err)
	if err != nil {
		return err
	}
	return t.must(errRace, t.s.q.delegationRedeem, instant(next.ConsumedAt), next.TokenHash, instant(next.TokenExpiresAt), next.Protocol, entry, l.ID)
}

// Show records that the identity is handed over and returns it, unless the
// login, its mandat, its agent or its structure were stopped. See
// provider.Ledger.
//
// Beside others: it decides on the login and its mandat, held by its stream, and on
// the agent and the structure, who are suspended by writes that hold everything.
func (s *Store) Show(ctx context.Context, tokenHash string) (delegation.Identity, error) {
	return s.handOver(ctx, tokenHash, delegation.Login.Show)
}

// Inspect records that a resource server asked what a token stands for, under the
// same conditions as Show. See provider.Inspector.
func (s *Store) Inspect(ctx context.Context, tokenHash string, by journal.Actor) (delegation.Identity, error) {
	return s.handOver(ctx, tokenHash, func(l delegation.Login, m mandat.Mandat, at time.Time) (journal.Fact, error) {
		return l.Inspect(by, m, at)
	})
}

func (s *Store) handOver(ctx context.Context, tokenHash string, decide func(delegation.Login, mandat.Mandat, time.Time) (journal.Fact, error)) (delegation.Identity, error) {
	var out delegation.Identity
	err := s.beside(ctx, streamsBy(s.q.lockByToken, tokenHash), func(t *tx) error {
		var lines []identityLine
		if err := t.list(&lines, s.q.identityByToken, tokenHash); err != nil {
			return err
		}
		if len(lines) == 0 {
			return delegation.ErrNotFound
		}
		t.known(lines[0].D.MandatID, lines[0].Stream)
		id, err := s.identity(lines)
		if err != nil {
			return err
		}
		l := id.Login
		if l.RevokedAt.IsZero() && (id.Aidant.Suspended() || id.Organisation.Suspended) {
			l.RevokedAt = t.now // for the decision only
		}
		fact, err := decide(l, id.Mandat, t.now)
		if _, err := t.settle(fact, err); err != nil {
			return err
		}
		out = id
		return nil
	})
	return out, err
}

func (s *Store) identity(lines []identityLine) (delegation.Identity, error) {
	first := lines[0]
	m := first.M.mandat()
	for _, l := range lines {
		m.Autorisations = append(m.Autorisations, l.A.autorisation())
	}
	who, err := s.usager(first.usagerLine)
	if err != nil {
		return delegation.Identity{}, err
	}
	a, err := s.aidant(first.aidantLine)
	if err != nil {
		return delegation.Identity{}, err
	}
	return delegation.Identity{Login: first.D.login(), Usager: who, Mandat: m, Aidant: a, Organisation: first.O.organisation()}, nil
}
