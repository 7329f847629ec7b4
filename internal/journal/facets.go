package journal

import (
	"slices"
	"strings"
)

// Scope is the part of the journal that a mission covers: one structure, one
// département, or, zero, all of it. At most one field is set.
type Scope struct {
	Structure   string // an organisation's id
	Departement string // "22", "974"
}

// Covers tells whether an entry lies in the scope. One that belongs to no
// structure is covered by the whole journal only.
func (s Scope) Covers(f Facets) bool {
	return (s.Structure == "" || s.Structure == f.Structure) && (s.Departement == "" || s.Departement == f.Departement)
}

// Facets is what an entry can be found by, beside its own action, outcome and
// mandat. Empty means that it has none.
type Facets struct {
	Structure   string // the mandat's, else that of the agent it is about, else of the agent who acted
	Departement string // where that structure is
	Actor       string
	Usager      string // of the mandat, once it is signed
	Domaine     string
	Service     string // a client_id
}

// Facets tells what the entry says by itself; a store adds structure,
// département and usager from the mandat and the agents it names.
func (r Record) Facets() Facets {
	f := Facets{Actor: r.Actor.Ref, Domaine: r.Details["domaine"], Service: r.Details["client"]}
	switch {
	case f.Service != "":
	case r.Actor.Type == ActorClient:
		f.Service = r.Actor.Ref
	case r.Object.Type == "client":
		f.Service = r.Object.ID
	}
	return f
}

// Belongs tells by what the entry's structure is found: its mandat, else a
// structure itself, else an agent. At most one is set.
func (r Record) Belongs() (mandat, structure, agent string) {
	switch {
	case r.Mandat != "":
		return r.Mandat, "", ""
	case r.Object.Type == "organisation":
		return "", r.Object.ID, ""
	case r.Object.Type == "aidant":
		return "", "", r.Object.ID
	case r.Actor.Type == ActorAidant:
		return "", "", r.Actor.Ref
	}
	return "", "", r.Details["aidant"]
}

// Codes lists the posting lists that an entry stands in. What a scoped auditeur
// combines with the scope has a list of its own, so that a structure's rare
// action is found as quickly as the journal's.
func (f Facets) Codes(r Record) []string {
	var out []string
	add := func(kind, value string) {
		if value != "" {
			out = append(out, kind+value)
		}
	}
	add("acteur:", f.Actor)
	add("mandat:", r.Mandat)
	add("usager:", f.Usager)
	add("structure:", f.Structure)
	add("departement:", f.Departement)
	prefixes := []string{""}
	if f.Structure != "" {
		prefixes = append(prefixes, "s:"+f.Structure+"|")
	}
	if f.Departement != "" {
		prefixes = append(prefixes, "d:"+f.Departement+"|")
	}
	domaines := domainesOf(f, r)
	for _, prefix := range prefixes {
		add(prefix+"action:", string(r.Action))
		if r.Outcome != OK {
			add(prefix+"issue:", string(r.Outcome))
		}
		for _, domaine := range domaines {
			add(prefix+"domaine:", domaine)
		}
		add(prefix+"service:", f.Service)
	}
	return out
}

// domainesOf adds those of an act on several at once, such as a draft or a
// revocation.
func domainesOf(f Facets, r Record) []string {
	all := append(strings.Split(r.Details["domaines"], ","), f.Domaine)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
}

// Codes lists the posting lists whose common entries answer the filter, its
// period and the outcome ok aside: those are told from the entry itself.
func (f Filter) Codes() []string {
	structure := f.Scope.Structure
	if structure == "" {
		structure = f.Structure
	}
	prefix := ""
	switch {
	case structure != "":
		prefix = "s:" + structure + "|"
	case f.Scope.Departement != "":
		prefix = "d:" + f.Scope.Departement + "|"
	}
	var out []string
	add := func(kind, value string) {
		if value != "" {
			out = append(out, kind+value)
		}
	}
	add(prefix+"action:", string(f.Action))
	if f.Outcome != OK {
		add(prefix+"issue:", string(f.Outcome))
	}
	add(prefix+"domaine:", f.Domaine)
	add(prefix+"service:", f.Service)
	crossed := len(out) > 0
	if !crossed {
		add("structure:", structure)
	}
	if f.Structure != structure {
		add("structure:", f.Structure)
	}
	if !crossed || structure != "" {
		add("departement:", f.Scope.Departement)
	}
	add("acteur:", f.Actor)
	add("usager:", f.Usager)
	add("mandat:", f.Mandat)
	return out
}
