package monespace

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"

	"relais/internal/acte"
	"relais/internal/identite"
	"relais/internal/journal"
	"relais/internal/login"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

type tourPage struct {
	page.Layout
	Aidant, Structure string
	Again             bool // the text was changed: identify once more
}

func (d *Desk) begin(w http.ResponseWriter, r *http.Request) error {
	m, ok, err := d.at(w, r, stepBegin)
	if err != nil || !ok {
		return err
	}
	v := desk.Of(r)
	p := tourPage{Layout: v.UsagerLayout("À votre tour"), Aidant: v.Aidant.Name(), Structure: v.Organisation.Name, Again: len(m.Replaces) > 0}
	return d.Pages.Render(w, http.StatusOK, "monespace/tour", &p)
}

// identify commits to FranceConnect's keys, then sends the usager there with the
// digest of the text as nonce.
func (d *Desk) identify(w http.ResponseWriter, r *http.Request) error {
	m, err := d.current(r)
	if err != nil {
		return err
	}
	if step(m) == stepEnd {
		return seeOther(w, r, stepEnd)
	}
	if err := d.commit(r.Context(), login.FranceConnect); err != nil {
		return d.failed(w, r, err)
	}
	start, err := d.Login.StartUsager(r.Context(), m.Texte.Nonce(), m.ID)
	if err != nil {
		return d.failed(w, r, err)
	}
	start.State.Salt = m.Texte.Salt
	if err := d.Sessions.Put(w, cookieIdentification, start.State, pendingLife); err != nil {
		return err
	}
	return d.Pages.Leave(w, start.URL, "Vers FranceConnect", "Continuer vers FranceConnect")
}

// commit writes the digest of a provider's present keys into the journal, before
// they prove anything.
func (d *Desk) commit(ctx context.Context, which login.Which) error {
	jwks, issuer, err := d.Login.Keys(ctx, which)
	if err != nil {
		return err
	}
	return d.Evidence.CommitKeys(ctx, issuer, acte.KeysDigest(jwks))
}

// identified reads what FranceConnect sends back.
func (d *Desk) identified(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	var pending login.Pending
	if err := d.Sessions.Take(w, r, cookieIdentification, &pending); err != nil || pending.MandatID != v.Session.Entrusted {
		return d.failed(w, r, login.ErrState, stillOpen) // nothing of ours is waiting: nothing changes
	}
	u, err := d.Login.FinishUsager(r.Context(), pending, r.URL.Query())
	if err == nil {
		return d.leaveHub(w, r, u.LogoutHint, d.take(r, u))
	}
	if failed := d.lost(r, u, err); failed != nil {
		err = failed
	}
	switch {
	case u.LogoutHint == "" && errors.Is(err, login.ErrCancelled):
		return d.failed(w, r, err)
	case u.LogoutHint == "":
		return d.failed(w, r, err, stillOpen)
	case reasonOf(err) == unexplained:
		return d.leaveHub(w, r, u.LogoutHint, d.broken(r, err))
	}
	return d.leaveHub(w, r, u.LogoutHint, reasonOf(err))
}

// stillOpen is what to do when the usager may be logged in at FranceConnect and
// nothing came back by which to log them out.
const stillOpen = "Avant la personne suivante, fermez toutes les fenêtres du navigateur : FranceConnect est peut-être resté ouvert."

// lost writes what an identification that failed leaves behind.
func (d *Desk) lost(r *http.Request, u login.Usager, err error) error {
	if errors.Is(err, login.ErrKeysChanged) {
		if err := d.Evidence.CommitKeys(r.Context(), u.Proof.Issuer, acte.KeysDigest(u.Proof.JWKS)); err != nil {
			return err
		}
	}
	return d.forget(r, reasonOf(err))
}

// forget records that an identification came to nothing; the draft stays.
func (d *Desk) forget(r *http.Request, reason string) error {
	err := d.change(r, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) { return m.Unidentify(reason) })
	if errors.Is(err, mandat.ErrState) {
		return nil // given, declined or abandoned meanwhile: there is nothing to forget
	}
	return err
}

var reasons = []struct {
	err  error
	code string
}{
	{login.ErrCancelled, "abandon"}, {login.ErrExpired, "delai"}, {login.ErrDown, "fournisseur_injoignable"},
	{login.ErrState, "retour_inattendu"}, {login.ErrSub, "sub_different"}, {login.ErrWeak, "niveau_insuffisant"},
	{login.ErrStale, "session_reutilisee"}, {login.ErrKeysChanged, "cles_changees"}, {login.ErrToken, "reponse_refusee"},
}

func reasonOf(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.code
		}
	}
	return unexplained
}

// unexplained is the reason of an error that is not one of [reasons].
const unexplained = "refus_du_fournisseur"

// take keeps who the usager is. It answers with an outcome and not with an error,
// since the usager is to be logged out of FranceConnect in any case.
func (d *Desk) take(r *http.Request, u login.Usager) string {
	m, err := d.current(r)
	if err != nil {
		return d.broken(r, err)
	}
	dossier := acte.Dossier{Texte: m.Texte, Usager: u.Proof, Userinfo: u.Userinfo}
	dossier.Usager.Salt = m.Texte.Salt
	if _, err := dossier.Verify(); err != nil {
		if err := d.forget(r, "texte_different"); err != nil {
			return d.broken(r, err)
		}
		return outcomeText
	}
	v, nonce := desk.Of(r), m.Texte.Nonce()
	_, err = d.Evidence.IdentifyUsager(r.Context(), v.Organisation.ID, m.ID, dossier, func(fresh mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		if fresh.Texte.Nonce() != nonce {
			return fresh, journal.Fact{}, mandat.ErrState
		}
		return fresh.Identify(u.Identified, v.Zone(), d.Now())
	})
	switch {
	case err == nil, errors.Is(err, mandat.ErrState):
		return outcomeDone
	case errors.Is(err, mandat.ErrCircle):
		return outcomeCircle
	case errors.Is(err, mandat.ErrMinor):
		return outcomeMinor
	case errors.Is(err, mandat.ErrProtected):
		return outcomeProtected
	case errors.Is(err, identite.ErrInvalid):
		return outcomeIdentity
	}
	return d.broken(r, err)
}

func (d *Desk) broken(r *http.Request, err error) string {
	d.Log.ErrorContext(r.Context(), "identification not kept", "error", err, "request", journal.RequestID(r.Context()))
	return outcomeBroken
}

// exit is what waits in this browser while FranceConnect logs the usager out.
type exit struct {
	State   string `json:"state"`
	Outcome string `json:"outcome"`        // an outcome, or the code of a failure
	Open    bool   `json:"open,omitempty"` // FranceConnect could not be asked to log out
}

// leaveHub logs the usager out of FranceConnect, so that the next one is never
// taken for them.
func (d *Desk) leaveHub(w http.ResponseWriter, r *http.Request, idToken, outcome string) error {
	e := exit{State: rand.Text() + rand.Text(), Outcome: outcome}
	to, err := d.Login.LogoutUsagerURL(r.Context(), idToken, e.State)
	if err != nil {
		e.Open = true
		to = loggedOutPath(e.State)
	}
	if err := d.Sessions.Put(w, cookieSortie, e, pendingLife); err != nil {
		return err
	}
	return seeOther(w, r, to)
}

// stranded finds out that this browser never came back from FranceConnect's logout,
// which did not answer, and returns where the outcome waits; "" for anybody else.
func (d *Desk) stranded(w http.ResponseWriter, r *http.Request) string {
	var e exit
	if err := d.Sessions.Take(w, r, cookieSortie, &e); err != nil {
		return ""
	}
	e.Open = true
	if err := d.Sessions.Put(w, cookieSortie, e, pendingLife); err != nil {
		return ""
	}
	return loggedOutPath(e.State)
}

func loggedOutPath(state string) string {
	return "/identification/deconnecte?" + url.Values{"state": {state}}.Encode()
}

// loggedOut goes on after FranceConnect's logout.
func (d *Desk) loggedOut(w http.ResponseWriter, r *http.Request) error {
	var e exit
	if err := d.Sessions.Take(w, r, cookieSortie, &e); err != nil {
		return d.next(w, r, nil) // reloaded, or asked for without reason
	}
	if subtle.ConstantTimeCompare([]byte(e.State), []byte(r.URL.Query().Get("state"))) != 1 {
		return d.failed(w, r, login.ErrState)
	}
	if e.Open {
		d.say(w, "warning", "FranceConnect n’a pas pu être fermé. Avant la personne suivante, l’aidant doit fermer toutes les fenêtres du navigateur.")
	}
	if refused, ok := refusals[e.Outcome]; ok {
		return d.refused(w, r, refused)
	}
	for _, failure := range reasons {
		if failure.code == e.Outcome {
			return d.failed(w, r, failure.err)
		}
	}
	return d.next(w, r, nil)
}
