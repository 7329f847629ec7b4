package journal

import (
	"bytes"
	"encoding/base64"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// scanned is an entry read where it lies, without a copy. Its slices belong to
// the bytes it was read from.
type scanned struct {
	id, actorType, actorRef, action, objectType, objectID, mandat, outcome []byte
	auth, reason, request, details, prevText                               []byte
	count                                                                  int // of details
	at                                                                     time.Time
	seq                                                                    int64
	prev                                                                   Hash
}

// scan reads canonical bytes in one pass, as a verification of millions of
// entries needs it. It accepts nothing that [Parse] refuses; what it does not
// accept (a value with an escape, any other spelling) is for Parse to judge.
func scan(body []byte) (scanned, bool) {
	s := scanner{rest: body, ok: len(body) <= MaxBody}
	var e scanned
	e.action = s.must(`{"action":"`)
	e.auth = s.optional(`,"actor":{"auth":"`)
	if s.hit {
		e.actorRef = s.optional(`,"ref":"`)
		e.actorType = s.must(`,"type":"`)
	} else if e.actorRef = s.optional(`,"actor":{"ref":"`); s.hit {
		e.actorType = s.must(`,"type":"`)
	} else {
		e.actorType = s.must(`,"actor":{"type":"`)
	}
	s.literal(`}`)
	s.optional(`,"app":"`)
	e.details, e.count = s.details()
	e.id = s.must(`,"id":"`)
	if e.objectID = s.optional(`,"object":{"id":"`); s.hit {
		e.objectType = s.must(`,"type":"`)
	} else {
		e.objectType = s.must(`,"object":{"type":"`)
	}
	s.literal(`}`)
	e.mandat = s.optional(`,"on_behalf_of":"`)
	e.outcome = s.must(`,"outcome":"`)
	e.reason = s.optional(`,"reason":"`)
	e.request = s.optional(`,"request_id":"`)
	e.prevText = s.optional(`,"stream_prev":"`)
	seq := s.optional(`,"stream_seq":"`)
	ts := s.must(`,"ts":"`)
	s.literal(`,"v":"1"}`)
	if !s.ok || len(s.rest) > 0 || !known(e) {
		return e, false
	}
	e.at, s.ok = scanTime(ts)
	return e, s.ok && e.stream(e.prevText, seq)
}

// known holds the words that only some values are right for.
func known(e scanned) bool {
	if _, ok := labels[Action(e.action)]; !ok {
		return false
	}
	switch Outcome(e.outcome) {
	case OK, Denied, Failed:
	default:
		return false
	}
	switch ActorType(e.actorType) {
	case ActorAidant, ActorUsager, ActorClient, ActorSysteme, ActorUnknown:
		return true
	}
	return false
}

// stream reads the place in the mandat's stream.
func (e *scanned) stream(prev, seq []byte) bool {
	if len(e.mandat) == 0 {
		return len(prev) == 0 && len(seq) == 0
	}
	if len(seq) == 0 || len(seq) > 18 || seq[0] == '0' {
		return false
	}
	for _, c := range seq {
		if c < '0' || c > '9' {
			return false
		}
		e.seq = 10*e.seq + int64(c-'0')
	}
	if e.seq == 1 {
		return len(prev) == 0
	}
	if len(prev) != base64.StdEncoding.EncodedLen(tlog.HashSize) {
		return false
	}
	var out [tlog.HashSize + 1]byte
	n, err := base64.StdEncoding.Strict().Decode(out[:], prev)
	copy(e.prev[:], out[:])
	return err == nil && n == tlog.HashSize
}

// scanner walks through bytes. Once something is not as expected, nothing is.
type scanner struct {
	rest []byte
	ok   bool
	hit  bool // the last optional field was there
}

func (s *scanner) literal(text string) {
	if s.ok = s.ok && len(s.rest) >= len(text) && string(s.rest[:len(text)]) == text; s.ok {
		s.rest = s.rest[len(text):]
	}
}

// must reads what opens a value, the value and its closing quote.
func (s *scanner) must(open string) []byte {
	s.literal(open)
	return s.value()
}

func (s *scanner) optional(open string) []byte {
	if s.hit = s.ok && len(s.rest) >= len(open) && string(s.rest[:len(open)]) == open; !s.hit {
		return nil
	}
	s.rest = s.rest[len(open):]
	return s.value()
}

// value reads a code that needs no escape, and its closing quote.
func (s *scanner) value() []byte {
	if !s.ok {
		return nil
	}
	end := bytes.IndexByte(s.rest, '"')
	if end < 1 || end > 200 {
		s.ok = false
		return nil
	}
	v := s.rest[:end]
	for _, c := range v {
		if c < 0x21 || c > 0x7e || c == '\\' {
			s.ok = false
			return nil
		}
	}
	s.rest = s.rest[end+1:]
	return v
}

// details reads the details, whose names are in order, and how many there are.
func (s *scanner) details() (all []byte, count int) {
	const open = `,"details":{`
	if !s.ok || len(s.rest) < len(open) || string(s.rest[:len(open)]) != open {
		return nil, 0
	}
	s.rest = s.rest[len(open):]
	all = s.rest
	for last := []byte(nil); s.ok; {
		s.literal(`"`)
		key := s.value()
		if s.ok = s.ok && isKey(key) && bytes.Compare(key, last) > 0; !s.ok {
			break
		}
		last = key
		s.must(`:"`)
		count++
		if s.ok && len(s.rest) > 0 && s.rest[0] == '}' {
			s.rest = s.rest[1:]
			return all[:len(all)-len(s.rest)], count
		}
		s.literal(`,`)
	}
	return nil, 0
}

// isKey is keyPattern, by hand.
func isKey(key []byte) bool {
	for i, c := range key {
		if (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= 41
}

// scanTime reads timeLayout, whose digits all stand at fixed places.
func scanTime(ts []byte) (time.Time, bool) {
	const shape = "0000-00-00T00:00:00.000000Z"
	if len(ts) != len(shape) {
		return time.Time{}, false
	}
	for i := range len(shape) {
		if c := ts[i]; shape[i] != '0' && c != shape[i] || shape[i] == '0' && (c < '0' || c > '9') {
			return time.Time{}, false
		}
	}
	number := func(from, to int) int {
		n := 0
		for _, c := range ts[from:to] {
			n = 10*n + int(c-'0')
		}
		return n
	}
	year, month, day, hour, minute, second := number(0, 4), number(5, 7), number(8, 10), number(11, 13), number(14, 16), number(17, 19)
	if year < 1 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, 1000*number(20, 26), time.UTC)
	return at, at.Day() == day // a day that the month does not have would be the next month's
}

// ScanTime reads a date as entries write it; ok is false for any other text.
func ScanTime(text string) (at time.Time, ok bool) { return scanTime([]byte(text)) }

// record copies what was scanned.
func (e scanned) record() Record {
	r := Record{ID: string(e.id), At: e.at, Actor: Actor{Type: ActorType(e.actorType), Ref: string(e.actorRef), Auth: string(e.auth)},
		Action: Action(e.action), Object: Object{Type: string(e.objectType), ID: string(e.objectID)}, Mandat: string(e.mandat),
		Outcome: Outcome(e.outcome), Reason: string(e.reason), RequestID: string(e.request), StreamSeq: e.seq, prev: string(e.prevText)}
	if e.count == 0 {
		return r
	}
	r.Details = make(map[string]string, e.count)
	for s := (scanner{rest: e.details, ok: true}); len(r.Details) < e.count; {
		key := s.must(`"`)
		r.Details[string(key)] = string(s.must(`:"`))
		s.rest = s.rest[1:] // the comma, or the closing brace
	}
	return r
}

// scanned is what a verification needs of an entry that only [Parse] could read.
func (r Record) scanned() scanned {
	e := scanned{id: []byte(r.ID), actorType: []byte(r.Actor.Type), actorRef: []byte(r.Actor.Ref), action: []byte(r.Action),
		objectType: []byte(r.Object.Type), objectID: []byte(r.Object.ID), mandat: []byte(r.Mandat), outcome: []byte(r.Outcome), at: r.At, seq: r.StreamSeq}
	raw, _ := base64.StdEncoding.DecodeString(r.prev) // Parse has read it
	copy(e.prev[:], raw)
	return e
}
