package store

import (
	"fmt"
	"slices"

	"relais/internal/acte"
	"relais/internal/mandat"
)

type mandatRow struct {
	ID             string                   `db:"id"`
	Number         string                   `db:"number"`
	OrganisationID string                   `db:"organisation_id"`
	UsagerID       text                     `db:"usager_id"`
	CreatedBy      string                   `db:"created_by"`
	CreatedAt      instant                  `db:"created_at"`
	State          string                   `db:"state"`
	Aidants        list[string]             `db:"aidants"`
	Colleagues     int64                    `db:"colleagues"`
	DurationDays   int64                    `db:"duration_days"`
	LastDay        instant                  `db:"last_day"`
	EndsAt         instant                  `db:"ends_at"`
	Replaces       list[mandat.Replacement] `db:"replaces"`
	EntrustedAt    instant                  `db:"entrusted_at"`
	IdentifiedAt   instant                  `db:"identified_at"`
	ConfirmedAt    instant                  `db:"confirmed_at"`
	EmailSafe      int64                    `db:"email_safe"`
	GivenAt        instant                  `db:"given_at"`
	DeclinedAt     instant                  `db:"declined_at"`
	TakenBackAt    instant                  `db:"taken_back_at"`
	SignedAt       instant                  `db:"signed_at"`
	AcceptedBy     string                   `db:"accepted_by"`
	EndedAt        instant                  `db:"ended_at"`
	EndReason      string                   `db:"end_reason"`
	DisputedAt     instant                  `db:"disputed_at"`
	DisputeReason  string                   `db:"dispute_reason"`
	DisputeReview  instant                  `db:"dispute_review"`
	Rev            int64                    `db:"rev"`
	JournalID      int64                    `db:"journal_id"`
}

type autorisationRow struct {
	MandatID       string       `db:"mandat_id"`
	Domaine        string       `db:"domaine"`
	Position       int64        `db:"position"`
	Demarches      list[string] `db:"demarches"`
	OrganisationID string       `db:"organisation_id"`
	UsagerID       text         `db:"usager_id"`
	EndedAt        instant      `db:"ended_at"`
	EndReason      string       `db:"end_reason"`
	JournalID      int64        `db:"journal_id"`
}

// mandatLine is one autorisation of a mandat, with the mandat: a mandat has at
// least one, and is read with all of them by one statement.
type mandatLine struct {
	M      mandatRow       `db:"m"`
	A      autorisationRow `db:"a"`
	Stream streamRow       `db:"j"`
}

// fullLine adds what is sealed: a draft's text and evidence under the draft's
// key, or a signed mandat's evidence, which holds the text, under the usager's.
type fullLine struct {
	mandatLine
	Key     []byte `db:"mkey"`
	Texte   []byte `db:"texte"`
	Draft   []byte `db:"brouillon"`
	Dossier []byte `db:"dossier"`
}

const (
	mandatFrom   = " FROM mandat m JOIN autorisation a ON a.mandat_id = m.id"
	mandatStream = ` LEFT JOIN journal j ON j.mandat_id = m.id AND j.mandat_id <> ''
		AND j.stream_seq = (SELECT max(stream_seq) FROM journal x WHERE x.mandat_id = m.id AND x.mandat_id <> '')`
	mandatSealed = ` LEFT JOIN brouillon b ON b.mandat_id = m.id LEFT JOIN dossier d ON d.mandat_id = m.id
		LEFT JOIN coffre_key mk ON mk.subject = CASE WHEN d.mandat_id IS NULL THEN 'brouillon:' || m.id ELSE 'usager:' || m.usager_id END`
)

func mandatColumns() string {
	return columns("m", mandatRow{}) + ", " + columns("a", autorisationRow{})
}

func (q *queries) mandats() {
	const streamColumns = `, j.stream_seq AS "j.seq", j.leaf AS "j.leaf"`
	light := query("SELECT "+mandatColumns()+streamColumns+mandatFrom) + mandatStream
	full := query("SELECT "+mandatColumns()+streamColumns+`, mk.wrapped AS "mkey", b.texte AS "texte", b.dossier AS "brouillon", d.sealed AS "dossier"`+mandatFrom) +
		mandatSealed + mandatStream
	q.mandatInsert = insertInto("mandat", mandatRow{})
	q.mandatUpdate = update("mandat", mandatRow{}, "id = ? AND rev = ?")
	q.mandatLight = light + " WHERE m.id = ? AND m.organisation_id = ? ORDER BY a.position"
	q.mandatFull = full + " WHERE m.id = ? AND m.organisation_id = ? ORDER BY a.position"
	q.standing(string(light))
	q.mandatNumber = full + " WHERE m.number = ? ORDER BY a.position"
	q.mandatActive = light + " WHERE m.usager_id = ? AND m.organisation_id = ? AND m.state IN ('actif', 'suspendu') ORDER BY m.signed_at, m.id, a.position"
	q.mandatOld = light + ` WHERE m.id IN (SELECT id FROM mandat WHERE state = 'brouillon' AND created_at < ? ORDER BY created_at LIMIT 200)
		ORDER BY m.created_at, m.id, a.position`
	q.mandatExpired = light + ` WHERE m.id IN (SELECT id FROM mandat WHERE state IN ('actif', 'suspendu') AND ends_at <= ? ORDER BY ends_at LIMIT 200)
		ORDER BY m.ends_at, m.id, a.position`
	q.autorisationInsert = insertInto("autorisation", autorisationRow{})
	q.autorisationUpdate = "UPDATE autorisation SET ended_at = ?, end_reason = ?, journal_id = ? WHERE mandat_id = ? AND domaine = ?"
	q.autorisationDelete = "DELETE FROM autorisation WHERE mandat_id = ?"
	q.brouillonInsert = "INSERT INTO brouillon (mandat_id, texte, dossier) VALUES (?, ?, ?)"
	q.brouillonUpdate = "UPDATE brouillon SET dossier = ? WHERE mandat_id = ?"
	q.brouillonDelete = "DELETE FROM brouillon WHERE mandat_id = ?"
	q.dossierInsert = "INSERT INTO dossier (mandat_id, usager_id, sealed) VALUES (?, ?, ?)"
}

func mandatOf(m mandat.Mandat, journalID int64) mandatRow {
	s := m.Signature
	return mandatRow{ID: m.ID, Number: m.Number, OrganisationID: m.OrganisationID, UsagerID: text(m.UsagerID), CreatedBy: m.CreatedBy,
		CreatedAt: instant(m.CreatedAt), State: string(m.State), Aidants: m.Aidants, Colleagues: bit(m.Colleagues),
		DurationDays: int64(m.Duration.Days), LastDay: instant(m.Duration.LastDay), EndsAt: instant(m.EndsAt), Replaces: m.Replaces,
		EntrustedAt: instant(s.EntrustedAt), IdentifiedAt: instant(s.IdentifiedAt), ConfirmedAt: instant(s.ConfirmedAt), EmailSafe: bit(s.EmailSafe),
		GivenAt: instant(s.GivenAt), DeclinedAt: instant(s.DeclinedAt), TakenBackAt: instant(s.TakenBackAt), SignedAt: instant(m.SignedAt),
		AcceptedBy: m.AcceptedBy, EndedAt: instant(m.EndedAt), EndReason: string(m.EndReason),
		DisputedAt: instant(m.Litige.OpenedAt), DisputeReason: m.Litige.Reason, DisputeReview: instant(m.Litige.ReviewAt), Rev: m.Rev, JournalID: journalID}
}

func (r mandatRow) mandat() mandat.Mandat {
	return mandat.Mandat{ID: r.ID, Number: r.Number, OrganisationID: r.OrganisationID, UsagerID: string(r.UsagerID), CreatedBy: r.CreatedBy,
		CreatedAt: r.CreatedAt.time(), State: mandat.State(r.State), Aidants: r.Aidants, Colleagues: r.Colleagues != 0,
		Duration: mandat.Duration{Days: int(r.DurationDays), LastDay: r.LastDay.time()}, EndsAt: r.EndsAt.time(), Replaces: r.Replaces,
		Signature: mandat.Signature{EntrustedAt: r.EntrustedAt.time(), IdentifiedAt: r.IdentifiedAt.time(), ConfirmedAt: r.ConfirmedAt.time(),
			EmailSafe: r.EmailSafe != 0, GivenAt: r.GivenAt.time(), DeclinedAt: r.DeclinedAt.time(), TakenBackAt: r.TakenBackAt.time()},
		SignedAt: r.SignedAt.time(), AcceptedBy: r.AcceptedBy, EndedAt: r.EndedAt.time(), EndReason: mandat.Reason(r.EndReason),
		Litige: mandat.Dispute{Reason: r.DisputeReason, OpenedAt: r.DisputedAt.time(), ReviewAt: r.DisputeReview.time()}, Rev: r.Rev}
}

func (r autorisationRow) autorisation() mandat.Autorisation {
	return mandat.Autorisation{Domaine: r.Domaine, Demarches: r.Demarches, EndedAt: r.EndedAt.time(), EndReason: mandat.Reason(r.EndReason)}
}

func autorisationOf(m mandat.Mandat, position int, journalID int64) autorisationRow {
	a := m.Autorisations[position]
	return autorisationRow{MandatID: m.ID, Domaine: a.Domaine, Position: int64(position), Demarches: a.Demarches, OrganisationID: m.OrganisationID,
		UsagerID: text(m.UsagerID), EndedAt: instant(a.EndedAt), EndReason: string(a.EndReason), JournalID: journalID}
}

// mandatsOf folds lines, which stand together by mandat.
func mandatsOf(lines []mandatLine) []mandat.Mandat {
	var out []mandat.Mandat
	for _, l := range lines {
		if n := len(out); n == 0 || out[n-1].ID != l.M.ID {
			out = append(out, l.M.mandat())
		}
		m := &out[len(out)-1]
		m.Autorisations = append(m.Autorisations, l.A.autorisation())
	}
	return out
}

// sealed is what stands sealed beside a mandat.
type sealed struct {
	key     []byte // the draft's, or the usager's once signed
	dossier acte.Dossier
	held    bool // the draft has an identification
}

// full folds the lines of one mandat and opens what is sealed beside it.
func (s *Store) full(lines []fullLine) (mandat.Mandat, sealed, error) {
	if len(lines) == 0 {
		return mandat.Mandat{}, sealed{}, mandat.ErrNotFound
	}
	light := make([]mandatLine, len(lines))
	for i, l := range lines {
		light[i] = l.mandatLine
	}
	m, l := mandatsOf(light)[0], lines[0]
	out := sealed{key: l.Key}
	var err error
	switch {
	case l.Dossier != nil && archived(m, s.moment()): // opened by OpenArchive only
	case l.Dossier != nil:
		err = s.revealJSON(l.Key, ofUsager(m.UsagerID), purposeDossier+"/"+m.ID, l.Dossier, &out.dossier)
		m.Texte = out.dossier.Texte
	case l.Texte != nil:
		err = s.revealJSON(l.Key, ofDraft(m.ID), purposeTexte, l.Texte, &m.Texte)
	}
	if err == nil && l.Draft != nil {
		out.held = true
		err = s.revealJSON(l.Key, ofDraft(m.ID), purposeBrouillon, l.Draft, &out.dossier)
	}
	return m, out, err
}

// ended lists the domaines whose autorisation a change brings to its end.
func ended(old, next mandat.Mandat) []string {
	var out []string
	for _, a := range next.Autorisations {
		was := slices.IndexFunc(old.Autorisations, func(o mandat.Autorisation) bool { return o.Domaine == a.Domaine })
		if !a.EndedAt.IsZero() && was >= 0 && old.Autorisations[was].EndedAt.IsZero() {
			out = append(out, a.Domaine)
		}
	}
	return out
}

func wrapMandat(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mandat %s: %w", id, err)
}
