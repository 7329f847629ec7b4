package preuve

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"relais/internal/journal"
)

// set is entries being gathered: their lines, and the runs of indexes without a
// gap in which they stand.
type set struct {
	name        string
	lines, runs *part
	lo, hi      int64 // of the run under way; hi < lo before the first
	count       int64
}

func newSet(name string, scratch func() (Spool, error)) (*set, error) {
	s := &set{name: name, lo: 0, hi: -1}
	for ext, to := range map[string]**part{extLines: &s.lines, extRuns: &s.runs} {
		spool, err := scratch()
		if err != nil {
			return nil, err
		}
		*to = newPart(name+ext, spool)
	}
	return s, nil
}

// add takes the next entry, which stands above the one before.
func (s *set) add(index int64, text []byte) error {
	if s.count > 0 && index <= s.hi {
		return fmt.Errorf("%w: l’entrée %d vient après la %d", ErrBundle, index, s.hi)
	}
	if s.count == 0 || index != s.hi+1 {
		if err := s.end(); err != nil {
			return err
		}
		s.lo = index
	}
	s.hi = index
	s.count++
	if _, err := s.lines.Write(text); err != nil {
		return err
	}
	_, err := s.lines.Write([]byte{'\n'})
	return err
}

// end closes the run under way; there is none before the first entry.
func (s *set) end() error {
	if s.count == 0 {
		return nil
	}
	_, err := fmt.Fprintf(s.runs, "%d %d\n", s.lo, s.hi)
	return err
}

// prove writes the C2SP proofs of the first and the last entry of each run, one
// after the other: between them they hold every hash that leads from the run's
// leaves to the root.
func (s *set) prove(to *part, tree journal.HashReader, c journal.Signed) error {
	text := bufio.NewReader(s.runs.reader())
	for {
		lo, hi, err := readRun(text)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, index := range ends(lo, hi) {
			hashes, err := journal.ProveInclusion(tree, c.Size, index)
			if err != nil {
				return fmt.Errorf("preuve de l’entrée %d: %w", index, err)
			}
			t := proof.TLogProof{Index: uint64(index), Checkpoint: c.Note}
			for _, h := range hashes {
				t.Hashes = append(t.Hashes, h)
			}
			if _, err := to.Write(t.Marshal()); err != nil {
				return err
			}
		}
	}
}

func ends(lo, hi int64) []int64 {
	if lo == hi {
		return []int64{lo}
	}
	return []int64{lo, hi}
}

// readRun reads one line of a file of runs, in its one spelling.
func readRun(r *bufio.Reader) (lo, hi int64, err error) {
	text, err := r.ReadSlice('\n')
	if err != nil {
		if err == io.EOF && len(text) == 0 {
			return 0, 0, io.EOF
		}
		return 0, 0, refuse("une ligne de rangs est illisible")
	}
	first, last, ok := bytes.Cut(text[:len(text)-1], []byte(" "))
	lo, errLo := strconv.ParseInt(string(first), 10, 64)
	hi, errHi := strconv.ParseInt(string(last), 10, 64)
	if !ok || errLo != nil || errHi != nil || lo < 0 || hi < lo || fmt.Sprintf("%d %d\n", lo, hi) != string(text) {
		return 0, 0, refuse("une ligne de rangs est illisible")
	}
	return lo, hi, nil
}

// walk reads one set of a bundle and proves it, calling each for every entry.
type walk struct {
	tree   rfc6962Tree
	note   []byte // the checkpoint of every proof
	lines  *bufio.Reader
	runs   *bufio.Reader
	proofs *bufio.Reader
	each   func(row journal.Row, r journal.Record) error
}

func (w *walk) run() error {
	last := int64(-2)
	for {
		lo, hi, err := readRun(w.runs)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if lo <= last+1 || uint64(hi) >= w.tree.size {
			return refuse("les rangs %d à %d n’ont pas de place ici", lo, hi)
		}
		if err := w.prove(lo, hi); err != nil {
			return err
		}
		last = hi
	}
	for _, rest := range []*bufio.Reader{w.lines, w.proofs} {
		if _, err := rest.ReadByte(); err != io.EOF {
			return refuse("des lignes de trop")
		}
	}
	return nil
}

// prove shows that the run stands in the tree: the hashes to the left of its
// first leaf and to the right of its last, with the leaves between them, make
// the root; and both proofs hold by themselves.
func (w *walk) prove(lo, hi int64) error {
	first, err := w.proof(lo)
	if err != nil {
		return err
	}
	last := first
	if hi > lo {
		if last, err = w.proof(hi); err != nil {
			return err
		}
	}
	left, _ := sides(lo, int64(w.tree.size), first)
	_, right := sides(hi, int64(w.tree.size), last)
	f := fold{left: left, right: right, lo: lo, hi: hi, next: w.leaf}
	root, err := f.root(0, int64(w.tree.size))
	if err != nil {
		return err
	}
	if !bytes.Equal(root, w.tree.root) || !w.holds(lo, f.first, first) || !w.holds(hi, f.last, last) {
		return refuse("les entrées %d à %d ne sont pas dans le journal", lo, hi)
	}
	return nil
}

func (w *walk) holds(index int64, leaf []byte, hashes [][]byte) bool {
	return merkle.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), w.tree.size, leaf, hashes, w.tree.root) == nil
}

// leaf reads the next line of the set.
func (w *walk) leaf(index int64) ([]byte, error) {
	text, err := w.lines.ReadSlice('\n')
	if err != nil {
		return nil, refuse("l’entrée %d manque ou est tronquée", index)
	}
	row, r, err := readLine(index, bytes.Clone(text[:len(text)-1]))
	if err != nil {
		return nil, err
	}
	return row.Leaf[:], w.each(row, r)
}

// maxHashes is more than a tree of 2⁶³ leaves needs.
const maxHashes = 64

// proof reads one C2SP proof.
func (w *walk) proof(index int64) ([][]byte, error) {
	strange := refuse("la preuve de l’entrée %d est illisible ou d’un autre point de contrôle", index)
	var raw []byte
	for range maxHashes + 3 {
		text, err := w.proofs.ReadSlice('\n')
		if err != nil {
			return nil, strange
		}
		raw = append(raw, text...)
		if len(text) == 1 {
			break
		}
	}
	rest := make([]byte, len(w.note))
	if _, err := io.ReadFull(w.proofs, rest); err != nil {
		return nil, strange
	}
	raw = append(raw, rest...)
	var p proof.TLogProof
	if p.Unmarshal(raw) != nil || !bytes.Equal(p.Marshal(), raw) || len(p.ExtraData) != 0 || p.Index != uint64(index) || !bytes.Equal(p.Checkpoint, w.note) {
		return nil, strange
	}
	hashes := make([][]byte, len(p.Hashes))
	for i := range p.Hashes {
		hashes[i] = p.Hashes[i][:]
	}
	return hashes, nil
}
