package compte

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"time"

	"relais/internal/aidant"
	"relais/internal/login"
	"relais/internal/web/agents"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// leave ends the session here, then at the identity provider. What is open in
// the agent's name ends first: nobody could end it afterwards.
func (d *Desk) leave(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	if err := d.Accounts.EndUses(r.Context(), v.Aidant.ID, v.Aidant.Actor(v.Session.Auth), "deconnexion"); err != nil {
		return err
	}
	err := d.Accounts.EndSession(r.Context(), v.Session.Ref, v.Aidant.SignedOut("volontaire"))
	if err != nil && !errors.Is(err, aidant.ErrSession) {
		return err
	}
	d.Sessions.Clear(w)
	token := d.Sessions.Kept(v.Session, keptIDToken)
	if way(v.Session) == wayOwn && token == "" { // who came by the provider may have proved themselves here since
		http.Redirect(w, r, "/deconnexion/retour", http.StatusSeeOther)
		return nil
	}
	// Without the id_token the provider asks the agent whether to sign out.
	to, err := d.Provider.LogoutAgentURL(r.Context(), token, rand.Text())
	if errors.Is(err, login.ErrDown) {
		http.Redirect(w, r, "/deconnexion/retour", http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	return d.Pages.Leave(w, to, "Déconnexion de votre identité professionnelle", "Terminer la déconnexion")
}

// left says that the agent is out.
func (d *Desk) left(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	if v.Aidant.ID != "" {
		http.Redirect(w, r, v.Home(), http.StatusSeeOther)
		return nil
	}
	return d.Pages.Render(w, http.StatusOK, "compte/deconnecte", &page.Plain{Layout: v.Layout("Vous êtes déconnecté", "")})
}

type sessionRow struct {
	Ref, Device string
	Since, Seen time.Time
	Here        bool
}

type accountPage struct {
	page.Layout
	Items    []page.Item
	Sessions []sessionRow
	Others   bool
	Browsers []browserRow // new ones
	Reset    []page.Item  // the reset of the agent's factors that is under way, if any
	Reason   string
	Notices  []noticeRow
}

// account shows the agent to themselves, with every session in their name.
func (d *Desk) account(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	list, err := d.sessions(r)
	if err != nil {
		return err
	}
	p := &accountPage{Layout: v.Layout("Mon compte", ""), Others: len(list) > 1}
	p.Wide = true
	if p.Browsers, err = d.browsers(r); err != nil {
		return err
	}
	p.Items = []page.Item{{Term: "Nom", Text: v.Aidant.Name()}, {Term: "Adresse professionnelle", Text: v.Aidant.Email},
		{Term: "Rôle", Text: agents.Roles(v.Aidant)}, {Term: "Structure", Text: v.Organisation.Name},
		{Term: "SIRET", Text: page.Siret(v.Organisation.SIRET)},
		{Term: "Fin de cette session", Text: "Au plus tard le " + page.DateTime(d.latest(v.Session).In(v.Zone()))}}
	for _, s := range list {
		p.Sessions = append(p.Sessions, sessionRow{Ref: s.Ref, Device: s.Device, Here: s.Ref == v.Session.Ref,
			Since: s.CreatedAt.In(v.Zone()), Seen: s.SeenAt.In(v.Zone())})
	}
	if p.Notices, err = d.notices(r); err != nil {
		return err
	}
	if p.Reset, p.Reason, err = d.resetNotice(r); err != nil {
		return err
	}
	return d.Pages.Render(w, http.StatusOK, "compte/compte", p)
}

// latest is the session's absolute end: what activity does not move.
func (d *Desk) latest(s aidant.Session) time.Time {
	s.SeenAt = d.Now().AddDate(1, 0, 0)
	return d.Sessions.EndsAt(s)
}

// sessions lists the agent's living sessions, this one first, then the last used.
func (d *Desk) sessions(r *http.Request) ([]aidant.Session, error) {
	v := desk.Of(r)
	list, err := d.Accounts.SessionsOf(r.Context(), v.Aidant.ID)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(s aidant.Session) bool { return !d.Now().Before(d.Sessions.EndsAt(s)) })
	slices.SortStableFunc(list, func(a, b aidant.Session) int {
		switch {
		case a.Ref == v.Session.Ref:
			return -1
		case b.Ref == v.Session.Ref:
			return 1
		}
		return b.SeenAt.Compare(a.SeenAt)
	})
	return list, nil
}

// endOne ends one of the agent's own sessions, known by its reference.
func (d *Desk) endOne(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	ref := r.PathValue("ref")
	if ref == v.Session.Ref {
		return d.leave(w, r)
	}
	list, err := d.sessions(r)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(s aidant.Session) bool { return s.Ref == ref }) {
		return &desk.Problem{Status: http.StatusNotFound, Title: "Cette session n’est pas ouverte",
			Text: "Elle est peut-être déjà fermée. Rien n’a été modifié.",
			Next: page.Link{Href: "/compte", Text: "Voir mes sessions"}}
	}
	if err := d.end(r, ref); err != nil {
		return err
	}
	d.Flash.Flash(w, "success", "La session est fermée.")
	http.Redirect(w, r, "/compte", http.StatusSeeOther)
	return nil
}

// endOthers ends all of the agent's sessions but this one.
func (d *Desk) endOthers(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	list, err := d.sessions(r)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Ref == v.Session.Ref {
			continue
		}
		if err := d.end(r, s.Ref); err != nil {
			return err
		}
	}
	d.Flash.Flash(w, "success", "Vos autres sessions sont fermées.")
	http.Redirect(w, r, "/compte", http.StatusSeeOther)
	return nil
}

func (d *Desk) end(r *http.Request, ref string) error {
	err := d.Accounts.EndSession(r.Context(), ref, desk.Of(r).Aidant.SessionRevoked(ref))
	if errors.Is(err, aidant.ErrSession) {
		return nil // ended meanwhile: what was asked for
	}
	return err
}

// prolong answers the warning's « Rester connecté »: the visit itself has noted
// that the agent is there.
func (d *Desk) prolong(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
