package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/organisation"
)

// Rows of sessions older than these are swept; the session package ends
// sessions much earlier, by its own limits.
const (
	sessionIdleMax = 24 * time.Hour
	sessionLifeMax = 7 * 24 * time.Hour
)

type sessionRow struct {
	Ref            string  `db:"ref"`
	AidantID       string  `db:"aidant_id"`
	OrganisationID string  `db:"organisation_id"`
	CreatedAt      instant `db:"created_at"`
	SeenAt         instant `db:"seen_at"`
	AuthAt         instant `db:"auth_at"`
	Auth           string  `db:"auth"`
	Device         string  `db:"device"`
	Entrusted      string  `db:"entrusted"`
	Data           []byte  `db:"data"`
	IdpSub         string  `db:"idp_sub"`
	IdpSID         string  `db:"idp_sid"`
	Appareil       string  `db:"appareil"`
	Notice         string  `db:"notice"`
}

// sessionLine is a session with its agent and their structure.
type sessionLine struct {
	aidantLine
	S sessionRow      `db:"s"`
	O organisationRow `db:"o"`
}

// signInLine is the candidate of a login.
type signInLine struct {
	aidantLine
	Suspended int64 `db:"suspended"`
}

func (r sessionRow) session() aidant.Session {
	return aidant.Session{Ref: r.Ref, AidantID: r.AidantID, OrganisationID: r.OrganisationID, CreatedAt: r.CreatedAt.time(), SeenAt: r.SeenAt.time(),
		AuthAt: r.AuthAt.time(), Auth: r.Auth, Device: r.Device, Entrusted: r.Entrusted, Data: r.Data,
		Appareil: r.Appareil, Notice: r.Notice}
}

func sessionOf(s aidant.Session) sessionRow {
	return sessionRow{Ref: s.Ref, AidantID: s.AidantID, OrganisationID: s.OrganisationID, CreatedAt: instant(s.CreatedAt), SeenAt: instant(s.SeenAt),
		AuthAt: instant(s.AuthAt), Auth: s.Auth, Device: s.Device, Entrusted: s.Entrusted, Data: s.Data}
}

func (q *queries) sessions(who string) {
	q.sessionInsert = insertInto("session", sessionRow{})
	q.sessionUpdate = "UPDATE session SET seen_at = ?, auth_at = ?, auth = ?, device = ?, data = ? WHERE ref = ? AND aidant_id = ?"
	q.sessionByRef = query("SELECT " + columns("s", sessionRow{}) + ", " + who + ", " + columns("o", organisationRow{}) + ` FROM session s
		JOIN aidant i ON i.id = s.aidant_id JOIN coffre_key ik ON ik.subject = 'aidant:' || i.id JOIN organisation o ON o.id = s.organisation_id
		WHERE s.ref = ?`)
	q.sessionPlain = query("SELECT " + plain(sessionRow{}) + " FROM session WHERE ref = ?")
	q.sessionOf = query("SELECT " + plain(sessionRow{}) + " FROM session WHERE aidant_id = ? ORDER BY seen_at DESC, ref")
	q.sessionTouch = "UPDATE session SET seen_at = ? WHERE ref = ?"
	q.sessionEntrust = "UPDATE session SET entrusted = ? WHERE ref = ? AND organisation_id = ?"
	q.sessionRivals = query("SELECT " + plain(sessionRow{}) + " FROM session WHERE entrusted = ? AND ref <> ? AND organisation_id = ? ORDER BY ref")
	q.sessionDelete = "DELETE FROM session WHERE ref = ?"
	q.sessionDeleteOthers = "DELETE FROM session WHERE aidant_id = ? AND ref <> ?"
	q.sessionDeleteOf = "DELETE FROM session WHERE aidant_id = ?"
	q.sessionBySub = query("SELECT " + plain(sessionRow{}) + " FROM session WHERE idp_sub = ? ORDER BY ref")
	q.sessionBySID = query("SELECT " + plain(sessionRow{}) + " FROM session WHERE idp_sid = ? ORDER BY ref")
	q.sessionIn = query("SELECT " + plain(sessionRow{}) + " FROM session WHERE organisation_id = ? ORDER BY ref")
	q.sessionDeleteOld = "DELETE FROM session WHERE seen_at < ? OR created_at < ?"
}

// SignIn decides on a login and opens the session, or leaves the refusal's
// trace. fresh gives Ref, times, Device and Data.
func (s *Store) SignIn(ctx context.Context, l aidant.Login, fresh aidant.Session) (aidant.Aidant, error) {
	var out aidant.Aidant
	err := s.write(ctx, func(t *tx) error {
		candidate, key, found, err := t.candidate(l)
		if err != nil {
			return err
		}
		signed, fact, err := aidant.SignIn(candidate, found, l)
		entry, err := t.settle(fact, err)
		if err != nil {
			return err
		}
		if err := t.saveAidant(signed, key, entry); err != nil {
			return err
		}
		row := sessionOf(fresh)
		row.AidantID, row.OrganisationID, row.Auth = signed.ID, signed.OrganisationID, "proconnect:"+l.ACR
		s.origin(&row, l.Origin())
		if err := t.recognise(&row, fresh.Browser); err != nil {
			return err
		}
		_, err = t.exec(s.q.sessionInsert, args(row)...)
		out = signed
		return err
	})
	return out, err
}

// candidate finds the agent by sub, else by e-mail and SIRET. An agent of a
// suspended structure is as suspended as their structure.
func (t *tx) candidate(l aidant.Login) (a aidant.Aidant, key []byte, found bool, err error) {
	sub := t.s.vault.Token(tokenAidantSub, l.Sub)
	var line signInLine
	err = t.get(&line, t.s.q.aidantSignIn, sub, t.s.emailToken(l.Email), l.SIRET, sub)
	if errors.Is(err, sql.ErrNoRows) || l.Sub == "" {
		return aidant.Aidant{}, nil, false, nil
	}
	if err != nil {
		return aidant.Aidant{}, nil, false, err
	}
	if a, err = t.s.aidant(line.aidantLine); err != nil {
		return aidant.Aidant{}, nil, false, err
	}
	if line.Suspended != 0 && !a.Suspended() {
		a.SuspendedAt = t.now // for the decision only: a refusal saves nothing
	}
	return a, line.Key, true, nil
}

// Session is a session with its agent and structure; aidant.ErrSession when it
// is unknown, or when one of them is suspended.
func (s *Store) Session(ctx context.Context, ref string) (aidant.Session, aidant.Aidant, organisation.Organisation, error) {
	line, err := one[sessionLine](ctx, s, s.q.sessionByRef, ref)
	if errors.Is(err, sql.ErrNoRows) {
		err = aidant.ErrSession
	}
	if err != nil {
		return aidant.Session{}, aidant.Aidant{}, organisation.Organisation{}, err
	}
	a, err := s.aidant(line.aidantLine)
	if err != nil {
		return aidant.Session{}, aidant.Aidant{}, organisation.Organisation{}, err
	}
	o := line.O.organisation()
	if a.Suspended() || o.Suspended {
		return aidant.Session{}, aidant.Aidant{}, organisation.Organisation{}, aidant.ErrSession
	}
	return line.S.session(), a, o, nil
}

// SaveSession writes what a session carries; aidant.ErrSession when it is gone,
// since a session that was ended must not come back. Whose it is and whether
// its screen is entrusted change by [Store.SignIn], [Store.EntrustScreen] and
// [Store.TakeBack] only. Beside others: one statement decides and writes.
func (s *Store) SaveSession(ctx context.Context, x aidant.Session) error {
	return s.beside(ctx, streams(), func(t *tx) error {
		return t.must(aidant.ErrSession, s.q.sessionUpdate, instant(x.SeenAt), instant(x.AuthAt), x.Auth, x.Device, x.Data, x.Ref, x.AidantID)
	})
}

// TouchSession notes that a session was used; aidant.ErrSession when it is gone.
// Beside others: one statement.
func (s *Store) TouchSession(ctx context.Context, ref string, at time.Time) error {
	return s.beside(ctx, streams(), func(t *tx) error { return t.must(aidant.ErrSession, s.q.sessionTouch, instant(at), ref) })
}

// EndSession ends a session with its fact; aidant.ErrSession when it is gone. Beside
// others: deleting the session decides.
func (s *Store) EndSession(ctx context.Context, ref string, fact journal.Fact) error {
	return s.beside(ctx, streams(fact.Stream()).withEnds(), func(t *tx) error {
		if err := t.must(aidant.ErrSession, s.q.sessionDelete, ref); err != nil {
			return err
		}
		_, err := t.append(fact)
		return err
	})
}

// SessionsIn lists the sessions of a structure's agents.
func (s *Store) SessionsIn(ctx context.Context, organisationID string) ([]aidant.Session, error) {
	rows, err := many[sessionRow](ctx, s, s.q.sessionIn, organisationID)
	out := make([]aidant.Session, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.session())
	}
	return out, err
}

// SessionsOf lists an agent's sessions, the last used first.
func (s *Store) SessionsOf(ctx context.Context, aidantID string) ([]aidant.Session, error) {
	rows, err := many[sessionRow](ctx, s, s.q.sessionOf, aidantID)
	out := make([]aidant.Session, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.session())
	}
	return out, err
}
