package journal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxBody bounds an entry's canonical bytes.
const MaxBody = 16 << 10

// Hash is a node of the tree.
type Hash = tlog.Hash

// Entry is a fact with its date, its identifier and its place in the stream of
// its mandat. The journal's own index is not part of it: the tree gives it.
type Entry struct {
	ID         string // UUIDv7
	At         time.Time
	Fact       Fact
	RequestID  string
	App        string // version of the program that wrote it
	StreamSeq  int64  // 1, 2, 3… within the mandat; 0 outside any
	StreamPrev Hash   // leaf hash of the mandat's previous entry; zero for the first
}

// body is the JSON of an entry. Its fields stand in RFC 8785 order (by UTF-16
// code units of their names) so that encoding/json writes canonical bytes; a
// test holds this against a full RFC 8785 implementation.
type body struct {
	Action     Action            `json:"action"`
	Actor      actorBody         `json:"actor"`
	App        string            `json:"app,omitempty"`
	Details    map[string]string `json:"details,omitempty"`
	ID         string            `json:"id"`
	Object     objectBody        `json:"object"`
	OnBehalfOf string            `json:"on_behalf_of,omitempty"`
	Outcome    Outcome           `json:"outcome"`
	Reason     string            `json:"reason,omitempty"`
	RequestID  string            `json:"request_id,omitempty"`
	StreamPrev string            `json:"stream_prev,omitempty"`
	StreamSeq  string            `json:"stream_seq,omitempty"`
	TS         string            `json:"ts"`
	V          string            `json:"v"`
}

type actorBody struct {
	Auth string    `json:"auth,omitempty"`
	Ref  string    `json:"ref,omitempty"`
	Type ActorType `json:"type"`
}

type objectBody struct {
	ID   string `json:"id,omitempty"`
	Type string `json:"type"`
}

// timeLayout is RFC 3339 in UTC with microseconds, always "Z".
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Canonical returns the entry's bytes, the ones that are hashed and stored.
func (e Entry) Canonical() ([]byte, error) {
	if err := e.Fact.Check(); err != nil {
		return nil, err
	}
	if err := e.checkHeader(); err != nil {
		return nil, err
	}
	f := e.Fact
	b := body{
		V: "1", ID: e.ID, TS: e.At.UTC().Format(timeLayout), App: e.App, RequestID: e.RequestID,
		Action: f.action, Outcome: f.outcome, Reason: f.reason, Details: f.details,
		Actor:      actorBody{Type: f.actor.Type, Ref: f.actor.Ref, Auth: f.actor.Auth},
		Object:     objectBody{Type: f.object.Type, ID: f.object.ID},
		OnBehalfOf: f.stream,
	}
	if f.stream != "" {
		b.StreamSeq = strconv.FormatInt(e.StreamSeq, 10)
		if e.StreamSeq > 1 {
			b.StreamPrev = base64.StdEncoding.EncodeToString(e.StreamPrev[:])
		}
	}
	return marshal(b)
}

// checkHeader holds what the store adds to a fact: an identifier, a year of four
// digits, a counter exactly where there is a mandat.
func (e Entry) checkHeader() error {
	for _, v := range []string{e.RequestID, e.App} {
		if v != "" && !isCode(v) {
			return fmt.Errorf("%w: en-tête illisible", ErrFact)
		}
	}
	if year := e.At.UTC().Year(); !isCode(e.ID) || year < 1 || year > 9999 {
		return fmt.Errorf("%w: identifiant ou date absents", ErrFact)
	}
	if e.StreamSeq < 0 || (e.Fact.stream != "") != (e.StreamSeq > 0) {
		return fmt.Errorf("%w: compteur du mandat", ErrFact)
	}
	return nil
}

// marshal writes without HTML escapes, which RFC 8785 does not know.
func marshal(b body) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return nil, fmt.Errorf("entrée du journal: %w", err)
	}
	out := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if len(out) > MaxBody {
		return nil, fmt.Errorf("%w: %d octets", ErrFact, len(out))
	}
	return out, nil
}

// Leaf is the RFC 6962 leaf hash of an entry's bytes.
func Leaf(canonical []byte) Hash { return tlog.RecordHash(canonical) }

// Record is an entry read back from its bytes, for people and for filters.
type Record struct {
	Index     int64
	ID        string
	At        time.Time
	Actor     Actor
	Action    Action
	Object    Object
	Mandat    string
	Outcome   Outcome
	Reason    string
	RequestID string
	Details   map[string]string
	StreamSeq int64
	PrunedBy  int64 // index of the entry that took the body away; 0 while it is there
	prev      string
}

// Parse reads an entry's bytes. It accepts exactly what [Entry.Canonical]
// writes: any other spelling of the same content is an error.
func Parse(canonical []byte) (Record, error) {
	if e, ok := scan(canonical); ok {
		return e.record(), nil
	}
	return parse(canonical)
}

// parse judges what scan did not accept, by writing it again.
func parse(canonical []byte) (Record, error) {
	var b body
	dec := json.NewDecoder(bytes.NewReader(canonical))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return Record{}, fmt.Errorf("entrée illisible: %w", err)
	}
	e, err := b.entry()
	if err != nil {
		return Record{}, fmt.Errorf("entrée illisible: %w", err)
	}
	again, err := e.Canonical()
	if err != nil {
		return Record{}, fmt.Errorf("entrée illisible: %w", err)
	}
	if !bytes.Equal(again, canonical) {
		return Record{}, fmt.Errorf("entrée illisible: forme non canonique")
	}
	f := e.Fact
	return Record{ID: e.ID, At: e.At, Actor: f.actor, Action: f.action, Object: f.object, Mandat: f.stream,
		Outcome: f.outcome, Reason: f.reason, RequestID: e.RequestID, Details: f.details,
		StreamSeq: e.StreamSeq, prev: b.StreamPrev}, nil
}

// entry undoes [Entry.Canonical], field by field.
func (b body) entry() (Entry, error) {
	at, err := time.Parse(timeLayout, b.TS)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{ID: b.ID, At: at, RequestID: b.RequestID, App: b.App, Fact: Fact{
		actor:  Actor{Type: b.Actor.Type, Ref: b.Actor.Ref, Auth: b.Actor.Auth},
		action: b.Action, object: Object{Type: b.Object.Type, ID: b.Object.ID},
		stream: b.OnBehalfOf, outcome: b.Outcome, reason: b.Reason, details: b.Details,
	}}
	if b.StreamSeq != "" {
		if e.StreamSeq, err = strconv.ParseInt(b.StreamSeq, 10, 64); err != nil {
			return Entry{}, fmt.Errorf("compteur du mandat: %w", err)
		}
	}
	prev, err := base64.StdEncoding.DecodeString(b.StreamPrev)
	if err != nil || (len(prev) != 0 && len(prev) != tlog.HashSize) {
		return Entry{}, fmt.Errorf("entrée précédente du mandat: %d octets", len(prev))
	}
	copy(e.StreamPrev[:], prev)
	return e, nil
}

type requestKey struct{}

// WithRequest makes ctx carry the identifier of the request being served, so
// that entries written on its behalf name it.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID reads what [WithRequest] put, "" without it.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// StreamPrev is the leaf hash of the mandat's previous entry in standard
// base64, "" for the first one and outside any mandat.
func (r Record) StreamPrev() string { return r.prev }
