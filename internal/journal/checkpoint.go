package journal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// ErrCheckpoint is wrapped by everything that is wrong with a checkpoint.
var ErrCheckpoint = errors.New("point de contrôle refusé")

// maxCheckpoint bounds a signed checkpoint with its cosignatures.
const maxCheckpoint = 64 << 10

// Checkpoint is what a signature stands under: the tree of one log at one size
// (C2SP tlog-checkpoint, without extension lines).
type Checkpoint struct {
	Origin string // the log's name, "relais.example" or "relais.example/epoque-2"
	Size   int64
	Root   Hash
}

// Text is the text that is signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// ParseCheckpoint reads exactly what [Checkpoint.Text] writes: any other
// spelling, and any extension line, is an error.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("%w: trois lignes attendues", ErrCheckpoint)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: taille illisible", ErrCheckpoint)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != len(Hash{}) {
		return Checkpoint{}, fmt.Errorf("%w: racine illisible", ErrCheckpoint)
	}
	c := Checkpoint{Origin: lines[0], Size: size}
	copy(c.Root[:], root)
	if size < 0 || !ValidOrigin(c.Origin) || c.Text() != text {
		return Checkpoint{}, fmt.Errorf("%w: forme non canonique", ErrCheckpoint)
	}
	return c, nil
}

// ValidOrigin tells a name that may stand in a checkpoint and in a key: no
// blank, no plus, no control character, at most 100 bytes.
func ValidOrigin(s string) bool {
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '+' || r == utf8.RuneError
	}
	return s != "" && len(s) <= 100 && utf8.ValidString(s) && !strings.ContainsFunc(s, odd)
}

// Sign returns the signed note (C2SP signed-note).
func (c Checkpoint) Sign(signers ...note.Signer) ([]byte, error) {
	if len(signers) == 0 || !ValidOrigin(c.Origin) {
		return nil, fmt.Errorf("%w: ni clé ni origine", ErrCheckpoint)
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return signed, nil
}

// OpenCheckpoint reads a signed note of which at least one of the known keys
// made a signature. Signatures by other keys are left in the note, unverified.
func OpenCheckpoint(signed []byte, known ...note.Verifier) (Checkpoint, *note.Note, error) {
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, nil, fmt.Errorf("%w: %d octets", ErrCheckpoint, len(signed))
	}
	n, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	c, err := ParseCheckpoint(n.Text)
	return c, n, err
}

// ReadCheckpoint reads a signed note without checking who signed it.
func ReadCheckpoint(signed []byte) (Checkpoint, error) {
	end := strings.Index(string(signed), "\n\n")
	if end < 0 || len(signed) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%w: ce n’est pas une note signée", ErrCheckpoint)
	}
	return ParseCheckpoint(string(signed[:end+1]))
}

// epochMark stands between the name of a log and the number of its epoch.
const epochMark = "/epoque-"

// EpochOrigin is the origin of a log's epoch: the name itself for the first.
func EpochOrigin(name string, epoch int) string {
	if epoch <= 1 {
		return name
	}
	return name + epochMark + strconv.Itoa(epoch)
}

// SplitOrigin undoes [EpochOrigin].
func SplitOrigin(origin string) (name string, epoch int) {
	at := strings.LastIndex(origin, epochMark)
	if at < 0 {
		return origin, 1
	}
	n, err := strconv.Atoi(origin[at+len(epochMark):])
	if err != nil || n < 2 || EpochOrigin(origin[:at], n) != origin {
		return origin, 1
	}
	return origin[:at], n
}
