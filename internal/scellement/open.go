package scellement

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"relais/internal/journal"
)

// open reads keys and last checkpoint, or makes the first key where nothing was
// ever signed.
func (s *Sealer) open(ctx context.Context) ([]key, journal.Signed, error) {
	keys, err := readKeys(s.o.Dir)
	if missing(err) {
		return s.first(ctx)
	}
	if err != nil {
		return nil, journal.Signed{}, fmt.Errorf("journal.key: %w", err)
	}
	if name := keys[0].signer.Name(); s.o.Name != "" && s.o.Name != name {
		return nil, journal.Signed{}, fmt.Errorf("%w : la clé est celle de « %s », RELAIS_JOURNAL_ORIGIN dit « %s » ; "+
			"un journal ne change pas de nom : remettez RELAIS_JOURNAL_ORIGIN=%s", ErrKeys, name, s.o.Name, name)
	}
	s.note(func(st *State) { st.Keys = vkeys(keys) })
	last, err := s.last(keys)
	if !missing(err) {
		return keys, last, err
	}
	return keys, journal.Signed{}, s.neverSealed(ctx, checkpointFile)
}

// first makes the key of a journal that was never sealed.
func (s *Sealer) first(ctx context.Context) ([]key, journal.Signed, error) {
	if err := s.neverSealed(ctx, keyFile); err != nil {
		return nil, journal.Signed{}, err
	}
	if s.o.Name == "" {
		return nil, journal.Signed{}, fmt.Errorf("%w : le journal n’a jamais été scellé ; démarrez d’abord « relais serve »", ErrKeys)
	}
	if _, err := os.Stat(filepath.Join(s.o.Dir, checkpointFile)); err == nil {
		return nil, journal.Signed{}, fmt.Errorf("%w : journal.checkpoint est là sans journal.key ; restaurez journal.key depuis la sauvegarde des clés", ErrKeys)
	}
	k, err := newKey(s.o.Name)
	if err == nil {
		err = s.writeKeys(k)
	}
	if err != nil {
		return nil, journal.Signed{}, fmt.Errorf("journal.key: %w", err)
	}
	s.note(func(st *State) { st.Keys = []string{k.vkey} })
	return []key{k}, journal.Signed{}, nil
}

// neverSealed refuses to begin anew beside a database that knows checkpoints.
func (s *Sealer) neverSealed(ctx context.Context, file string) error {
	ever, err := s.o.Shelf.EverSealed(ctx)
	if err != nil {
		return fmt.Errorf("scellement: %w", err)
	}
	if ever {
		return fmt.Errorf("%w : %s manque dans RELAIS_DATA, alors que la base connaît des points de contrôle ; "+
			"restaurez-le depuis la sauvegarde de RELAIS_DATA ; "+
			"si journal.checkpoint est définitivement perdu, « relais journal epoch » ouvre une nouvelle époque", ErrLost, file)
	}
	return nil
}

// last reads the checkpoint file; fs.ErrNotExist when there is none.
func (s *Sealer) last(keys []key) (journal.Signed, error) {
	raw, err := readPrivate(filepath.Join(s.o.Dir, checkpointFile))
	if err != nil {
		return journal.Signed{}, err
	}
	c, _, err := journal.OpenCheckpoint(raw, verifiers(keys)...)
	if err != nil {
		return journal.Signed{}, fmt.Errorf("journal.checkpoint: %w", err)
	}
	if name, _ := journal.SplitOrigin(c.Origin); name != keys[0].signer.Name() {
		return journal.Signed{}, fmt.Errorf("%w : journal.checkpoint est celui de « %s »", ErrKeys, c.Origin)
	}
	return journal.Signed{Checkpoint: c, Note: raw, At: s.o.Now()}, nil
}

func verifiers(keys []key) []note.Verifier {
	out := make([]note.Verifier, len(keys))
	for i, k := range keys {
		out[i] = k.verifier
	}
	return out
}

func vkeys(keys []key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.vkey
	}
	return out
}

// VKeys are the public keys that sign, the newest first.
func (s *Sealer) VKeys() ([]string, error) {
	keys, err := readKeys(s.o.Dir)
	if missing(err) {
		return nil, fmt.Errorf("%w : journal.key n’existe pas encore ; démarrez d’abord « relais serve »", ErrKeys)
	}
	return vkeys(keys), err
}

// Recorder writes facts that stand alone.
type Recorder interface {
	Append(ctx context.Context, facts ...journal.Fact) error
}

// OpenEpoch starts a new origin where the journal no longer goes on from what
// was signed. Its first entry commits to the old head. ErrHealthy when there is
// nothing to recover from.
func (s *Sealer) OpenEpoch(ctx context.Context, by journal.Actor, rec Recorder) (journal.Signed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := lock(s.o.Dir)
	if err != nil {
		return journal.Signed{}, err
	}
	defer unlock()
	keys, err := readKeys(s.o.Dir)
	if err != nil {
		return journal.Signed{}, fmt.Errorf("journal.key: %w", err)
	}
	old, err := s.broken(ctx, keys)
	if err != nil {
		return journal.Signed{}, err
	}
	head, err := s.o.Tree.Head(ctx)
	if err != nil {
		return journal.Signed{}, err
	}
	name, epoch := journal.SplitOrigin(old.Origin)
	origin := journal.EpochOrigin(name, epoch+1)
	if err := rec.Append(ctx, journal.EpochOpened(by, old.Checkpoint, head, origin)); err != nil {
		return journal.Signed{}, err
	}
	if head, err = s.o.Tree.Head(ctx); err != nil {
		return journal.Signed{}, err
	}
	return s.sign(ctx, keys, journal.Checkpoint{Origin: origin, Size: head.Size, Root: head.Root})
}

// broken returns the last head that was signed, of the file or else of the
// database, provided that the journal cannot go on from it.
func (s *Sealer) broken(ctx context.Context, keys []key) (journal.Signed, error) {
	last, err := s.last(keys)
	if missing(err) {
		return s.lastKept(ctx, keys[0].signer.Name())
	}
	if err != nil {
		return last, err
	}
	head, err := s.o.Tree.Head(ctx)
	if err != nil {
		return last, err
	}
	err = s.goesOn(ctx, last.Checkpoint, head)
	if errors.Is(err, ErrBehind) || errors.Is(err, ErrRewritten) {
		return last, nil
	}
	if err == nil {
		err = ErrHealthy
	}
	return last, err
}

// lastKept is the newest epoch's last checkpoint in the database.
func (s *Sealer) lastKept(ctx context.Context, name string) (journal.Signed, error) {
	var found journal.Signed
	for epoch := 1; ; epoch++ {
		c, err := s.o.Shelf.LastCheckpoint(ctx, journal.EpochOrigin(name, epoch))
		switch {
		case errors.Is(err, journal.ErrNotFound) && found.Size == 0:
			return found, ErrHealthy
		case errors.Is(err, journal.ErrNotFound):
			return found, nil
		case err != nil:
			return found, err
		}
		found = c
	}
}

// Rotate adds a key: both sign from now on. The entry that says so is under
// both.
func (s *Sealer) Rotate(ctx context.Context, by journal.Actor, rec Recorder) (vkey string, err error) {
	err = s.changeKeys(ctx, rec, func(keys []key) ([]key, journal.Fact, error) {
		if len(keys) > 1 {
			return nil, journal.Fact{}, fmt.Errorf("%w : une rotation est en cours ; finissez-la avec « relais journal rotate-key --finish »", ErrKeys)
		}
		k, err := newKey(keys[0].signer.Name())
		vkey = k.vkey
		return append([]key{k}, keys...), journal.KeyRotated(by, k.signer.Name(), k.vkey), err
	})
	return vkey, err
}

// FinishRotation lets the newest key sign alone.
func (s *Sealer) FinishRotation(ctx context.Context, by journal.Actor, rec Recorder) (vkey string, err error) {
	err = s.changeKeys(ctx, rec, func(keys []key) ([]key, journal.Fact, error) {
		if len(keys) < 2 {
			return nil, journal.Fact{}, fmt.Errorf("%w : aucune rotation n’est en cours", ErrKeys)
		}
		vkey = keys[0].vkey
		return keys[:1], journal.KeyRetired(by, keys[0].signer.Name(), vkey), nil
	})
	return vkey, err
}

// changeKeys seals what was, writes the entry, seals it under the keys as they
// were and then as they are, so that the last checkpoint always opens.
func (s *Sealer) changeKeys(ctx context.Context, rec Recorder, change func([]key) ([]key, journal.Fact, error)) error {
	if _, err := s.Seal(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := lock(s.o.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	keys, last, err := s.open(ctx)
	if err != nil {
		return err
	}
	next, fact, err := change(keys)
	if err != nil {
		return err
	}
	if err := rec.Append(ctx, fact); err != nil {
		return err
	}
	head, err := s.o.Tree.Head(ctx)
	if err != nil {
		return err
	}
	if err := s.goesOn(ctx, last.Checkpoint, head); err != nil {
		return err
	}
	both := next
	if len(keys) > len(next) {
		both = keys
	}
	origin := last.Origin
	if origin == "" {
		origin = keys[0].signer.Name()
	}
	if _, err := s.sign(ctx, both, journal.Checkpoint{Origin: origin, Size: head.Size, Root: head.Root}); err != nil {
		return err
	}
	if err := s.writeKeys(next...); err != nil {
		return err
	}
	s.note(func(st *State) { st.Keys = vkeys(next) })
	return nil
}

// Published is the note to show to the world: the last signed checkpoint, with
// the cosignatures where enough witnesses gave theirs. Size 0 before the first.
func (s *Sealer) Published(ctx context.Context) (signed []byte, size int64, err error) {
	last := s.State().Last
	if last.Size == 0 {
		return nil, 0, nil
	}
	quorum, err := s.o.Shelf.LastAttestation(ctx, last.Origin, journal.Quorum)
	if errors.Is(err, journal.ErrNotFound) || err == nil && quorum.Size != last.Size {
		return last.Note, last.Size, nil
	}
	return quorum.Data, last.Size, err
}
