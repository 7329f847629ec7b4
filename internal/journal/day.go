package journal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// StreamHead is where one mandat's gapless counter stands.
type StreamHead struct {
	Mandat string
	Seq    int64
	Leaf   Hash
}

// EncodeHeads is the one form of a list of stream heads, by mandat
// (stream-heads.json, docs/evidence.md). The entry of a day holds its SHA-256.
func EncodeHeads(heads []StreamHead) []byte {
	heads = slices.SortedFunc(slices.Values(heads), func(a, b StreamHead) int { return cmp.Compare(a.Mandat, b.Mandat) })
	var b bytes.Buffer
	b.WriteString("[")
	for i, h := range heads {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n{\"mandat\":%q,\"seq\":\"%d\",\"leaf\":%q}", h.Mandat, h.Seq, base64.StdEncoding.EncodeToString(h.Leaf[:]))
	}
	b.WriteString("\n]\n")
	return b.Bytes()
}

// Day is a daily summary: which mandats' counters moved between two indexes, and
// where they then stood. It covers the tail of each counter: an entry cut off
// there contradicts a summary that somebody keeps.
type Day struct {
	Index    int64  // of the entry that says so, above To
	Jour     string // the day it was written, UTC
	From, To int64  // indexes it covers, both included; To = From-1 covers nothing
	Count    int64
	Digest   string // SHA-256 of [EncodeHeads], in hexadecimal
}

// CloseDay describes the heads that moved.
func CloseDay(jour string, from, to int64, heads []StreamHead) Day {
	sum := sha256.Sum256(EncodeHeads(heads))
	return Day{Jour: jour, From: from, To: to, Count: int64(len(heads)), Digest: hex.EncodeToString(sum[:])}
}

// Fact is the entry of the summary.
func (d Day) Fact() Fact {
	return NewFact(Systeme(), JournalDay, Object{Type: "journal"}).With("jour", d.Jour).With("premiere", strconv.FormatInt(d.From, 10)).
		With("derniere", strconv.FormatInt(d.To, 10)).With("mandats", strconv.FormatInt(d.Count, 10)).With("empreinte", d.Digest)
}

// Day reads what [Day.Fact] wrote.
func (r Record) Day() (Day, bool) {
	from, errFrom := strconv.ParseInt(r.Details["premiere"], 10, 64)
	to, errTo := strconv.ParseInt(r.Details["derniere"], 10, 64)
	count, errCount := strconv.ParseInt(r.Details["mandats"], 10, 64)
	d := Day{Index: r.Index, Jour: r.Details["jour"], From: from, To: to, Count: count, Digest: r.Details["empreinte"]}
	return d, errFrom == nil && errTo == nil && errCount == nil && r.Action == JournalDay && to < r.Index && from >= 0 && to >= from-1
}

// days holds the summaries that a [Verifier] was told of.
type days struct {
	told  map[int64]Day // by the index of the entry; nil: none is checked
	next  []Day         // those not reached yet, by To
	moved []*streamEnd  // the streams with entries from index since on, while next holds any
	since int64
}

// move notes that a stream has a new last entry.
func (s *days) move(end *streamEnd) {
	if len(s.next) > 0 && !end.moved {
		end.moved = true
		s.moved = append(s.moved, end)
	}
}

// closed lets go of the streams that stand still since a summary's last entry, unless
// the next summary asks for them too.
func (s *days) closed(d Day) {
	if len(s.next) > 0 && s.next[0].From <= d.To {
		return
	}
	s.since = max(s.since, d.To+1)
	s.moved = slices.DeleteFunc(s.moved, func(end *streamEnd) bool {
		end.moved = end.at > d.To
		return !end.moved
	})
}

// ExpectDays tells of every daily summary before the first Add, so that each is
// compared when the entries it covers have been added.
func (v *Verifier) ExpectDays(all []Day) {
	v.days.told = map[int64]Day{}
	for _, d := range all {
		v.days.told[d.Index] = d
	}
	v.days.next = slices.SortedFunc(slices.Values(all), func(a, b Day) int { return cmp.Compare(a.To, b.To) })
}

// day holds an entry that is a summary against what was told of it: that is what
// was compared.
func (v *Verifier) day(index int64, r Record) error {
	r.Index = index
	d, ok := r.Day()
	if v.days.told != nil && (!ok || v.days.told[index] != d) {
		return &Finding{Index: index, Why: "le résumé du jour n’est pas lisible, ou n’est pas celui qui a été vérifié"}
	}
	return nil
}

// closeDays compares the summaries whose last entry was added.
func (v *Verifier) closeDays() error {
	for len(v.days.next) > 0 && v.days.next[0].To < v.size {
		d := v.days.next[0]
		v.days.next = v.days.next[1:]
		heads := v.headsWithin(d)
		v.days.closed(d)
		if again := CloseDay(d.Jour, d.From, d.To, heads); again.Digest != d.Digest || again.Count != d.Count {
			return &Finding{Index: d.Index, Why: fmt.Sprintf("le résumé du jour ne décrit pas les compteurs des mandats aux entrées %d à %d", d.From, d.To)}
		}
	}
	return nil
}

// headsWithin lists the streams whose last entry a summary covers: among those that
// moved since the summary before, so that the cost of all summaries follows what
// moved and not the mandats. One that reaches further back looks at all.
func (v *Verifier) headsWithin(d Day) (heads []StreamHead) {
	add := func(end *streamEnd) {
		if end.at >= d.From && end.at <= d.To {
			heads = append(heads, StreamHead{Mandat: end.mandat, Seq: end.seq, Leaf: end.leaf})
		}
	}
	if d.From < v.days.since {
		for _, end := range v.streams {
			add(end)
		}
		return heads
	}
	for _, end := range v.days.moved {
		add(end)
	}
	return heads
}
