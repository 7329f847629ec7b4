package compte

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/login"
	"relais/internal/session"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// wayProConnect is how an agent of ProConnect came in, in Session.Auth.
const wayProConnect = "proconnect"

// way is how the agent of a session proved who they are, and so how they prove it
// again: the part of Session.Auth before the level. The page and
// [Desk.startConfirmation] know one way for each.
func way(s aidant.Session) string {
	kind, _, _ := strings.Cut(s.Auth, ":")
	return kind
}

type confirmPage struct {
	page.Layout
	Form     page.Form
	Way      string
	Passkey  bool // the agent has one
	Code     bool // the agent has an application of codes
	ReturnTo string
	Held     bool      // a form waits
	Asks     string    // what it asks for
	Leave    page.Link // to do nothing
}

// askConfirmation says why, and offers the way by which the agent came in.
func (d *Desk) askConfirmation(w http.ResponseWriter, r *http.Request) error {
	return d.showConfirmation(w, r, http.StatusOK, confirmedPath(r.URL.Query().Get("retour")), page.Form{})
}

func (d *Desk) showConfirmation(w http.ResponseWriter, r *http.Request, status int, to string, form page.Form) error {
	v := desk.Of(r)
	p := &confirmPage{Form: form, Layout: v.Layout("Confirmez votre identité", ""), Way: way(v.Session), ReturnTo: to,
		Leave: page.Link{Href: desk.Home(v.Aidant), Text: "Ne rien faire"}}
	if to == desk.HeldPath {
		held, found, err := desk.Waiting(r.Context(), d.Sessions, v.Session, d.Now())
		if err != nil {
			return err
		}
		p.Held, p.Asks = found, held.Asks
	}
	if p.Invalid = form.Invalid(); p.Way == wayOwn {
		have, err := d.Own.Facteurs(r.Context(), v.Aidant.ID)
		if err != nil {
			return err
		}
		p.Passkey, p.Code = len(have.Passkeys) > 0 && d.Room.Passkeys.Available(), have.TOTP != nil
	}
	return d.Pages.Render(w, status, "compte/confirmer", p)
}

// startConfirmation begins it.
func (d *Desk) startConfirmation(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	to := confirmedPath(form.Get("retour"))
	switch way(v.Session) {
	case wayProConnect:
		return d.confirmAtProvider(w, r, to)
	}
	return &desk.Problem{Status: http.StatusConflict, Title: "Votre identité ne peut pas être confirmée ici",
		Text: "Relais ne sait pas vous demander de nouveau la preuve avec laquelle vous êtes entré. Rien n’a été modifié.",
		Do:   []string{"Quittez Relais, puis identifiez-vous de nouveau."}, Next: page.Link{Href: "/compte", Text: "Voir mon compte"}}
}

// confirmAtProvider sends the agent to their identity provider, which must ask
// them whatever session it has. The answer serves this session only.
func (d *Desk) confirmAtProvider(w http.ResponseWriter, r *http.Request, to string) error {
	ask := login.StartAgent{ReturnTo: to, Force: true, Confirm: desk.Of(r).Session.Ref}
	begun, err := d.Provider.StartAgent(r.Context(), ask)
	if err != nil {
		return d.failed(r, err, confirmLink(to))
	}
	err = d.Sessions.Put(w, cookieLogin, begun.State, loginLife)
	if errors.Is(err, session.ErrTooLong) {
		begun.State.ReturnTo = "" // what is confirmed matters more than where it leads
		err = d.Sessions.Put(w, cookieLogin, begun.State, loginLife)
	}
	if err != nil {
		return err
	}
	return d.Pages.Leave(w, begun.URL, "Vers votre identité professionnelle", "Continuer vers votre identité professionnelle")
}

// confirm reads what the provider said of who identified again.
func (d *Desk) confirm(w http.ResponseWriter, r *http.Request, pending login.Pending, agent login.Agent) error {
	c, err := d.Sessions.Current(r)
	if errors.Is(err, aidant.ErrSession) {
		return elsewhere(desk.Of(r))
	}
	if err != nil {
		return err
	}
	if c.Session.Ref != pending.Confirm || c.Session.Entrusted != "" {
		return elsewhere(desk.Visit{Session: c.Session})
	}
	if reason := c.Aidant.Unproven(agent.Login); reason != "" {
		if err := d.Trace.Append(r.Context(), c.Aidant.Elevated("", reason)); err != nil {
			return err
		}
		return notConfirmed(reason, pending.ReturnTo)
	}
	proven := c.Session
	proven.AuthAt, proven.Auth = agent.AuthAt, wayProConnect+":"+agent.Login.ACR
	proven.Origin = agent.Login.Origin()
	renewed, err := d.elevate(w, r, c.Aidant, proven)
	if err != nil {
		return err
	}
	if err := d.Sessions.Keep(r.Context(), renewed, keptIDToken, agent.IDToken); err != nil {
		return err
	}
	d.proceed(w, r, c.Aidant, pending.ReturnTo)
	return nil
}

// notConfirmed answers somebody whose identification does not confirm the agent, for
// a reason of [aidant.Aidant.Unproven].
func notConfirmed(reason, to string) error {
	if reason == "second_facteur_absent" {
		title, what, todo := login.Explain(login.ErrWeak)
		return &desk.Problem{Status: http.StatusForbidden, Title: title, Text: what, Do: []string{todo}, Next: confirmLink(to), Cause: aidant.ErrWeak}
	}
	return &desk.Problem{Status: http.StatusForbidden, Title: "Une autre personne s’est identifiée",
		Text: "Vous êtes connecté à Relais sous un nom, et l’identité qui vient d’être confirmée en est une autre. Rien n’a été modifié.",
		Do:   []string{"Recommencez avec l’identité sous laquelle vous êtes connecté.", "Si ce poste sert à plusieurs agents, quittez Relais puis identifiez-vous sous votre nom."},
		Next: confirmLink(to), Cause: aidant.ErrOther}
}

// elevate puts the session under a new identifier, with what was proven and its
// fact. Its absolute limit still counts from the login.
func (d *Desk) elevate(w http.ResponseWriter, r *http.Request, a aidant.Aidant, proven aidant.Session) (aidant.Session, error) {
	renewed, id := d.Sessions.Renew(proven)
	if err := d.Elevations.Elevate(r.Context(), proven.Ref, renewed, a.Elevated(proven.Auth, "")); err != nil {
		return renewed, err
	}
	d.Sessions.SetID(w, id)
	return renewed, nil
}

// proceed leads back to what the confirmation was for.
func (d *Desk) proceed(w http.ResponseWriter, r *http.Request, a aidant.Aidant, to string) {
	if to = confirmedPath(to); to == "" {
		to = desk.Home(a)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// confirmedPath is localPath for a confirmation, which also leads to the form that
// waits for it.
func confirmedPath(s string) string {
	if s == desk.HeldPath {
		return s
	}
	return localPath(s)
}

func confirmLink(to string) page.Link {
	l := page.Link{Href: desk.ConfirmPath, Text: "Recommencer la confirmation"}
	if to = confirmedPath(to); to != "" {
		l.Href += "?" + url.Values{"retour": {to}}.Encode()
	}
	return l
}

type heldField struct{ Name, Value string }

type resumePage struct {
	page.Layout
	To     string
	Asks   string
	At     time.Time
	Fields []heldField
	Leave  page.Link
}

// resume shows that a form waits, to be sent by whoever filled it: a confirmation
// alone must not do anything.
func (d *Desk) resume(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	held, found, err := desk.Waiting(r.Context(), d.Sessions, v.Session, d.Now())
	if err != nil {
		return err
	}
	if !found || localPath(held.To) == "" {
		return &desk.Problem{Status: http.StatusNotFound, Title: "Aucune demande n’attend",
			Text: "Elle a été envoyée, ou trop de temps a passé. Cette page n’a rien modifié.",
			Next: page.Link{Href: desk.Home(v.Aidant), Text: "Revenir à l’accueil"}}
	}
	p := &resumePage{Layout: v.Layout("Reprenez votre demande", ""), To: held.To, Asks: held.Asks, At: held.At.In(v.Zone()),
		Leave: page.Link{Href: desk.Home(v.Aidant), Text: "Ne rien faire"}}
	names := make([]string, 0, len(held.Form))
	for name := range held.Form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range held.Form[name] {
			p.Fields = append(p.Fields, heldField{name, strings.ReplaceAll(value, "\r\n", "\n")})
		}
	}
	return d.Pages.Render(w, http.StatusOK, "compte/reprise", p)
}
