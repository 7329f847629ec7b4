package journal

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHeadsWithin: whatever the summaries cover, beside each other, overlapping, with
// gaps or nothing at all, the streams that are looked at are those that a walk through
// all of them finds.
func TestHeadsWithin(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		var told []Day
		for to := int64(-1); to < 400; to += 1 + random.Int64N(40) {
			from := to + 1 - random.Int64N(60)
			if random.IntN(2) == 0 && len(told) > 0 {
				from = told[len(told)-1].To + 1
			}
			told = append(told, Day{Index: to + 1, From: max(0, from), To: to})
		}
		v := NewVerifier()
		v.ExpectDays(told)
		for v.size < 500 {
			v.touch([]byte(fmt.Sprintf("m-%d", random.IntN(30))), &v.size)
			for len(v.days.next) > 0 && v.days.next[0].To < v.size {
				d := v.days.next[0]
				v.days.next = v.days.next[1:]
				var want []string
				for _, end := range v.streams {
					if end.at >= d.From && end.at <= d.To {
						want = append(want, end.mandat)
					}
				}
				var got []string
				for _, h := range v.headsWithin(d) {
					got = append(got, h.Mandat)
				}
				v.days.closed(d)
				if slices.Sort(want); !slices.Equal(slices.SortedFunc(slices.Values(got), cmp.Compare), want) {
					t.Fatalf("seed %d, day %+v: %v, want %v", seed, d, got, want)
				}
			}
		}
		if len(v.days.moved) > 0 {
			t.Errorf("seed %d: %d streams are still watched after the last summary", seed, len(v.days.moved))
		}
	}
}

// BenchmarkDays measures what the daily summaries add to a verification: 5 000
// mandats, of which fifty move each day, over 365 and 3 650 days.
func BenchmarkDays(b *testing.B) {
	for _, n := range []int64{365, 3650} {
		b.Run(fmt.Sprintf("%d days", n), func(b *testing.B) {
			for b.Loop() {
				v := NewVerifier()
				for m := range 5000 {
					v.touch([]byte(fmt.Sprintf("m-%d", m)), &v.size)
				}
				var told []Day
				for d := range n {
					from := 5000 + d*200
					told = append(told, Day{Index: from + 200, From: from, To: from + 199, Count: 50})
				}
				v.ExpectDays(told)
				v.days.next = told // in order
				for range n * 200 {
					v.touch([]byte(fmt.Sprintf("m-%d", v.size%50*100)), &v.size)
					_ = v.closeDays() // the digests are of nothing: what is measured is the way to them
				}
				if len(v.days.next) > 0 {
					b.Fatal("not all were compared")
				}
			}
		})
	}
}

func (v *Verifier) touch(mandat []byte, size *int64) {
	end := v.end(mandat)
	end.seq, end.at = end.seq+1, *size
	v.days.move(end)
	*size++
}
