package preuve

import "github.com/transparency-dev/merkle/rfc6962"

// sides parts the hashes of a proof into those left of the leaf, the highest
// first, and those right of it, the lowest first: the order in which a walk from
// left to right meets them. A proof of the wrong length gives what it can.
func sides(index, size int64, hashes [][]byte) (left, right [][]byte) {
	lo, hi := int64(0), size
	for i := len(hashes) - 1; i >= 0 && hi-lo > 1; i-- {
		if middle := lo + split(hi-lo); index >= middle {
			left, lo = append(left, hashes[i]), middle
		} else {
			right, hi = append([][]byte{hashes[i]}, right...), middle
		}
	}
	return left, right
}

// split is the largest power of two below n (RFC 6962 §2.1).
func split(n int64) int64 {
	k := int64(1)
	for k*2 < n {
		k *= 2
	}
	return k
}

// fold hashes a tree of which the leaves lo to hi are known, and beside them
// only roots of subtrees.
type fold struct {
	left, right [][]byte
	lo, hi      int64
	next        func(index int64) ([]byte, error)
	first, last []byte // the leaves at both ends
}

// root is that of the leaves from a to b, b excluded.
func (f *fold) root(a, b int64) ([]byte, error) {
	switch {
	case b <= f.lo:
		return pop(&f.left)
	case a > f.hi:
		return pop(&f.right)
	case b-a == 1:
		leaf, err := f.next(a)
		if a == f.lo {
			f.first = leaf
		}
		f.last = leaf
		return leaf, err
	}
	middle := a + split(b-a)
	left, err := f.root(a, middle)
	if err != nil {
		return nil, err
	}
	right, err := f.root(middle, b)
	if err != nil {
		return nil, err
	}
	return rfc6962.DefaultHasher.HashChildren(left, right), nil
}

func pop(list *[][]byte) ([]byte, error) {
	if len(*list) == 0 {
		return nil, refuse("une preuve est trop courte")
	}
	first := (*list)[0]
	*list = (*list)[1:]
	return first, nil
}
