package journal

import (
	"slices"
	"strings"
	"time"
)

// AgentKey names the key under which entries hide who, among the staff, they
// speak of: one for each month and class, such as "2026-11:preuve". Once it is
// destroyed, nobody can tell any more who stands behind the references of that
// month (CNIL, délibération 2021-122: an author is identified for a limited time).
type AgentKey string

const keyMonth = "2006-01"

// AgentKeyOf is the key of an entry of that date and class.
func AgentKeyOf(at time.Time, c Class) AgentKey {
	return AgentKey(at.UTC().Format(keyMonth) + ":" + string(c))
}

// Month is the first moment of the key's month and of the next one; ok is false
// for what names no key.
func (k AgentKey) Month() (start, end time.Time, ok bool) {
	month, class, _ := strings.Cut(string(k), ":")
	start, err := time.Parse(keyMonth, month)
	ok = err == nil && (Class(class) == Access || Class(class) == Evidence)
	return start, start.AddDate(0, 1, 0), ok
}

// Class is whose clock the key follows.
func (k AgentKey) Class() Class {
	_, class, _ := strings.Cut(string(k), ":")
	return Class(class)
}

// Mask hides agents' identifiers under one [AgentKey]: the same identifier gives
// the same code.
type Mask interface {
	Hide(id string) (code string)
	// Show tells whose code it is; false for a code that another key made.
	Show(code string) (id string, ok bool)
}

// Codes of the classes in a hidden reference.
var hiddenClasses = map[Class]string{Evidence: "p", Access: "a"}

// HiddenRef is how an entry names an agent: "m", month, class and code, such as
// "m2611p-…". An agent's own identifier never looks so.
func (k AgentKey) HiddenRef(code string) string {
	start, _, _ := k.Month()
	return "m" + start.Format("0601") + hiddenClasses[k.Class()] + "-" + code
}

// ReadHidden takes a hidden reference apart; ok is false for any other text,
// such as the plain identifier of an entry from before references were hidden.
func ReadHidden(ref string) (k AgentKey, code string, ok bool) {
	head, code, ok := strings.Cut(ref, "-")
	if !ok || len(head) != 6 || head[0] != 'm' || code == "" {
		return "", "", false
	}
	month, err := time.Parse("0601", head[1:5])
	if err != nil {
		return "", "", false
	}
	for class, letter := range hiddenClasses {
		if letter == head[5:] {
			return AgentKeyOf(month, class), code, true
		}
	}
	return "", "", false
}

// Hidden tells a reference that its key has to open first.
func Hidden(ref string) bool {
	_, _, ok := ReadHidden(ref)
	return ok
}

// agentDetails are the details that hold an agent's identifier.
var agentDetails = []string{"aidant", "auditeur"}

// HideAgents is the fact with its agents hidden: who acted, who was acted upon,
// and the details that name one.
func (f Fact) HideAgents(hide func(id string) (string, error)) (Fact, error) {
	var err error
	hidden := func(id string) string {
		if id == "" || err != nil || Hidden(id) {
			return id
		}
		var ref string
		ref, err = hide(id)
		return ref
	}
	if f.actor.Type == ActorAidant {
		f.actor.Ref = hidden(f.actor.Ref)
	}
	if f.object.Type == "aidant" {
		f.object.ID = hidden(f.object.ID)
	}
	for _, key := range agentDetails {
		f = f.With(key, hidden(f.details[key]))
	}
	return f, err
}

// ShowAgents is the record with the references that show could open; what it
// leaves as it was stays hidden.
func (r Record) ShowAgents(show func(ref string) string) Record {
	if r.Actor.Type == ActorAidant {
		r.Actor.Ref = show(r.Actor.Ref)
	}
	if r.Object.Type == "aidant" {
		r.Object.ID = show(r.Object.ID)
	}
	if !slices.ContainsFunc(agentDetails, func(key string) bool { return r.Details[key] != "" }) {
		return r
	}
	details := make(map[string]string, len(r.Details))
	for key, value := range r.Details {
		if slices.Contains(agentDetails, key) {
			value = show(value)
		}
		details[key] = value
	}
	r.Details = details
	return r
}

// AgentsForgotten is the fact that a month's key is gone.
func AgentsForgotten(k AgentKey) Fact {
	start, _, _ := k.Month()
	return NewFact(Systeme(), AgentsForget, Object{Type: "coffre"}).Because("duree").
		With("mois", start.Format(keyMonth)).With("classe", string(k.Class()))
}
