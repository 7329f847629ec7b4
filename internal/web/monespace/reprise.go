package monespace

import (
	"errors"
	"net/http"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type endPage struct {
	page.Layout
	Aidant          string
	Given, Declined bool
	Back            string // the step left open, "" for none
}

// end is shown at any step: the usager may give the screen back at any time.
func (d *Desk) end(w http.ResponseWriter, r *http.Request) error {
	m, err := d.current(r)
	if err != nil {
		return err
	}
	v := desk.Of(r)
	p := endPage{Layout: v.UsagerLayout("Rendez l’écran"), Aidant: v.Aidant.Name(),
		Given: !m.Signature.GivenAt.IsZero(), Declined: !m.Signature.DeclinedAt.IsZero()}
	if at := step(m); at != stepEnd {
		p.Back = at
	}
	return d.Pages.Render(w, http.StatusOK, "monespace/fin", &p)
}

// askBack sends the aidant to identify again, with the digest of the text under a
// fresh salt as nonce: that login is also the structure's half of the signature.
func (d *Desk) askBack(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	if v.Session.Entrusted == "" {
		return seeOther(w, r, v.Home()) // taken back in another window
	}
	m, err := d.current(r)
	if err != nil {
		return err
	}
	if v.Session.ByOwn() {
		return seeOther(w, r, stepBack)
	}
	if err := d.commit(r.Context(), login.ProConnect); err != nil {
		return d.failedBack(err)
	}
	salt := acte.NewSalt()
	start, err := d.Login.StartAgent(r.Context(), login.StartAgent{
		ReturnTo: "/mandats/" + m.ID, Force: true, Nonce: acte.Digest(salt, m.Texte.Body), Salt: salt, MandatID: m.ID,
	})
	if err != nil {
		return d.failedBack(err)
	}
	if err := d.Sessions.Put(w, cookieConnexion, start.State, pendingLife); err != nil {
		return err
	}
	return d.Pages.Leave(w, start.URL, "L’aidant s’identifie", "Continuer vers l’identification de l’aidant")
}

// failedBack words a login of the aidant that could not begin.
func (d *Desk) failedBack(err error) error {
	if !errors.Is(err, login.ErrDown) && !errors.Is(err, login.ErrToken) {
		return err
	}
	title, what, todo := login.Explain(err)
	return back(http.StatusServiceUnavailable, title, what, err, todo).StaysEntrusted()
}

func back(status int, title, text string, cause error, do ...string) *desk.Problem {
	return &desk.Problem{Status: status, Title: title, Text: text, Do: do, Cause: cause,
		Next: page.Link{Href: stepEnd, Text: "Revenir à « Rendez l’écran »"}}
}

// TakeBack gives the screen back to the aidant who entrusted it, under a new
// session. The desk that reads ProConnect's callback calls it for a login whose
// Pending names a mandat; p is that Pending and a what it brought. It answers the
// request, or returns the error of a refusal, under which the screen stays
// entrusted.
func (d *Desk) TakeBack(w http.ResponseWriter, r *http.Request, p login.Pending, a login.Agent) error {
	v := desk.Of(r)
	if v.Session.Entrusted == "" {
		return seeOther(w, r, v.Home())
	}
	if p.MandatID != v.Session.Entrusted {
		return back(http.StatusBadRequest, "Cette identification n’est pas celle de ce mandat", "Elle a été commencée pour un autre mandat. Rien n’a été modifié.", login.ErrState, "Recommencez.")
	}
	if reason := v.Aidant.Unproven(a.Login); reason != "" {
		return d.refuseBack(r, reason)
	}
	m, err := d.current(r)
	if err != nil {
		return err
	}
	if acte.Digest(p.Salt, m.Texte.Body) != p.Nonce {
		return back(http.StatusConflict, "Le texte du mandat a changé pendant l’identification", "L’identification valait pour le texte précédent. Rien n’a été modifié.", mandat.ErrStale, "Recommencez : il faut s’identifier pour le texte de cet écran.")
	}
	return d.handOver(w, r, p, a)
}

func (d *Desk) refuseBack(r *http.Request, reason string) error {
	v := desk.Of(r)
	if err := d.Evidence.Append(r.Context(), aidant.Refused(v.Aidant.Actor(""), "POST:/tour/reprendre", reason)); err != nil {
		return err
	}
	if reason == "second_facteur_absent" {
		title, what, todo := login.Explain(login.ErrWeak)
		return back(http.StatusForbidden, title, what, aidant.ErrWeak, todo)
	}
	return back(http.StatusForbidden, "Ce n’est pas l’aidant qui a confié l’écran",
		"Une autre personne s’est identifiée. Par sécurité, l’écran reste à l’usager. Rien n’a été modifié.", aidant.ErrOther,
		"Seul l’aidant qui a confié l’écran peut le reprendre : recommencez avec son compte.")
}

func (d *Desk) handOver(w http.ResponseWriter, r *http.Request, p login.Pending, a login.Agent) error {
	v, now := desk.Of(r), d.Now()
	auth := "proconnect:" + a.Login.ACR
	renewed, id := d.Sessions.Renew(v.Session)
	renewed.Entrusted, renewed.Auth, renewed.AuthAt = "", auth, a.AuthAt
	renewed.Origin = a.Login.Origin()
	proof := a.Proof
	proof.Salt = p.Salt
	m, err := d.Mandats.TakeBack(r.Context(), v.Session.Ref, renewed, v.Session.Entrusted, proof, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.TakeBack(v.Aidant.Actor(auth), now)
	})
	return d.handed(w, r, m, id, err)
}

// handed answers the aidant who has the screen back, or has not.
func (d *Desk) handed(w http.ResponseWriter, r *http.Request, m mandat.Mandat, id string, err error) error {
	if errors.Is(err, mandat.ErrState) {
		return &desk.Problem{Status: http.StatusConflict, Title: "Ce mandat n’est plus un brouillon", Cause: err,
			Text: "Un collègue l’a abandonné ou signé pendant que l’écran était confié. Rien n’a été modifié.",
			Do:   []string{"Quittez la session depuis la page « Rendez l’écran », puis reconnectez-vous."},
			Next: page.Link{Href: stepEnd, Text: "Revenir à « Rendez l’écran »"}}
	}
	if err != nil {
		return err
	}
	d.Sessions.SetID(w, id)
	if !m.Signature.GivenAt.IsZero() {
		return seeOther(w, r, "/mandats/"+m.ID+"/acceptation")
	}
	return seeOther(w, r, "/mandats/"+m.ID)
}
