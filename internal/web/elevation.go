package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// elevated tells whether the visitor proved who they are as recently as the route
// asks. Who has not is sent to do it (gone), and comes back; a form that they sent
// is kept meanwhile, and nothing is done with it.
func (s *Server) elevated(rt desk.Route, v desk.Visit, w http.ResponseWriter, r *http.Request) (gone bool, err error) {
	if rt.Fresh == 0 || v.Session.Enrolling() { // which lasts as long as the longest of them
		return false, nil
	}
	if s.Sessions.Recent(v.Session, rt.Fresh) {
		return false, s.release(v, r)
	}
	back := r.URL.RequestURI()
	if r.Method == http.MethodPost { // GET and HEAD hold nothing that was typed
		if err := s.refuse(rt, v, r, "identification_ancienne", nil); err != nil {
			return true, err
		}
		if err := s.hold(rt, v, r); err != nil {
			return true, err
		}
		back = desk.HeldPath
	}
	http.Redirect(w, r, desk.ConfirmPath+"?"+url.Values{"retour": {back}}.Encode(), http.StatusSeeOther)
	return true, nil
}

// hold keeps what was typed.
func (s *Server) hold(rt desk.Route, v desk.Visit, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return page.ErrFormTooLarge
		}
		return page.ErrFormMalformed // the cause may hold what was typed
	}
	kept, err := json.Marshal(desk.Held{To: r.URL.RequestURI(), Asks: rt.Asks, Form: r.PostForm, At: s.Now()})
	if err != nil {
		return err
	}
	return s.Sessions.Keep(r.Context(), v.Session, desk.HeldName, string(kept))
}

// release forgets the form that was held for this route, now that it comes again, and
// any that waited too long.
func (s *Server) release(v desk.Visit, r *http.Request) error {
	held, found, err := desk.Waiting(r.Context(), s.Sessions, v.Session, s.Now())
	if err != nil || !found || r.Method != http.MethodPost || held.To != r.URL.RequestURI() {
		return err
	}
	return s.Sessions.Forget(r.Context(), v.Session, desk.HeldName)
}
