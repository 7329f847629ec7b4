package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/mandat"
	"relais/internal/mission"
	"relais/internal/organisation"
	"relais/internal/usager"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// guard runs a route's handler behind its access and turns its error into a
// page, which is the visitor's own: it shows who they are, or nothing of the
// aidant on an entrusted screen.
func (s *Server) guard(rt desk.Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := s.admit(rt, w, r)
		if err != nil {
			if rt.Elsewhere {
				err = errors.Join(err, s.addUse(&v, r))
			}
			s.fail(w, r.WithContext(desk.WithVisit(r.Context(), v)), err)
		}
	})
}

func (s *Server) admit(rt desk.Route, w http.ResponseWriter, r *http.Request) (desk.Visit, error) {
	if rt.Access == desk.Protocol {
		if rt.Counted != "" {
			return desk.Visit{}, s.counted(rt.Counted, rt.Pattern, rt.Handle)(w, r)
		}
		return desk.Visit{}, rt.Handle(w, r)
	}
	v, err := s.visit(w, r)
	if err == nil && !rt.Elsewhere {
		err = s.addUse(&v, r)
	}
	if rt.Access == desk.Public {
		return v, s.admitPublic(rt, v, err, w, r)
	}
	if errors.Is(err, aidant.ErrSession) {
		return v, s.signInFirst(rt, w, r)
	}
	if err != nil {
		return v, err
	}
	if err := s.check(rt, v, r); err != nil {
		return v, err
	}
	if rt.Access == desk.Auditeur {
		if gone, err := s.underMission(rt, &v, w, r); gone || err != nil {
			return v, err
		}
	}
	if gone, err := s.elevated(rt, v, w, r); gone || err != nil {
		return v, err
	}
	if err := s.addNews(&v, r); err != nil {
		return v, err
	}
	if err := s.traced(rt, v, r, rt.Handle(w, r.WithContext(desk.WithVisit(r.Context(), v)))); err != nil {
		return v, err
	}
	s.told(v, r)
	return v, nil
}

// traced writes to the journal that a visitor named something that does not
// exist, or is another structure's: the two look alike. A desk that worded the
// refusal itself has written it.
func (s *Server) traced(rt desk.Route, v desk.Visit, r *http.Request, err error) error {
	if errors.As(err, new(*desk.Problem)) {
		return err
	}
	for _, absent := range []error{mandat.ErrNotFound, usager.ErrNotFound, aidant.ErrNotFound, organisation.ErrNotFound, mission.ErrNotFound, facteur.ErrUnknown} {
		if errors.Is(err, absent) {
			return s.refuse(rt, v, r, "introuvable", err)
		}
	}
	return err
}

// admitPublic serves a page that needs no visitor. An entrusted screen gets the
// information pages, and no way to sign in as somebody.
func (s *Server) admitPublic(rt desk.Route, v desk.Visit, err error, w http.ResponseWriter, r *http.Request) error {
	if err != nil && !errors.Is(err, aidant.ErrSession) {
		return err
	}
	if rt.Counted != "" && v.Session.Ref == "" {
		if err := s.Throttle.admit(rt.Counted, w, r); err != nil {
			return err
		}
	}
	if v.Session.Entrusted != "" {
		if isDoor(rt.Pattern) {
			return s.entrusted(rt, v, r)
		}
		v = desk.Visit{Session: v.Session}
	}
	return rt.Handle(w, r.WithContext(desk.WithVisit(r.Context(), v)))
}

// isDoor tells the pages by which somebody comes in, the way back from a provider
// aside: it may be the aidant's own, who takes the screen back.
func isDoor(pattern string) bool {
	return pattern == "GET /{$}" || strings.Contains(pattern, " /invitation") ||
		strings.Contains(pattern, " /connexion") && pattern != "GET /connexion/retour"
}

// visit loads who stands behind the request. aidant.ErrSession for nobody.
func (s *Server) visit(w http.ResponseWriter, r *http.Request) (desk.Visit, error) {
	c, err := s.Sessions.Current(r)
	if err != nil {
		return desk.Visit{}, err
	}
	idle := int(s.Idle.Seconds())
	v := desk.Visit{Aidant: c.Aidant, Organisation: c.Organisation, Session: c.Session,
		Clock: page.SessionClock{IdleSeconds: idle, WarnSeconds: min(120, idle/2), ProlongURL: "/compte/prolonger"}}
	if r.Method == http.MethodGet {
		for _, f := range s.Sessions.Flashes(w, r) {
			v.Flash = append(v.Flash, page.Flash{Kind: f.Kind, Text: f.Text})
		}
	}
	return v, nil
}

// check says whether the visitor may reach the route; a refusal is written to
// the journal.
func (s *Server) check(rt desk.Route, v desk.Visit, r *http.Request) error {
	switch entrusted := v.Session.Entrusted != ""; {
	case v.Session.Enrolling() && rt.Access != desk.Enrolment && rt.Pattern != "POST /deconnexion":
		return s.refuse(rt, v, r, "enrolement", &desk.Problem{Status: http.StatusForbidden, Cause: aidant.ErrEnrolling,
			Title: "Enregistrez d’abord un facteur d’authentification",
			Text:  "Cette session, ouverte par un code, ne sert qu’à enregistrer une clé d’accès ou une application de codes. Rien n’a été modifié.",
			Do:    []string{"Enregistrez votre facteur, puis identifiez-vous avec lui : toutes vos pages s’ouvriront."},
			Next:  page.Link{Href: desk.EnrolmentHome, Text: "Enregistrer un facteur"}})
	case rt.Access == desk.Handover:
		return nil
	case rt.Access == desk.Usager && !entrusted:
		return s.refuse(rt, v, r, "ecran_non_confie", &desk.Problem{Status: http.StatusForbidden,
			Title: "Cet écran n’est pas confié à un usager",
			Text:  "Cette page ne s’ouvre que pendant la signature d’un mandat, quand l’aidant confie l’écran à l’usager.",
			Next:  page.Link{Href: desk.Home(v.Aidant), Text: "Revenir au guichet"}})
	case rt.Access == desk.Usager:
		return nil
	case entrusted:
		return s.entrusted(rt, v, r)
	}
	if role := rt.Access.Role(); role != "" && !v.Aidant.Has(role) {
		return s.refuse(rt, v, r, "role", &desk.Problem{Status: http.StatusForbidden})
	}
	return nil
}

func (s *Server) entrusted(rt desk.Route, v desk.Visit, r *http.Request) error {
	return s.refuse(rt, v, r, "ecran_confie", &desk.Problem{Status: http.StatusForbidden,
		Title: "L’écran est confié à l’usager",
		Text:  "Pendant la signature d’un mandat, seules les pages de cette signature répondent.",
		Do:    []string{"Pour reprendre l’écran, l’aidant doit s’identifier de nouveau."},
		Next:  page.Link{Href: "/tour", Text: "Revenir à la signature"}})
}

func (s *Server) refuse(rt desk.Route, v desk.Visit, r *http.Request, reason string, answer error) error {
	fact := aidant.Refused(v.Aidant.Actor(v.Session.Auth), routeCode(rt.Pattern), reason)
	if err := s.Recorder.Append(r.Context(), fact); err != nil {
		return err
	}
	return answer
}

// routeCode is a pattern as the journal takes it, without blanks.
func routeCode(pattern string) string { return strings.ReplaceAll(pattern, " ", ":") }

// addUse puts the open use into the visit, for the banner: no page, not even a
// refusal or a form to correct, leaves in doubt for whom the visitor acts.
func (s *Server) addUse(v *desk.Visit, r *http.Request) error {
	if v.Session.Entrusted != "" || !v.Aidant.Has(aidant.RoleAidant) {
		return nil
	}
	use, open, err := s.Uses.OpenUse(r.Context(), v.Aidant.ID)
	if err != nil || !open {
		return err
	}
	v.Use = &use
	return nil
}

// signInFirst sends a visitor without session to the login, and back afterwards.
// A form cannot be sent again from here: its page keeps what was typed.
func (s *Server) signInFirst(rt desk.Route, w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet && rt.Access != desk.Usager && rt.Access != desk.Handover {
		to := "/connexion?" + url.Values{"retour": {r.URL.RequestURI()}}.Encode()
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	if err := s.recordNobody(w, r, routeCode(rt.Pattern), noSession); err != nil {
		return err
	}
	s.Sessions.Clear(w)
	p := &desk.Problem{Status: http.StatusForbidden, Title: "Votre session est terminée",
		Text: "Par sécurité, Relais ferme une session restée sans action, ou fermée ailleurs. Rien n’a été modifié par cette demande.",
		Do:   []string{"Identifiez-vous de nouveau : ce que vous aviez saisi vous est rendu si ce navigateur le permet.", "Un brouillon de mandat déjà enregistré n’est pas perdu."},
		Next: page.Link{Href: "/connexion", Text: "S’identifier"}}
	if rt.Access == desk.Usager {
		p.Do = append(p.Do, "Si un usager venait de s’identifier à FranceConnect, fermez toutes les fenêtres du navigateur avant la personne suivante.")
	}
	return p
}
