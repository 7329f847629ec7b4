package journal

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Signed is a signed checkpoint as it is kept.
type Signed struct {
	Checkpoint
	Note []byte    // the log's own signatures and nothing else
	At   time.Time // when it was signed
}

// Kind is what an attestation is.
type Kind string

// The kinds of attestations on a signed checkpoint.
const (
	Cosignature Kind = "cosignature"    // one witness's signature line
	Quorum      Kind = "quorum"         // the note with enough cosignatures for the policy
	TimeToken   Kind = "horodatage"     // an RFC 3161 response over the note
	Renewal     Kind = "renouvellement" // a list of older tokens, and a response over it
)

// Attestation is what somebody outside said of a signed checkpoint.
type Attestation struct {
	Origin string
	Size   int64
	Kind   Kind
	Name   string // of the witness or the authority
	Data   []byte
	At     time.Time
}

// Stamped is a time token that is kept, with the checkpoint it is over.
type Stamped struct {
	Size int64
	Name string // of the authority
	Data []byte // the response
	Note []byte // the signed checkpoint
}

// EpochOpened is the first fact of a new epoch: it commits to the last head that
// was signed before, and to where the journal stands now.
func EpochOpened(by Actor, old Checkpoint, now Head, origin string) Fact {
	return NewFact(by, JournalEpoch, Object{Type: "journal", ID: code(origin)}).
		With("ancienne_origine", code(old.Origin)).With("ancienne_taille", strconv.FormatInt(old.Size, 10)).
		With("ancienne_racine", base64.StdEncoding.EncodeToString(old.Root[:])).
		With("taille", strconv.FormatInt(now.Size, 10)).
		With("racine", base64.StdEncoding.EncodeToString(now.Root[:]))
}

// KeyRotated is the fact that a new key signs besides the old one.
func KeyRotated(by Actor, origin, vkey string) Fact {
	return NewFact(by, JournalRotate, Object{Type: "journal", ID: code(origin)}).With("cle", code(vkey)).Because("nouvelle_cle")
}

// KeyRetired is the fact that only the key named signs from now on.
func KeyRetired(by Actor, origin, vkey string) Fact {
	return NewFact(by, JournalRotate, Object{Type: "journal", ID: code(origin)}).With("cle", code(vkey)).Because("ancienne_cle_retiree")
}

// code makes a name acceptable as a value of a fact. Origins are almost always
// ASCII host names; whatever is not becomes '?'.
func code(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x21 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
}
