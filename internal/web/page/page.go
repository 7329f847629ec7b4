// Package page is what every page of Relais uses: the frame (Layout), the
// renderer, forms with their errors, the components' typed values, and the
// static files.
//
// It guarantees that a page is written whole or not at all, that everything
// typed by people is escaped, and that what was typed in a refused form comes
// back. It knows no mandat, no store and no session: desks fill the structs.
//
// A page is a struct that embeds Layout and a template named like
// "guichet/mandats", kept in ui/templates/guichet/mandats.html, that defines
// "main". The struct is passed by pointer:
//
//	type mandatsPage struct {
//		page.Layout
//		Mandats []row
//	}
//	renderer.Render(w, http.StatusOK, "guichet/mandats", &mandatsPage{…})
package page

import "time"

// Layout is embedded by every page struct: what the frame shows.
type Layout struct {
	Title   string        // without the service's name; the frame appends « – Relais »
	Invalid bool          // prefixes the title with « Erreur : », after a refused form
	Visitor *Visitor      // nil = nobody is signed in
	Nav     []NavLink     // main menu; empty = none
	Banner  *Banner       // nil = nobody is acting for someone
	Mission *MissionLine  // nil = no page of an auditeur
	Flash   []Flash       // messages about what has just happened
	News    string        // what the visitor must be told of their account; "" = none
	NewsTo  Link          // what to do about it
	Session *SessionClock // nil = no warning before the session's end
	Usager  bool          // usager page: no menu, larger text, nothing but the task
	Demo    bool          // filled by the renderer: « Démonstration – données fictives »
	Theme   string        // filled by the renderer: address of the operator's style sheet
	Print   bool          // page meant for paper: shown as a sheet
	Wide    bool          // tables and the like: the main column may be wider than a text
}

// Frame gives the frame's data to the renderer and to layout.html, also where
// a page has a field of the same name.
func (l *Layout) Frame() *Layout { return l }

// Framed is any page: a pointer to a struct that embeds Layout.
type Framed interface{ Frame() *Layout }

// Visitor is who is signed in, as shown in the header.
type Visitor struct {
	Name      string // « Camille Durand »
	Role      string // « Aidante », « Référent », « Auditrice »
	Structure string // « France services de Pontarlier »
}

// NavLink is one entry of the main menu. Current marks the page's section.
type NavLink struct {
	Href, Text string
	Current    bool
}

// Banner says for whom the visitor is acting; it stands on every page of a use.
type Banner struct {
	Usager    string // first names and birth name
	Birthdate string // AAAA-MM-JJ, possibly partial; shown in words
	Domaine   string // the domaine's title
	Until     string // in words: « 21 novembre 2026 à 16 h 20 »
	FinishURL string // POST « Terminer la démarche »
}

// MissionLine says under which mission an auditeur reads; it stands on each of
// their pages.
type MissionLine struct {
	Purpose string // the beginning of it
	Scope   string // in words: « Département 22 »
	Until   string // in words: « 31 décembre 2026 », the last day
	Href    string // the page of the mission
}

// Flash is a message about what has just happened, shown once.
type Flash struct {
	Kind string // "success", "info", "warning" or "error"
	Text string
}

// SessionClock lets the frame say when the session ends.
type SessionClock struct {
	IdleSeconds int       // the session ends after so many seconds without a request
	WarnSeconds int       // the warning opens so many seconds before
	ProlongURL  string    // POST, answers 2xx while the session lives
	Ends        time.Time // filled by the renderer when zero: now + IdleSeconds
}

// Plain is a page without data of its own.
type Plain struct{ Layout }

// PublicPage serves the templates under public/.
type PublicPage struct {
	Layout
	Operator Operator
}

// Operator is who runs this Relais, for the legal pages. What is empty is
// shown as « à compléter par l'opérateur ».
type Operator struct {
	Name, Address, Email, Phone string
	Director                    string // directeur ou directrice de la publication
	Host                        string // who hosts the service, with address
	DPO                         string // how to reach the data protection officer
}
