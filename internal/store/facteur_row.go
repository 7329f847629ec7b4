package store

import (
	"encoding/hex"

	"relais/internal/facteur"
	"relais/internal/journal"
)

type passkeyRow struct {
	ID         string  `db:"id"`
	AidantID   string  `db:"aidant_id"`
	Credential string  `db:"credential"`
	Sealed     []byte  `db:"sealed"`
	SignCount  int64   `db:"sign_count"`
	BackedUp   int64   `db:"backed_up"`
	CreatedAt  instant `db:"created_at"`
	UsedAt     instant `db:"used_at"`
	ClonedAt   instant `db:"cloned_at"`
	JournalID  int64   `db:"journal_id"`
}

// sealedPasskey is what a passkey's row keeps sealed.
type sealedPasskey struct {
	CredentialID []byte `json:"credential_id"`
	PublicKey    []byte `json:"public_key"`
	Eligible     bool   `json:"backup_eligible"`
	Label        string `json:"label"`
}

type totpRow struct {
	AidantID  string  `db:"aidant_id"`
	Sealed    []byte  `db:"sealed"`
	LastStep  int64   `db:"last_step"`
	CreatedAt instant `db:"created_at"`
	UsedAt    instant `db:"used_at"`
	JournalID int64   `db:"journal_id"`
}

// sealedTOTP is what the application's row keeps sealed.
type sealedTOTP struct {
	Secret []byte `json:"secret"`
	Phrase string `json:"phrase"`
}

type recoveryRow struct {
	Hash      string  `db:"hash"`
	AidantID  string  `db:"aidant_id"`
	UsedAt    instant `db:"used_at"`
	JournalID int64   `db:"journal_id"`
}

type noticeRow struct {
	AidantID  string  `db:"aidant_id"`
	JournalID int64   `db:"journal_id"`
	What      string  `db:"what"`
	At        instant `db:"at"`
}

func (q *queries) facteurs() {
	q.passkeyList = query("SELECT " + plain(passkeyRow{}) + " FROM cle_acces WHERE aidant_id = ? ORDER BY created_at, id")
	q.passkeyInsert = insertInto("cle_acces", passkeyRow{})
	q.passkeyUse = "UPDATE cle_acces SET sign_count = ?, backed_up = ?, used_at = ?, cloned_at = ?, journal_id = ? WHERE id = ? AND sign_count = ?"
	q.passkeyDelete = "DELETE FROM cle_acces WHERE id = ? AND aidant_id = ?"
	q.passkeyDeleteOf = "DELETE FROM cle_acces WHERE aidant_id = ?"
	q.factorCount = "SELECT (SELECT count(*) FROM cle_acces WHERE aidant_id = ?) + (SELECT count(*) FROM code_application WHERE aidant_id = ?) AS n"
	q.passkeyOwner = "SELECT aidant_id FROM cle_acces WHERE credential = ?"
	q.totpOf = query("SELECT " + plain(totpRow{}) + " FROM code_application WHERE aidant_id = ?")
	q.totpInsert = insertInto("code_application", totpRow{})
	q.totpUse = "UPDATE code_application SET last_step = ?, used_at = ?, journal_id = ? WHERE aidant_id = ? AND last_step < ?"
	q.totpDelete = "DELETE FROM code_application WHERE aidant_id = ?"
	q.recoveryList = query("SELECT " + plain(recoveryRow{}) + " FROM code_secours WHERE aidant_id = ? ORDER BY hash")
	q.recoveryInsert = insertInto("code_secours", recoveryRow{})
	q.recoveryUse = "UPDATE code_secours SET used_at = ?, journal_id = ? WHERE hash = ? AND aidant_id = ? AND used_at IS NULL"
	q.recoveryDelete = "DELETE FROM code_secours WHERE aidant_id = ?"
	q.noticeInsert = insertInto("avis_facteur", noticeRow{})
	q.noticeList = query("SELECT " + plain(noticeRow{}) + " FROM avis_facteur WHERE aidant_id = ? ORDER BY at DESC, journal_id DESC LIMIT 10")
	q.noticeForget = "DELETE FROM avis_facteur WHERE at < ?"
	q.enrolBefore = query("SELECT idx AS id, body FROM journal_entry WHERE action = '" + string(journal.FacteurEnroll) + "' AND object_id = ? AND idx < ? ORDER BY idx")
	own := `, o.suspended AS "suspended" FROM aidant i JOIN coffre_key ik ON ik.subject = 'aidant:' || i.id JOIN organisation o ON o.id = i.organisation_id WHERE `
	who := "SELECT " + columns("i", aidantRow{}) + `, ik.wrapped AS "ikey"` + own
	q.aidantOwn = query(who + "i.id = ?")
	q.aidantByEmail = query(who + "i.email_token = ?")
}

// factorLines are the rows of one agent's factors.
type factorLines struct {
	passkeys []passkeyRow
	totp     []totpRow
	codes    []recoveryRow
}

// factors opens the rows of one agent, whose wrapped key is given.
func (s *Store) factors(agentID string, key []byte, l factorLines) (facteur.Facteurs, error) {
	f := facteur.Facteurs{Agent: agentID}
	for _, r := range l.passkeys {
		var x sealedPasskey
		if err := s.revealJSON(key, ofAidant(agentID), purposePasskey+"/"+r.ID, r.Sealed, &x); err != nil {
			return f, err
		}
		f.Passkeys = append(f.Passkeys, facteur.Passkey{ID: r.ID, CredentialID: x.CredentialID, PublicKey: x.PublicKey, Count: uint32(r.SignCount),
			BackupEligible: x.Eligible, BackedUp: r.BackedUp != 0, Label: x.Label, CreatedAt: r.CreatedAt.time(), UsedAt: r.UsedAt.time(), ClonedAt: r.ClonedAt.time()})
	}
	for _, r := range l.totp {
		var x sealedTOTP
		if err := s.revealJSON(key, ofAidant(agentID), purposeTOTP, r.Sealed, &x); err != nil {
			return f, err
		}
		f.TOTP = &facteur.TOTP{Secret: x.Secret, Phrase: x.Phrase, LastStep: r.LastStep, CreatedAt: r.CreatedAt.time(), UsedAt: r.UsedAt.time()}
	}
	for _, r := range l.codes {
		f.Codes = append(f.Codes, facteur.Code{Hash: r.Hash, UsedAt: r.UsedAt.time()})
	}
	return f, nil
}

func (s *Store) credentialToken(id []byte) string {
	return s.vault.Token(tokenCredential, hex.EncodeToString(id))
}

func (s *Store) passkeyOf(agentID string, key []byte, p facteur.Passkey, entry int64) (passkeyRow, error) {
	sealed, err := s.sealJSON(key, ofAidant(agentID), purposePasskey+"/"+p.ID,
		sealedPasskey{CredentialID: p.CredentialID, PublicKey: p.PublicKey, Eligible: p.BackupEligible, Label: p.Label})
	return passkeyRow{ID: p.ID, AidantID: agentID, Credential: s.credentialToken(p.CredentialID), Sealed: sealed, SignCount: int64(p.Count), BackedUp: bit(p.BackedUp),
		CreatedAt: instant(p.CreatedAt), UsedAt: instant(p.UsedAt), ClonedAt: instant(p.ClonedAt), JournalID: entry}, err
}
