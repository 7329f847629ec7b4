package compte

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/login"
	"relais/internal/session"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

// maxForm bounds this desk's forms, in bytes.
const maxForm = 8 << 10

type entrancePage struct {
	page.Layout
	ReturnTo string
	Again    bool   // ask the provider for the identity again, whatever session it has
	Service  bool   // a public service waits behind the login
	Passkeys bool   // browsers give passkeys to this address
	Enrolled string // what was just enrolled, "cle" or "application"
}

// entrance is the way in, with the path to come back to.
func (d *Desk) entrance(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	to := localPath(r.URL.Query().Get("retour"))
	if v.Aidant.ID != "" {
		if v.Session.Enrolling() {
			to = v.Home()
		}
		http.Redirect(w, r, destination(to, v.Aidant), http.StatusSeeOther)
		return nil
	}
	p := &entrancePage{Layout: v.Layout("S’identifier", ""), ReturnTo: to,
		Again: r.URL.Query().Get("autre") == "oui", Service: strings.HasPrefix(to, "/agir/"),
		Passkeys: d.Room.Passkeys.Available()}
	if kind := r.URL.Query().Get("enregistre"); kind == "cle" || kind == "application" {
		p.Enrolled = kind
	}
	return d.Pages.Render(w, http.StatusOK, "compte/connexion", p)
}

// start sends the browser to the identity provider.
func (d *Desk) start(w http.ResponseWriter, r *http.Request) error {
	form, err := page.ReadForm(r, maxForm)
	if err != nil {
		return err
	}
	to := localPath(form.Get("retour"))
	begun, err := d.Provider.StartAgent(r.Context(), login.StartAgent{ReturnTo: to, Force: form.Get("autre") == "oui"})
	if err != nil {
		return d.failed(r, err, page.Link{Href: "/connexion", Text: "Recommencer"})
	}
	err = d.Sessions.Put(w, cookieLogin, begun.State, loginLife)
	if errors.Is(err, session.ErrTooLong) {
		begun.State.ReturnTo = "" // the login matters more than where it leads
		err = d.Sessions.Put(w, cookieLogin, begun.State, loginLife)
	}
	if err != nil {
		return err
	}
	return d.Pages.Leave(w, begun.URL, "Vers votre identité professionnelle", "Continuer vers votre identité professionnelle")
}

// back reads the provider's answer: a login, or the taking back of a screen.
func (d *Desk) back(w http.ResponseWriter, r *http.Request) error {
	var pending login.Pending
	err := d.Sessions.Take(w, r, cookieLogin, &pending)
	if errors.Is(err, http.ErrNoCookie) || errors.Is(err, session.ErrAltered) {
		return elsewhere(desk.Of(r))
	}
	if err != nil {
		return err
	}
	next := page.Link{Href: "/connexion", Text: "Recommencer la connexion"}
	handover := pending.MandatID != "" // only the taking back of a screen names a mandat
	if handover {
		next = page.Link{Href: "/tour", Text: "Revenir à la signature"}
	}
	if pending.Confirm != "" {
		next = confirmLink(pending.ReturnTo)
	}
	agent, err := d.Provider.FinishAgent(r.Context(), pending, r.URL.Query())
	if errors.Is(err, login.ErrKeysChanged) {
		// The next attempt's evidence needs these keys in the journal before it.
		if err := d.Trace.CommitKeys(r.Context(), agent.Proof.Issuer, acte.KeysDigest(agent.Proof.JWKS)); err != nil {
			return err
		}
	}
	if err != nil {
		return d.failed(r, err, next)
	}
	if handover {
		return d.takeBack(w, r, pending, agent)
	}
	if pending.Confirm != "" {
		return d.confirm(w, r, pending, agent)
	}
	return d.signIn(w, r, pending, agent)
}

// takeBack hands the request to the desk of the signature, with the visit that a
// public route does not have.
func (d *Desk) takeBack(w http.ResponseWriter, r *http.Request, pending login.Pending, agent login.Agent) error {
	c, err := d.Sessions.Current(r)
	if err != nil {
		return err
	}
	v := desk.Visit{Aidant: c.Aidant, Organisation: c.Organisation, Session: c.Session}
	return d.Handover.TakeBack(w, r.WithContext(desk.WithVisit(r.Context(), v)), pending, agent)
}

// signIn opens the session, under an identifier that nobody had before.
func (d *Desk) signIn(w http.ResponseWriter, r *http.Request, pending login.Pending, agent login.Agent) error {
	old, err := d.Sessions.Current(r)
	if err != nil && !errors.Is(err, aidant.ErrSession) {
		return err
	}
	if old.Session.Entrusted != "" {
		return elsewhere(desk.Of(r))
	}
	fresh, id := d.Sessions.Fresh(r)
	fresh.AuthAt, fresh.Auth = agent.AuthAt, "proconnect:"+agent.Login.ACR
	a, err := d.Accounts.SignIn(r.Context(), agent.Login, fresh)
	if err != nil {
		return notAdmitted(err)
	}
	if err := d.replace(r.Context(), old, a); err != nil {
		return err
	}
	fresh.AidantID = a.ID
	if err := d.Sessions.Keep(r.Context(), fresh, keptIDToken, agent.IDToken); err != nil {
		return err
	}
	d.Sessions.SetID(w, id)
	d.Sessions.SetBrowser(w, fresh.Browser)
	http.Redirect(w, r, destination(pending.ReturnTo, a), http.StatusSeeOther)
	return nil
}

// replace ends the session this browser had; another agent's uses end with it.
func (d *Desk) replace(ctx context.Context, old session.Current, next aidant.Aidant) error {
	if old.Session.Ref == "" {
		return nil
	}
	if old.Aidant.ID != next.ID {
		if err := d.Accounts.EndUses(ctx, old.Aidant.ID, old.Aidant.Actor(old.Session.Auth), "session_remplacee"); err != nil {
			return err
		}
	}
	err := d.Accounts.EndSession(ctx, old.Session.Ref, old.Aidant.SignedOut("session_remplacee"))
	if errors.Is(err, aidant.ErrSession) {
		return nil // ended meanwhile
	}
	return err
}

// destination is where a login leads: what was asked for, else the agent's desk.
func destination(to string, a aidant.Aidant) string {
	if to = localPath(to); to == "" || to == "/" {
		return desk.Home(a)
	}
	return to
}

// localPath returns s if it is a path of this host that a login may lead to, ""
// otherwise: an open redirector would lend our name to anyone (RFC 9700 §4.11).
func localPath(s string) string {
	if len(s) > 1000 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.Contains(s, `\`) {
		return ""
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") {
		return ""
	}
	for _, door := range []string{"/connexion", "/deconnexion"} {
		if u.Path == door || strings.HasPrefix(u.Path, door+"/") {
			return ""
		}
	}
	return s
}
