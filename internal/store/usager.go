package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"relais/internal/acte"
	"relais/internal/identite"
	"relais/internal/mandat"
	"relais/internal/usager"
)

type usagerRow struct {
	ID       string `db:"id"`
	SubToken string `db:"sub_token"`
	Sealed   []byte `db:"sealed"`
}

type usagerLine struct {
	U   usagerRow `db:"u"`
	Key []byte    `db:"ukey"`
}

// fileRow is an usager beside a mandat; all NULL beside a draft.
type fileRow struct {
	ID          text    `db:"id"`
	Sealed      []byte  `db:"sealed"`
	ErasedAt    instant `db:"erased_at"`
	ErasedEntry count   `db:"erased_entry"`
}

// fileLine is one autorisation of a mandat with the mandat and its usager.
type fileLine struct {
	M   mandatRow       `db:"m"`
	A   autorisationRow `db:"a"`
	U   fileRow         `db:"u"`
	Key []byte          `db:"ukey"`
}

// sealedUsager is what an usager's row keeps sealed.
type sealedUsager struct {
	Identite  identite.Pivot `json:"identite"`
	Sub       string         `json:"sub"`
	Email     string         `json:"email"`
	EmailSafe bool           `json:"email_safe"`
	Telephone string         `json:"telephone"`
}

const fileJoin = " LEFT JOIN usager u ON u.id = m.usager_id LEFT JOIN coffre_key uk ON uk.subject = 'usager:' || u.id"

// searchTerms is how many terms of a search the index is asked for; the others
// are checked on what it finds.
const searchTerms = 4

func fileColumns() string {
	return mandatColumns() + `, u.id AS "u.id", u.sealed AS "u.sealed", u.erased_at AS "u.erased_at", (SELECT e.idx FROM journal_entry e WHERE e.id = u.erased_entry) AS "u.erased_entry", uk.wrapped AS "ukey"`
}

func (q *queries) usagers() {
	files := query("SELECT "+fileColumns()+mandatFrom) + fileJoin + " WHERE m.organisation_id = ? AND m.state <> 'sans_suite' AND m.usager_id "
	const newestFirst = " ORDER BY m.usager_id, m.signed_at DESC, m.id, a.position"
	q.usagerInsert = insertInto("usager", usagerRow{})
	q.usagerUpdate = "UPDATE usager SET sealed = ? WHERE id = ?"
	q.usagerBySub = query("SELECT " + columns("u", usagerRow{}) + `, uk.wrapped AS "ukey" FROM usager u
		JOIN coffre_key uk ON uk.subject = 'usager:' || u.id WHERE u.sub_token = ?`)
	q.usagerFile = files + "= ?" + newestFirst
	q.mandatFile = query("SELECT "+fileColumns()+mandatFrom) + fileJoin + " WHERE m.id = ? AND m.organisation_id = ? ORDER BY a.position"
	q.usagerRecent = files + `IN (SELECT usager_id FROM mandat WHERE organisation_id = ? AND usager_id IS NOT NULL
		GROUP BY usager_id ORDER BY max(signed_at) DESC, usager_id LIMIT ?)` + newestFirst
	q.usagerSearch = files + "IN (SELECT usager_id FROM usager_index WHERE token IN (?" + query(strings.Repeat(", ?", searchTerms-1)) +
		") GROUP BY usager_id HAVING count(*) = ?)" + newestFirst
	q.dossierByID = query("SELECT " + columns("u", usagerRow{}) + `, uk.wrapped AS "ukey", d.sealed AS "sealed" FROM dossier d
		JOIN usager u ON u.id = d.usager_id JOIN coffre_key uk ON uk.subject = 'usager:' || u.id WHERE d.mandat_id = ?`)
	q.usagerIndexInsert = "INSERT INTO usager_index (token, usager_id) VALUES (?, ?)"
	q.usagerIndexDelete = "DELETE FROM usager_index WHERE usager_id = ?"
}

func (s *Store) usager(l usagerLine) (usager.Usager, error) {
	var secret sealedUsager
	if err := s.revealJSON(l.Key, ofUsager(l.U.ID), purposeUsager, l.U.Sealed, &secret); err != nil {
		return usager.Usager{}, err
	}
	return usager.Usager{ID: l.U.ID, Identite: secret.Identite, Sub: secret.Sub, Email: secret.Email, EmailSafe: secret.EmailSafe, Telephone: secret.Telephone}, nil
}

// saveUsager writes who the provider now says the usager is. A new one gets
// their key; what the provider does not tell stays.
func (t *tx) saveUsager(u *keyedUsager, who acte.Attested, emailSafe bool) error {
	secret := sealedUsager{Identite: who.Pivot, Sub: who.Sub, Email: who.Email, EmailSafe: emailSafe && who.Email != "", Telephone: u.kept.Telephone}
	known := u.key != nil
	if !known {
		var err error
		if u.key, err = t.newKey(ofUsager(u.id)); err != nil {
			return err
		}
	}
	sealed, err := t.s.sealJSON(u.key, ofUsager(u.id), purposeUsager, secret)
	if err != nil {
		return err
	}
	if known {
		if err := t.must(usager.ErrNotFound, t.s.q.usagerUpdate, sealed, u.id); err != nil {
			return err
		}
		return t.indexUsager(u.id, u.kept.Identite, who.Pivot)
	}
	row := usagerRow{ID: u.id, SubToken: t.s.vault.Token(tokenUsagerSub, who.Sub), Sealed: sealed}
	if _, err := t.exec(t.s.q.usagerInsert, args(row)...); err != nil {
		return err
	}
	return t.indexUsager(u.id, identite.Pivot{}, who.Pivot)
}

// indexUsager makes an usager found by the keys of their identity.
func (t *tx) indexUsager(id string, was, is identite.Pivot) error {
	if was == is {
		return nil
	}
	if _, err := t.exec(t.s.q.usagerIndexDelete, id); err != nil {
		return err
	}
	for _, k := range is.Keys() {
		if _, err := t.exec(t.s.q.usagerIndexInsert, t.s.keyToken(k), id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) keyToken(k identite.Key) string { return s.vault.Token(tokenUsagerKey+k.Kind, k.Value) }

// file opens the usager of a line; the zero Usager beside a draft.
func (s *Store) file(l fileLine) (usager.File, error) {
	if l.U.ID == "" {
		return usager.File{}, nil
	}
	if !l.U.ErasedAt.time().IsZero() {
		return usager.File{Usager: usager.Usager{ID: string(l.U.ID), ErasedAt: l.U.ErasedAt.time(), ErasedEntry: int64(l.U.ErasedEntry)}}, nil
	}
	u, err := s.usager(usagerLine{U: usagerRow{ID: string(l.U.ID), Sealed: l.U.Sealed}, Key: l.Key})
	return usager.File{Usager: u}, err
}

// filesByMandat folds lines into one file a mandat.
func (s *Store) filesByMandat(lines []fileLine) ([]usager.File, error) {
	return s.fold(lines, func(l fileLine) string { return l.M.ID })
}

// filesByUsager folds lines into one file an usager.
func (s *Store) filesByUsager(lines []fileLine) ([]usager.File, error) {
	return s.fold(lines, func(l fileLine) string { return string(l.U.ID) })
}

func (s *Store) fold(lines []fileLine, key func(fileLine) string) ([]usager.File, error) {
	var files []usager.File
	for i, l := range lines {
		if i == 0 || key(lines[i-1]) != key(l) {
			f, err := s.file(l)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		f := &files[len(files)-1]
		if n := len(f.Mandats); n == 0 || f.Mandats[n-1].ID != l.M.ID {
			f.Mandats = append(f.Mandats, l.M.mandat())
		}
		m := &f.Mandats[len(f.Mandats)-1]
		m.Autorisations = append(m.Autorisations, l.A.autorisation())
	}
	return files, nil
}

// Usager is one usager with the mandats that a structure holds of them, newest
// first; usager.ErrNotFound when it holds none.
func (s *Store) Usager(ctx context.Context, organisationID, id string) (usager.File, error) {
	lines, err := many[fileLine](ctx, s, s.q.usagerFile, organisationID, id)
	if err != nil {
		return usager.File{}, err
	}
	files, err := s.filesByUsager(lines)
	if err != nil {
		return usager.File{}, err
	}
	if len(files) == 0 {
		return usager.File{}, usager.ErrNotFound
	}
	return files[0], nil
}

// MandatFile is one mandat of a structure without its text, alone in the file of
// its usager (the zero Usager beside a draft); mandat.ErrNotFound.
func (s *Store) MandatFile(ctx context.Context, organisationID, id string) (usager.File, error) {
	lines, err := many[fileLine](ctx, s, s.q.mandatFile, id, organisationID)
	if err != nil {
		return usager.File{}, err
	}
	files, err := s.filesByMandat(lines)
	if err == nil && len(files) == 0 {
		err = mandat.ErrNotFound
	}
	if err != nil {
		return usager.File{}, wrapMandat(id, err)
	}
	return files[0], nil
}

// SearchUsagers finds usagers of a structure's mandats by the keyed index,
// sorted by name and birth date. An empty query gives those who signed last,
// the last one first.
func (s *Store) SearchUsagers(ctx context.Context, organisationID string, q identite.Query, limit int) ([]usager.File, error) {
	limit = page(limit)
	if q.Empty() {
		return s.recentUsagers(ctx, organisationID, limit)
	}
	var tokens []string
	for _, k := range q.Keys() {
		if token := s.keyToken(k); !slices.Contains(tokens, token) && len(tokens) < searchTerms {
			tokens = append(tokens, token)
		}
	}
	args := []any{organisationID}
	for i := range searchTerms {
		args = append(args, tokens[min(i, len(tokens)-1)])
	}
	lines, err := many[fileLine](ctx, s, s.q.usagerSearch, append(args, len(tokens))...)
	if err != nil {
		return nil, err
	}
	files, err := s.filesByUsager(lines)
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(f usager.File) bool { return !q.Matches(f.Usager.Identite) })
	slices.SortFunc(files, func(a, b usager.File) int { return strings.Compare(sortKey(a.Usager), sortKey(b.Usager)) })
	return files[:min(limit, len(files))], nil
}

func sortKey(u usager.Usager) string {
	p := u.Identite
	return identite.Fold(p.FamilyName) + "\x00" + identite.Fold(p.GivenName) + "\x00" + string(p.Birthdate) + "\x00" + u.ID
}

func (s *Store) recentUsagers(ctx context.Context, organisationID string, limit int) ([]usager.File, error) {
	lines, err := many[fileLine](ctx, s, s.q.usagerRecent, organisationID, organisationID, limit)
	if err != nil {
		return nil, err
	}
	files, err := s.filesByUsager(lines)
	slices.SortStableFunc(files, func(a, b usager.File) int { return b.Mandats[0].SignedAt.Compare(a.Mandats[0].SignedAt) })
	return files, err
}

// Dossier is the evidence of a signed mandat: as read, and its bytes whose
// digest stands in the journal. mandat.ErrNotFound when it is not signed or was
// erased, mandat.ErrClosed when it is archived: see [Store.OpenArchive].
func (s *Store) Dossier(ctx context.Context, mandatID string) (acte.Dossier, []byte, usager.Usager, error) {
	line, err := one[dossierLine](ctx, s, s.q.dossierByID, mandatID)
	if errors.Is(err, sql.ErrNoRows) {
		err = mandat.ErrNotFound
	}
	if err != nil {
		return acte.Dossier{}, nil, usager.Usager{}, err
	}
	if err := s.atHand(ctx, mandatID); err != nil {
		return acte.Dossier{}, nil, usager.Usager{}, err
	}
	return s.openDossier(mandatID, line)
}

type dossierLine struct {
	usagerLine
	Sealed []byte `db:"sealed"`
}

func (s *Store) openDossier(mandatID string, line dossierLine) (acte.Dossier, []byte, usager.Usager, error) {
	who, err := s.usager(line.usagerLine)
	if err != nil {
		return acte.Dossier{}, nil, usager.Usager{}, err
	}
	plain, err := s.vault.Reveal(line.Key, ofUsager(who.ID), purposeDossier+"/"+mandatID, line.Sealed)
	if err != nil {
		return acte.Dossier{}, nil, usager.Usager{}, wrapMandat(mandatID, err)
	}
	d, err := acte.Decode(plain)
	return d, plain, who, err
}
