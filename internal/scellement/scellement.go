// Package scellement seals the journal: it signs the head of the tree at most
// once a second, has witnesses cosign it, and has a time authority stamp it.
//
// It guarantees that
//   - nothing is signed that does not go on from the last head that was signed,
//     shown by a consistency proof before each signature;
//   - that last head lies in RELAIS_DATA, outside the database, on the disk
//     before anybody reads the new one: a database that was restored, rolled
//     back or rewritten is not signed ([ErrBehind], [ErrRewritten]) until a new
//     epoch says so in the journal itself;
//   - a cosignature or a time token is kept only after it was verified.
//
// It does not stop whoever holds both the key and the database: only a
// checkpoint kept by somebody else shows that. It reads no personal data.
package scellement

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

// Why nothing is signed. Each is told with what to do about it.
var (
	ErrBehind    = errors.New("la base a moins d’entrées que le dernier point de contrôle signé")
	ErrRewritten = errors.New("la base ne prolonge pas le dernier point de contrôle signé")
	ErrLost      = errors.New("le dernier point de contrôle signé est introuvable")
	ErrKeys      = errors.New("clé du journal inutilisable")
	ErrHealthy   = errors.New("le journal prolonge son dernier point de contrôle : aucune époque à ouvrir")
)

// recovery is what an operator reads under a refusal.
const recovery = " ; le journal n’est plus signé. Gardez la base et RELAIS_DATA tels quels. " +
	"Si une sauvegarde trop ancienne a été restaurée, restaurez la plus récente. " +
	"Si des entrées sont définitivement perdues, dites-le à l’auditeur, puis « relais journal epoch » ouvre une nouvelle époque qui inscrit la rupture"

// Tree is the journal to sign.
type Tree interface {
	Head(ctx context.Context) (journal.Head, error)
	Hashes(ctx context.Context) journal.HashReader
	Span(ctx context.Context, span journal.Span) ([]journal.Hash, error)
}

// Shelf keeps what was signed and what was said of it.
type Shelf interface {
	SaveCheckpoint(ctx context.Context, c journal.Signed) error
	LastCheckpoint(ctx context.Context, origin string) (journal.Signed, error)
	EverSealed(ctx context.Context) (bool, error)
	Attest(ctx context.Context, a journal.Attestation) error
	LastAttestation(ctx context.Context, origin string, kind journal.Kind) (journal.Attestation, error)
}

// Options say what to seal and with whom.
type Options struct {
	Dir    string // RELAIS_DATA
	Name   string // the log's name; "" = the one of the key that is there
	Tree   Tree
	Shelf  Shelf
	Policy []byte // C2SP tlog-policy of the witnesses; nil = none
	TSA    string // address of an RFC 3161 authority; "" = none
	Tokens Tokens // what to renew; nil = nothing
	Client *http.Client
	Now    func() time.Time
	Log    *slog.Logger
}

// Sealer signs one journal. It is safe for several goroutines.
type Sealer struct {
	o        Options
	policy   policy
	mu       sync.Mutex              // one signature at a time
	saved    bool                    // the checkpoint of the file is in the database
	kept     string                  // the note that is known to have reached the disk in the file
	hinder   func(step string) error // set by tests only: refuses a step of a file's writing
	stateMu  sync.Mutex
	state    State
	stamping sync.Mutex
}

// State is how the sealing stands, for a page and for the log.
type State struct {
	Last      journal.Signed // zero before the first
	Progress  journal.Progress
	Keys      []string          // vkeys of the keys that sign
	Refusal   error             // why nothing is signed, or nil
	Witnesses map[string]string // name → "" when it answered well, else what went wrong
	StampedAt time.Time         // of the last time token
	StampFail string            // why the last one failed, "" when it did not
	RenewedAt time.Time         // when older tokens were stamped again
	Renewed   int               // how many
	RenewFail string            // why that failed, wholly or in part, "" when it did not
	RenewLeft int               // in part: what is kept, cannot be read and was left out of the last try, which did all else
	Clocks    map[string]Clock  // by witness, and [Authority]: what their answers said of our clock
}

// Clock is how far somebody else's clock was from ours.
type Clock struct {
	Ahead time.Duration // theirs less ours
	Give  time.Duration // how far off that may be: half the exchange, and their rounding
	At    time.Time     // when, by ours
}

// Authority stands for the time authority among the clocks.
const Authority = "horodatage"

// compare tells a clock that said when, in an exchange that began at start, by
// rounding to a second downwards.
func (s *Sealer) compare(name string, start, when time.Time) {
	const half = time.Second / 2
	now := s.o.Now()
	way := now.Sub(start) / 2
	s.note(func(st *State) {
		st.Clocks[name] = Clock{Ahead: when.Add(half).Sub(start.Add(way)), Give: way + half, At: now}
	})
}

// New checks the policy; files are first read by Seal.
func New(o Options) (*Sealer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	p, err := parsePolicy(o.Policy)
	if err != nil {
		return nil, err
	}
	return &Sealer{o: o, policy: p, state: State{Witnesses: map[string]string{}, Clocks: map[string]Clock{}}}, nil
}

// State is a copy of how things stand.
func (s *Sealer) State() State {
	s.stateMu.Lock()
	defer s.stateMu.Unlock()
	out := s.state
	out.Witnesses, out.Clocks = maps.Clone(s.state.Witnesses), maps.Clone(s.state.Clocks)
	return out
}

func (s *Sealer) note(change func(*State)) {
	s.stateMu.Lock()
	defer s.stateMu.Unlock()
	change(&s.state)
}

// Seal signs the head if it has grown, and returns the last signed checkpoint;
// the zero Signed while the journal is empty.
func (s *Sealer) Seal(ctx context.Context) (journal.Signed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := lock(s.o.Dir)
	if err != nil {
		return journal.Signed{}, fmt.Errorf("scellement: %w", err)
	}
	defer unlock()
	signed, err := s.seal(ctx)
	s.note(func(st *State) {
		st.Refusal = err
		if err == nil {
			st.Last, st.Progress.Sealed = signed, signed.Size
		}
	})
	return signed, err
}

func (s *Sealer) seal(ctx context.Context) (journal.Signed, error) {
	keys, last, err := s.open(ctx)
	if err != nil {
		return journal.Signed{}, err
	}
	head, err := s.o.Tree.Head(ctx)
	if err != nil {
		return journal.Signed{}, fmt.Errorf("scellement: %w", err)
	}
	if err := s.goesOn(ctx, last.Checkpoint, head); err != nil {
		return journal.Signed{}, err
	}
	if head.Size == last.Size {
		if err := s.keep(last); err != nil {
			return journal.Signed{}, err
		}
		return last, s.save(ctx, last)
	}
	origin := last.Origin
	if origin == "" {
		origin = keys[0].signer.Name()
	}
	return s.sign(ctx, keys, journal.Checkpoint{Origin: origin, Size: head.Size, Root: head.Root})
}

// sign makes the file the first to know: a checkpoint that somebody has seen is
// never forgotten.
func (s *Sealer) sign(ctx context.Context, keys []key, c journal.Checkpoint) (journal.Signed, error) {
	signers := make([]note.Signer, len(keys))
	for i, k := range keys {
		signers[i] = k.signer
	}
	text, err := c.Sign(signers...)
	if err != nil {
		return journal.Signed{}, err
	}
	signed := journal.Signed{Checkpoint: c, Note: text, At: s.o.Now().UTC().Truncate(time.Microsecond)}
	if err := s.keep(signed); err != nil {
		return journal.Signed{}, err
	}
	s.saved = false
	return signed, s.save(ctx, signed)
}

// keep puts a checkpoint in the file, unless this process did already. A file that
// is there may be one whose writing failed, or that another process did not
// finish: it is written anew before anybody is shown what it says.
func (s *Sealer) keep(c journal.Signed) error {
	if c.Size == 0 || s.kept == string(c.Note) {
		return nil
	}
	s.kept = ""
	if err := s.writeWhole(checkpointFile, c.Note); err != nil {
		return fmt.Errorf("scellement: %w", err)
	}
	s.kept = string(c.Note)
	return nil
}

func (s *Sealer) save(ctx context.Context, c journal.Signed) error {
	if s.saved || c.Size == 0 {
		return nil
	}
	if err := s.o.Shelf.SaveCheckpoint(ctx, c); err != nil {
		return fmt.Errorf("scellement: %w", err)
	}
	s.saved = true
	return nil
}

// goesOn proves that the head is a continuation of the last signed checkpoint.
func (s *Sealer) goesOn(ctx context.Context, last journal.Checkpoint, head journal.Head) error {
	if last.Size > head.Size {
		return fmt.Errorf("%w (%d au lieu d’au moins %d)%s", ErrBehind, head.Size, last.Size, recovery)
	}
	if last.Size == 0 {
		return nil
	}
	proof, err := journal.ProveConsistency(s.o.Tree.Hashes(ctx), last.Size, head.Size)
	if errors.Is(err, journal.ErrNotFound) {
		return fmt.Errorf("%w (%w)%s", ErrRewritten, err, recovery)
	}
	if err != nil {
		return fmt.Errorf("scellement: %w", err)
	}
	if err := journal.CheckConsistency(proof, last, journal.Checkpoint{Origin: last.Origin, Size: head.Size, Root: head.Root}); err != nil {
		return fmt.Errorf("%w (%d puis %d entrées)%s", ErrRewritten, last.Size, head.Size, recovery)
	}
	return nil
}
