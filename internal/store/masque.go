package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"relais/internal/journal"
	"relais/internal/mandat"
)

// maskLife is how long an open mask is kept: as long as a month's key that was
// destroyed elsewhere may still open references here.
const maskLife = 10 * time.Minute

// masks keeps the masks that were read from committed rows.
type masks struct {
	mu    sync.Mutex
	known map[journal.AgentKey]knownMask
}

type knownMask struct {
	mask  journal.Mask
	until time.Time
	codes *sync.Map // an agent's identifier → what entries show of it: most agents write many
}

func (q *queries) masks() {
	q.keyByName = "SELECT wrapped FROM coffre_key WHERE subject = ?"
	q.keyOnce = "INSERT INTO coffre_key (subject, wrapped) VALUES (?, ?) ON CONFLICT (subject) DO NOTHING"
	q.maskList = "SELECT subject FROM coffre_key WHERE subject LIKE 'agents:%' ORDER BY subject"
	q.firstDispute = "SELECT min(created_at) FROM mandat WHERE disputed_at IS NOT NULL"
}

func ofAgents(k journal.AgentKey) string { return "agents:" + string(k) }

// mask gives the mask of a key; nil when the key was destroyed, or not made yet.
func (s *Store) mask(ctx context.Context, k journal.AgentKey) (journal.Mask, error) {
	if known, ok := s.masks.open(k); ok {
		return known.mask, nil
	}
	wrapped, err := one[[]byte](ctx, s, s.q.keyByName, ofAgents(k))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	mask, err := s.vault.OpenMask(wrapped, ofAgents(k))
	if err != nil {
		return nil, unread{err}
	}
	s.masks.mu.Lock()
	defer s.masks.mu.Unlock()
	if s.masks.known == nil {
		s.masks.known = map[journal.AgentKey]knownMask{}
	}
	s.masks.known[k] = knownMask{mask, time.Now().Add(maskLife), &sync.Map{}}
	return mask, nil
}

// open gives a mask that is kept, for as long as it may be.
func (m *masks) open(k journal.AgentKey) (knownMask, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.known[k]
	return known, ok && time.Now().Before(known.until)
}

// hide replaces an agent's identifier by what entries of that key show. The
// first entry of a month makes the key, in its own transaction: one that is not
// committed is never kept in memory.
func (t *tx) hide(k journal.AgentKey, id string) (string, error) {
	known, kept := t.s.masks.open(k)
	if kept {
		if code, ok := known.codes.Load(id); ok {
			return code.(string), nil
		}
	}
	mask, err := t.s.mask(t.ctx, k)
	if err != nil {
		return "", err
	}
	if mask == nil {
		if mask, err = t.newMask(k); err != nil {
			return "", err
		}
	}
	code := k.HiddenRef(mask.Hide(id))
	if kept {
		known.codes.Store(id, code)
	}
	return code, nil
}

func (t *tx) newMask(k journal.AgentKey) (journal.Mask, error) {
	wrapped, err := t.s.vault.NewMask(ofAgents(k))
	if err != nil {
		return nil, err
	}
	if _, err := t.exec(t.s.q.keyOnce, ofAgents(k), wrapped); err != nil {
		return nil, err
	}
	if err := t.get(&wrapped, t.s.q.keyByName, ofAgents(k)); err != nil { // somebody else's, if they were first
		return nil, err
	}
	return t.s.vault.OpenMask(wrapped, ofAgents(k))
}

// Agent opens the reference of an agent in an entry. It returns the reference
// itself where there is nothing to open, and where nobody can open it any more.
func (s *Store) Agent(ctx context.Context, ref string) (string, error) {
	k, code, hidden := journal.ReadHidden(ref)
	if !hidden {
		return ref, nil
	}
	mask, err := s.mask(ctx, k)
	if err != nil || mask == nil {
		return ref, err
	}
	if id, ok := mask.Show(code); ok {
		return id, nil
	}
	return ref, nil
}

// refsOf lists the references under which entries may name an agent, newest
// month first: their own identifier for entries from before references were
// hidden, and one for each key that is still there. A reference out of an entry
// stands for the agent behind it.
func (s *Store) refsOf(ctx context.Context, agent string) ([]string, error) {
	id, err := s.Agent(ctx, agent)
	if err != nil || journal.Hidden(id) {
		return []string{id}, err
	}
	subjects, err := many[string](ctx, s, s.q.maskList)
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, subject := range slices.Backward(subjects) {
		k := journal.AgentKey(subject[len("agents:"):])
		mask, err := s.mask(ctx, k)
		if err != nil {
			return nil, err
		}
		if mask != nil {
			refs = append(refs, k.HiddenRef(mask.Hide(id)))
		}
	}
	return append(refs, id), nil
}

// showAgents opens a record's references. shown holds those that its neighbours had:
// most entries that are read together are of a few agents.
func (s *Store) showAgents(ctx context.Context, r journal.Record, shown map[string]string) (journal.Record, error) {
	var failed error
	r = r.ShowAgents(func(ref string) string {
		if id, ok := shown[ref]; ok {
			return id
		}
		id, err := s.Agent(ctx, ref)
		failed = errors.Join(failed, err)
		shown[ref] = id
		return id
	})
	return r, failed
}

// forgetAgents destroys the keys of the months that have run their time: with
// the bodies of access entries, and a year (the longest mandat) after the last
// evidence of the month. A dispute keeps those of its mandat's time.
func (s *Store) forgetAgents(ctx context.Context, accessMonths int, dry bool) (int64, error) {
	subjects, err := many[string](ctx, s, s.q.maskList)
	if err != nil {
		return 0, err
	}
	dispute, err := one[instant](ctx, s, s.q.firstDispute)
	if err != nil {
		return 0, err
	}
	now := s.moment()
	limits := map[journal.Class]time.Time{journal.Access: journal.AccessLimit(now, accessMonths),
		journal.Evidence: now.AddDate(-mandat.CurrentYears-mandat.ArchiveYears-1, 0, 0)}
	var gone int64
	for _, subject := range subjects {
		k := journal.AgentKey(subject[len("agents:"):])
		_, end, ok := k.Month()
		if frozen := dispute.time(); !ok || end.After(limits[k.Class()]) || !frozen.IsZero() && frozen.Before(end) {
			continue
		}
		gone++
		if dry {
			continue
		}
		if err := s.forgetMonth(ctx, k); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// forgetMonth destroys one key, unless another instance did.
func (s *Store) forgetMonth(ctx context.Context, k journal.AgentKey) error {
	err := s.write(ctx, func(t *tx) error {
		n, err := t.exec(t.s.q.keyDelete, ofAgents(k))
		if err != nil || n == 0 {
			return err
		}
		if start, end, ok := k.Month(); ok && k.Class() == journal.Evidence { // what rules look back at names agents too
			if _, err := t.exec(t.s.q.factsBlank, instant(start), instant(end)); err != nil {
				return err
			}
		}
		_, err = t.append(journal.AgentsForgotten(k))
		return err
	})
	s.masks.mu.Lock()
	defer s.masks.mu.Unlock()
	delete(s.masks.known, k)
	return err
}
