package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/signal"
)

// factRow is an entry that rules look back at.
type factRow struct {
	Index          int64   `db:"idx"`
	At             instant `db:"at"`
	Action         string  `db:"action"`
	MandatID       string  `db:"mandat_id"`
	AidantID       string  `db:"aidant_id"`
	OrganisationID string  `db:"organisation_id"`
	UsagerID       text    `db:"usager_id"`
}

// signalRow is a signal.
type signalRow struct {
	Rule           string  `db:"rule"`
	Index          int64   `db:"idx"`
	At             instant `db:"at"`
	MandatID       string  `db:"mandat_id"`
	AidantRef      string  `db:"aidant_ref"` // as the entry names the agent: hidden, and unreadable once its month is forgotten
	OrganisationID string  `db:"organisation_id"`
	Departement    string  `db:"departement"`
}

// signalMandatRow is what a mandat and its structure have fixed.
type signalMandatRow struct {
	OrganisationID string  `db:"organisation_id"`
	UsagerID       text    `db:"usager_id"`
	EndsAt         instant `db:"ends_at"`
	Timezone       string  `db:"timezone"`
	Opening        string  `db:"opening"`
	Postcode       string  `db:"postcode"`
}

type momentRow struct {
	At       instant `db:"at"`
	AidantID string  `db:"aidant_id"`
	MandatID string  `db:"mandat_id"`
	Used     int64   `db:"used"`
}

// namesRow is an usager and an agent, sealed.
type namesRow struct {
	usagerLine
	aidantLine
}

func (q *queries) signals() {
	q.factInsert = insertInto("signal_fait", factRow{}) + " ON CONFLICT (idx) DO NOTHING"
	q.signalInsert = insertInto("signal", signalRow{}) + " ON CONFLICT (idx, rule) DO NOTHING"
	q.signalMandat = `SELECT m.organisation_id, m.usager_id, m.ends_at, o.timezone, o.opening, o.postcode
		FROM mandat m JOIN organisation o ON o.id = m.organisation_id WHERE m.id = ?`
	q.factsOfAidant = "SELECT at FROM signal_fait WHERE aidant_id = ? AND action = ? AND idx < ? ORDER BY idx DESC LIMIT " + query(strconv.Itoa(signal.Lookback))
	q.factOfMandat = "SELECT at, aidant_id FROM signal_fait WHERE mandat_id = ? AND action = ? AND idx < ? ORDER BY idx DESC LIMIT 1"
	q.factKnown = "SELECT at FROM signal_fait WHERE mandat_id = ? AND action IN ('mandat.sign', 'delegation.use') AND idx < ? AND aidant_id = ? LIMIT 1"
	q.factFormer = `SELECT f.at, CASE WHEN EXISTS (SELECT 1 FROM signal_fait u WHERE u.mandat_id = f.mandat_id AND u.action = 'delegation.use' AND u.idx < ?)
		THEN 1 ELSE 0 END AS used FROM signal_fait f
		WHERE f.usager_id = ? AND f.organisation_id = ? AND f.action = 'mandat.sign' AND f.idx < ? AND f.mandat_id <> ? AND EXISTS (
			SELECT 1 FROM autorisation a JOIN autorisation b ON b.domaine = a.domaine WHERE a.mandat_id = f.mandat_id AND b.mandat_id = ?)
		ORDER BY f.idx DESC LIMIT 1`
	q.signalNames = query("SELECT "+columns("u", usagerRow{})+`, uk.wrapped AS "ukey", `+columns("i", aidantRow{})+`, ik.wrapped AS "ikey"
		FROM usager u JOIN coffre_key uk ON uk.subject = 'usager:' || u.id, aidant i JOIN coffre_key ik ON ik.subject = 'aidant:' || i.id`) +
		" WHERE u.id = ? AND i.id = ?"
	q.actorAt = "SELECT actor_ref FROM journal_entry WHERE idx = ?"
	q.signalsForget, q.factsForget = "DELETE FROM signal", "DELETE FROM signal_fait"
	q.factsBlank = "UPDATE signal_fait SET aidant_id = '' WHERE at >= ? AND at < ?"
	q.streamBefore = query("SELECT " + indexed(bodyRow{}) + " FROM journal_entry WHERE mandat_id = ? AND mandat_id <> '' AND stream_seq < ? ORDER BY stream_seq DESC LIMIT 20")
	q.signalForget = "DELETE FROM signal WHERE rule = '" + query(signal.SameName) + "' AND mandat_id IN (SELECT id FROM mandat WHERE usager_id = ?)"
}

// signalFollower keeps the signals.
type signalFollower struct{}

func (signalFollower) name() string { return "signaux" }

func (signalFollower) forget(t *tx) error {
	_, signals := t.exec(t.s.q.signalsForget)
	_, facts := t.exec(t.s.q.factsForget)
	return errors.Join(signals, facts)
}

// derive looks at the entries one after the other, inside the transaction: a
// rule may look back at one of the same batch.
func (signalFollower) derive(_ context.Context, entries []located) (func(*tx) error, error) {
	return func(t *tx) error {
		for _, e := range entries {
			err := t.watch(e)
			if isUnread(err) {
				err = t.markUnread(signalFollower{}.name(), e.Index)
			}
			if err != nil {
				return fmt.Errorf("signal, entrée %d: %w", e.Index, err)
			}
		}
		return nil
	}, nil
}

// watch is one entry being looked at by the rules.
type watch struct {
	*tx
	e   journal.Record
	m   signalMandatRow
	ref string // the agent of whom the signal speaks, as an entry names them
}

// watch evaluates the rules on one entry and writes what holds, and what later
// entries will look back at. All that may turn out to be unreadable is read before
// anything is written.
func (t *tx) watch(e located) error {
	if !signal.Concerns(e.Action, e.Outcome) || e.Mandat == "" || e.unread != nil {
		return nil
	}
	w := &watch{tx: t, e: e.Record, ref: e.ref}
	if found, err := w.find(&w.m, t.s.q.signalMandat, e.Mandat); err != nil || !found {
		return err // a mandat that is not there has no structure to show the signal to
	}
	c, err := w.around()
	if err != nil {
		return err
	}
	if err := w.write(signal.Evaluate(e.Record, c), e.facets.Departement); err != nil {
		return err
	}
	if e.Action == journal.MandatGive {
		return nil // nothing looks back at it
	}
	_, err = t.exec(t.s.q.factInsert, args(factRow{Index: e.Index, At: instant(e.At), Action: string(e.Action), MandatID: e.Mandat,
		AidantID: e.Actor.Ref, OrganisationID: w.m.OrganisationID, UsagerID: w.m.UsagerID})...)
	return err
}

func (w *watch) write(held []signal.Code, departement string) error {
	for _, rule := range held {
		row := signalRow{Rule: string(rule), Index: w.e.Index, At: instant(w.e.At), MandatID: w.e.Mandat, AidantRef: w.ref,
			OrganisationID: w.m.OrganisationID, Departement: departement}
		if _, err := w.exec(w.s.q.signalInsert, args(row)...); err != nil {
			return err
		}
	}
	return nil
}

// find reads one row; false when there is none.
func (w *watch) find(dest any, q query, args ...any) (bool, error) {
	err := w.get(dest, q, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// around gathers what stands around the entry.
func (w *watch) around() (c signal.Context, err error) {
	if w.e.Action == journal.MandatGive {
		return c, w.reading(&c)
	}
	var acts []momentRow
	if err := w.list(&acts, w.s.q.factsOfAidant, w.e.Actor.Ref, string(w.e.Action), w.e.Index); err != nil {
		return c, err
	}
	for _, a := range acts {
		c.Acts = append(c.Acts, a.At.time())
	}
	if w.e.Action == journal.DelegationUse {
		return c, w.use(&c)
	}
	return c, w.signature(&c)
}

// reading tells when the usager was shown the text they gave, and its length:
// from the mandat's own entries of this one attempt.
func (w *watch) reading(c *signal.Context) error {
	var rows []bodyRow
	if err := w.list(&rows, w.s.q.streamBefore, w.e.Mandat, w.e.StreamSeq); err != nil {
		return err
	}
	before, err := w.s.records(w.ctx, rows)
	if err != nil {
		return err
	}
	for _, r := range before {
		switch {
		case r.Outcome != journal.OK:
		case r.Action == journal.MandatConfirm && c.Shown.IsZero():
			c.Shown = r.At
		case r.Action == journal.MandatEntrust:
			c.Words, _ = strconv.Atoi(r.Details["mots"]) // 0 for entries of earlier versions, which do not say it
			_, err = w.find(&w.ref, w.s.q.actorAt, r.Index)
			return err
		}
	}
	return nil
}

func (w *watch) signature(c *signal.Context) error {
	var former momentRow
	found, err := w.find(&former, w.s.q.factFormer, w.e.Index, w.m.UsagerID, w.m.OrganisationID, w.e.Index, w.e.Mandat, w.e.Mandat)
	if err != nil {
		return err
	}
	if found {
		c.Former = signal.Former{Signed: former.At.time(), Used: former.Used != 0}
	}
	c.Namesake, err = w.namesake()
	return err
}

func (w *watch) use(c *signal.Context) error {
	o := organisation.Organisation{Timezone: w.m.Timezone, Opening: w.m.Opening}
	c.Zone, c.Opening, c.Ends = o.Location(), o.OpeningHours(), w.m.EndsAt.time()
	var signed, last, known momentRow
	if _, err := w.find(&signed, w.s.q.factOfMandat, w.e.Mandat, string(journal.MandatSign), w.e.Index); err != nil {
		return err
	}
	if _, err := w.find(&last, w.s.q.factOfMandat, w.e.Mandat, string(journal.DelegationUse), w.e.Index); err != nil {
		return err
	}
	var err error
	if c.Known, err = w.find(&known, w.s.q.factKnown, w.e.Mandat, w.e.Index, w.e.Actor.Ref); err != nil {
		return err
	}
	c.Signed, c.SignedBy, c.LastUse = signed.At.time(), signed.AidantID, last.At.time()
	if !c.Known {
		c.Namesake, err = w.namesake()
	}
	return err
}

// namesake compares the two names inside the store: what leaves it is one bit,
// and nothing once the usager is erased.
func (w *watch) namesake() (bool, error) {
	var row namesRow
	if found, err := w.find(&row, w.s.q.signalNames, w.m.UsagerID, w.e.Actor.Ref); err != nil || !found {
		return false, err
	}
	who, err := w.s.usager(row.usagerLine)
	if err != nil {
		return false, err
	}
	agent, err := w.s.aidant(row.aidantLine)
	return err == nil && signal.SameFamily(who.Identite, agent.UsualName), err
}
