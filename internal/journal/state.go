package journal

import "time"

// State is how far an entry's proof has come.
type State string

// The states, each stronger than the one before.
const (
	Recorded  State = "enregistrée" // in the database
	Sealed    State = "scellée"     // under a signed checkpoint
	Cosigned  State = "cosignée"    // under a checkpoint that enough witnesses cosigned
	Timestamp State = "horodatée"   // under a checkpoint with a time token
)

// Progress is how far the whole journal has come, in sizes of its tree.
type Progress struct{ Sealed, Cosigned, Stamped int64 }

// State is the state of the entry at index: the strongest it reached. A token or
// a cosignature counts for nothing beyond what is sealed.
func (p Progress) State(index int64) State {
	switch {
	case index < min(p.Stamped, p.Sealed):
		return Timestamp
	case index < min(p.Cosigned, p.Sealed):
		return Cosigned
	case index < p.Sealed:
		return Sealed
	}
	return Recorded
}

// Lag is what is recorded and has no place in the tree yet.
type Lag struct {
	Entries int64
	Age     time.Duration // of the first of them
}
