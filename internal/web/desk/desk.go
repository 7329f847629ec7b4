// Package desk is what the desks and the web server agree on: a route with the
// access it demands, the visit behind a request, and the errors that become
// pages.
//
// It guarantees that a desk's handler only ever runs behind the access that its
// route declares: package web reads the same table to enforce it, and the rights
// matrix prints it. It renders nothing and stores nothing.
package desk

import (
	"context"
	"net/http"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/debit"
	"relais/internal/delegation"
	"relais/internal/domaine"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/web/page"
)

// Access is who may reach a route. It is checked on the server at every request.
type Access string

// The accesses. All but Public, Protocol and Usager refuse an entrusted screen.
// All but Public, Protocol, Enrolment and leaving refuse a session that may only
// enrol a factor.
const (
	Public         Access = "public"         // anyone
	Protocol       Access = "protocole"      // OpenID Connect endpoints, with checks of their own
	Agent          Access = "agent"          // any agent who is signed in
	Enrolment      Access = "enrolement"     // signed in, or here to enrol a factor and for nothing else
	Aidant         Access = "aidant"         // the aidant's counter
	Referent       Access = "referent"       // the structure's team
	Auditeur       Access = "auditeur"       // the journal
	Administrateur Access = "administrateur" // structures and agents
	Usager         Access = "usager"         // the entrusted screen, for its one signature
	Handover       Access = "passage"        // signed in, screen entrusted or not: leave, take back
)

// Role returns the role an access demands, "" for none.
func (a Access) Role() aidant.Role {
	switch a {
	case Aidant:
		return aidant.RoleAidant
	case Referent:
		return aidant.RoleReferent
	case Auditeur:
		return aidant.RoleAuditeur
	case Administrateur:
		return aidant.RoleAdministrateur
	}
	return ""
}

// MissionCookie is the sealed cookie that holds the id of the mission an
// auditeur chose among several: the desk puts it, package web reads it.
const MissionCookie = "mission"

// Handler serves a route. What it returns as error becomes a page, made in one
// place; nothing may have been written then.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one line of the route table. Pattern is net/http's, with its method.
type Route struct {
	Pattern string
	Access  Access
	Handle  Handler
	// Elsewhere is a POST that sends the browser to another site: the open use is
	// read for its error pages only.
	Elsewhere bool
	// Counted is the rule on which a request without a session counts, "" for none; at
	// a Protocol route, the rule on which its refusals count.
	Counted debit.Rule
	// Fresh is how recently the agent must have proved who they are; 0 asks for no
	// more than a session. Who has not is sent to do it, and finds what they had
	// typed again.
	Fresh time.Duration
	// Asks says what the form of such a POST asks for, as « suspendre un agent »: who
	// confirms who they are reads it, since another may have sent the form.
	Asks string
	// AnyMission is a route of an auditeur that needs a mission in progress, and
	// none chosen yet where there are several: the page that chooses.
	AnyMission bool
}

// Visit is who stands behind a request that passed its access.
type Visit struct {
	Aidant       aidant.Aidant
	Organisation organisation.Organisation
	Session      aidant.Session
	Use          *delegation.Open // the use that is open, or nil
	Clock        page.SessionClock
	Flash        []page.Flash
	News         *News // a login somewhere new, a reset asked for, or nil

	Mission  *mission.Mission  // the auditeur's, on routes for them; never nil there, AnyMission aside
	Missions []mission.Mission // all of theirs that are in progress
	Within   string            // the mission's scope in words
}

type visitKey struct{}

// WithVisit makes ctx carry the visit.
func WithVisit(ctx context.Context, v Visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// Of returns the visit of a request whose route demands one. The zero Visit on a
// public route.
func Of(r *http.Request) Visit {
	v, _ := r.Context().Value(visitKey{}).(Visit)
	return v
}

// Zone is the time zone in which the visitor's dates are shown.
func (v Visit) Zone() *time.Location { return v.Organisation.Location() }

// Scope is what the auditeur may read of the journal: their mission's scope, put
// into every filter. Without a mission it covers nothing.
func (v Visit) Scope() journal.Scope {
	if v.Mission == nil {
		return journal.Scope{Structure: "-"}
	}
	return v.Mission.Scope
}

// purposeShown is how much of a mission's purpose stands on every page, in
// characters.
const purposeShown = 90

func (v Visit) missionLine() *page.MissionLine {
	purpose := []rune(strings.Join(strings.Fields(v.Mission.Purpose), " "))
	if len(purpose) > purposeShown {
		purpose = append(purpose[:purposeShown-1], '…')
	}
	return &page.MissionLine{Purpose: string(purpose), Scope: v.Within, Href: "/controle/mission",
		Until: page.Date(v.Mission.LastDay(v.Zone()))}
}

// section is one entry of the menu.
type section struct {
	role       aidant.Role
	href, text string
}

var sections = []section{
	{aidant.RoleAidant, "/guichet", "Guichet"},
	{aidant.RoleAidant, "/mandats", "Mandats"},
	{aidant.RoleReferent, "/structure", "Équipe"},
	{aidant.RoleAuditeur, "/controle", "Journal"},
	{aidant.RoleAdministrateur, "/administration", "Habilitations"},
}

// EnrolmentHome is the only desk of a session that may only enrol a factor.
const EnrolmentHome = "/compte/facteurs"

// Home is where the visitor starts.
func (v Visit) Home() string {
	if v.Session.Enrolling() {
		return EnrolmentHome
	}
	return Home(v.Aidant)
}

// Home is where an agent starts, by their first role.
func Home(a aidant.Aidant) string {
	for _, s := range sections {
		if a.Has(s.role) {
			return s.href
		}
	}
	return "/compte"
}

// Layout is the frame of a signed-in page; current is the href of its section.
func (v Visit) Layout(title, current string) page.Layout {
	l := page.Layout{Title: title, Flash: v.Flash}
	if v.Aidant.ID == "" {
		return l
	}
	l.Visitor = &page.Visitor{Name: v.Aidant.Name(), Role: v.roleLabel(), Structure: v.Organisation.Name}
	if !v.Session.Enrolling() { // which nothing makes longer, and whose page says how long it lasts
		clock := v.Clock
		l.Session = &clock
	}
	for _, s := range sections {
		if v.Aidant.Has(s.role) && !v.Session.Enrolling() {
			l.Nav = append(l.Nav, page.NavLink{Href: s.href, Text: s.text, Current: s.href == current})
		}
	}
	if v.Use != nil {
		l.Banner = v.banner()
	}
	if v.News != nil {
		l.News, l.NewsTo, v.News.Shown = v.News.Text, v.News.To, true
	}
	if v.Mission != nil {
		l.Mission = v.missionLine()
	}
	return l
}

func (v Visit) roleLabel() string {
	if len(v.Aidant.Roles) == 0 {
		return ""
	}
	return v.Aidant.Roles[0].Label()
}

func (v Visit) banner() *page.Banner {
	title := v.Use.Login.Domaine
	if d, ok := domaine.Current().Find(title); ok {
		title = d.Title
	}
	return &page.Banner{
		Usager: v.Use.Usager.Identite.Display(), Birthdate: string(v.Use.Usager.Identite.Birthdate),
		Domaine: title, Until: page.DateTime(v.Use.Mandat.EndsAt.In(v.Zone())), FinishURL: "/demarche/terminer",
	}
}

// UsagerLayout is the frame of the entrusted screen: no menu, nothing of the
// aidant's.
func (v Visit) UsagerLayout(title string) page.Layout {
	return page.Layout{Title: title, Usager: true, Flash: v.Flash}
}

// Problem is an error that says what its page shows. A desk returns one where
// the table of package web would be too vague.
type Problem struct {
	Status    int
	Title     string
	Text      string
	Do        []string
	Next      page.Link // where to go on; "" = the visitor's home
	Cause     error     // for the log, never shown
	Reference string
}

// StaysEntrusted adds to a failed identification of the aidant what stands while an
// usager has the screen, and what to do about it.
func (p *Problem) StaysEntrusted() *Problem {
	p.Text += " Ce que l’usager a signé est conservé."
	p.Do = append([]string{"Laissez cet écran ouvert : la page « Rendez l’écran » sert dès que l’aidant peut s’identifier."}, p.Do...)
	return p
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Cause != nil {
		return p.Title + ": " + p.Cause.Error()
	}
	return p.Title
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }
