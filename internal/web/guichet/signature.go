package guichet

import (
	"errors"
	"net/http"
	"slices"

	"relais/internal/acte"
	"relais/internal/aidant"
	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/mandat"
	"relais/internal/web/desk"
	"relais/internal/web/page"
	"relais/internal/web/redaction"
)

// entrust fixes the text and hands the screen to the usager.
func (d *Desk) entrust(w http.ResponseWriter, r *http.Request) error {
	m, err := d.mandat(r)
	if err != nil {
		return err
	}
	v := desk.Of(r)
	if m.State != mandat.Brouillon || acceptable(m) {
		return toMandat(w, r, m.ID) // a second click: the page says what comes next
	}
	agents, err := d.People.Aidants(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	now := d.Now()
	text, ends, err := redaction.Compose(d.Recueil, v.Organisation, agents, m, nil, now)
	if err != nil {
		return composeProblem(m, err)
	}
	_, err = d.Mandats.EntrustScreen(r.Context(), v.Session.Ref, v.Organisation.ID, m.ID, func(fresh mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		if fresh.Rev != m.Rev {
			return fresh, journal.Fact{}, mandat.ErrStale // the text is of another draft
		}
		return fresh.Entrust(text, nil, ends, by(v), now)
	})
	if err != nil {
		return err
	}
	return seeOther(w, r, "/tour")
}

// composeProblem says what to change in a draft whose text cannot be made.
func composeProblem(m mandat.Mandat, err error) error {
	p := &desk.Problem{Status: http.StatusConflict, Title: "Ce brouillon est à revoir", Cause: err,
		Next: page.Link{Href: "/mandats/" + m.ID + "/modifier", Text: "Modifier le brouillon"}}
	switch {
	case errors.Is(err, redaction.ErrTeam):
		p.Text = "L’un des aidants nommés ne peut plus agir pour la structure. Rien n’a été modifié."
		p.Do = []string{"Modifiez le brouillon, puis choisissez de nouveau qui peut agir."}
	case errors.Is(err, mandat.ErrInvalid):
		p.Text = "La date de fin choisie est passée. Rien n’a été modifié."
		p.Do = []string{"Modifiez le brouillon, puis choisissez de nouveau la durée."}
	default:
		return err
	}
	return p
}

// abandon ends a draft « sans suite ».
func (d *Desk) abandon(w http.ResponseWriter, r *http.Request) error {
	m, err := d.mandat(r)
	if err != nil {
		return err
	}
	v := desk.Of(r)
	if m.State == mandat.SansSuite {
		return seeOther(w, r, "/guichet")
	}
	_, err = d.Mandats.ChangeMandat(r.Context(), v.Organisation.ID, m.ID, func(m mandat.Mandat) (mandat.Mandat, journal.Fact, error) {
		return m.Abandon(by(v), d.Now())
	})
	if err != nil {
		return err
	}
	d.say(w, "success", "Le brouillon "+page.Number(m.Number)+" est abandonné. Rien n’a été signé.")
	return seeOther(w, r, "/guichet")
}

type acceptPage struct {
	page.Layout
	ID, Number string
	Facts      []page.Item
	Sections   []acte.Section
	Replaced   []acte.Replaced
}

// acceptance shows what the usager gave, and to whom.
func (d *Desk) acceptance(w http.ResponseWriter, r *http.Request) error {
	m, err := d.mandat(r)
	if err != nil {
		return err
	}
	if !acceptable(m) {
		return toMandat(w, r, m.ID)
	}
	v := desk.Of(r)
	_, attested, err := d.evidence(r, m)
	if err != nil {
		return err
	}
	agents, err := d.People.Aidants(r.Context(), v.Organisation.ID)
	if err != nil {
		return err
	}
	p := acceptPage{Layout: v.Layout("Accepter le mandat", section), ID: m.ID, Number: page.Number(m.Number), Sections: redaction.Sections(m)}
	for _, old := range m.Replaces {
		p.Replaced = append(p.Replaced, acte.Replaced{Number: page.Number(old.Number), Domaine: redaction.Title(old.Domaine)})
	}
	p.Facts = []page.Item{
		{Term: "Donné par", Text: attested.Pivot.Display() + ", naissance : " + page.Birthdate(string(attested.Pivot.Birthdate))},
		{Term: "Le", Text: page.DateTime(m.Signature.GivenAt.In(v.Zone()))},
		{Term: "À", Text: v.Organisation.Name},
		{Term: "Qui peut agir", Text: redaction.Actors(agents, m)},
		{Term: "Jusqu’au", Text: page.DateTime(m.EndsAt.In(v.Zone()))},
	}
	return d.Pages.Render(w, http.StatusOK, "guichet/acceptation", &p)
}

// evidence is the dossier of a draft, re-checked against the text it fixes.
func (d *Desk) evidence(r *http.Request, m mandat.Mandat) (acte.Dossier, acte.Attested, error) {
	dossier, err := d.Signatures.DraftDossier(r.Context(), m.OrganisationID, m.ID)
	if err != nil {
		return acte.Dossier{}, acte.Attested{}, err
	}
	attested, err := dossier.Verify()
	if err == nil && (dossier.Texte.Body != m.Texte.Body || !slices.Equal(dossier.Texte.Salt, m.Texte.Salt)) {
		err = acte.ErrEvidence
	}
	if err != nil {
		return acte.Dossier{}, acte.Attested{}, restart(m, "La preuve de l’identification ne correspond pas au texte du mandat.", err)
	}
	return dossier, attested, nil
}

// restart is the page of a signature that must be done again.
func restart(m mandat.Mandat, why string, cause error) error {
	return &desk.Problem{Status: http.StatusConflict, Title: "La signature est à recommencer", Cause: cause,
		Text: why + " Rien n’est signé. Le brouillon est conservé.",
		Do:   []string{"Ouvrez le brouillon, puis passez de nouveau l’écran à l’usager."},
		Next: page.Link{Href: "/mandats/" + m.ID, Text: "Ouvrir le brouillon"}}
}

// accept is « J'accepte le mandat ».
func (d *Desk) accept(w http.ResponseWriter, r *http.Request) error {
	m, err := d.mandat(r)
	if err != nil {
		return err
	}
	if m.State == mandat.Actif {
		return seeOther(w, r, "/mandats/"+m.ID+"?signe=oui") // a second click
	}
	if !acceptable(m) {
		return toMandat(w, r, m.ID)
	}
	dossier, attested, err := d.evidence(r, m)
	if errors.Is(err, mandat.ErrState) {
		return d.signedMeanwhile(w, r, m, err)
	}
	if err != nil {
		return err
	}
	accepted, err := dossier.VerifyAidant()
	if err != nil {
		return restart(m, "La preuve de votre identification ne correspond pas au texte du mandat.", err)
	}
	if mine, err := d.mine(r, accepted); err != nil {
		return err
	} else if !mine {
		return d.otherAgent(r, m)
	}
	return d.sign(w, r, m, attested)
}

// mine tells whether it is the visitor who took the screen back: the one whom the
// provider named, whose passkey signed, or whose code was typed.
func (d *Desk) mine(r *http.Request, a acte.Accepted) (bool, error) {
	v := desk.Of(r)
	switch a.Method {
	case acte.MethodProvider:
		return a.Sub != "" && a.Sub == v.Aidant.Sub, nil
	case acte.MethodCode:
		return a.Agent == v.Aidant.ID, nil
	case acte.MethodPasskey:
		have, err := d.Facteurs.Facteurs(r.Context(), v.Aidant.ID)
		return slices.ContainsFunc(have.Passkeys, func(k facteur.Passkey) bool { return k.KeyDigest() == a.Key }), err
	}
	return false, nil
}

// otherAgent refuses a colleague who did not take the screen back themselves.
func (d *Desk) otherAgent(r *http.Request, m mandat.Mandat) error {
	v := desk.Of(r)
	if err := d.Journal.Append(r.Context(), aidant.Refused(by(v), "POST:/mandats/{id}/acceptation", "autre_agent")); err != nil {
		return err
	}
	return &desk.Problem{Status: http.StatusForbidden, Title: "Un autre aidant a repris l’écran", Cause: aidant.ErrOther,
		Text: "Seul l’aidant qui s’est identifié pour reprendre l’écran peut accepter ce mandat. Rien n’a été modifié.",
		Do:   []string{"Demandez-lui d’accepter le mandat, depuis sa session.", "Sinon, passez de nouveau l’écran à l’usager."},
		Next: page.Link{Href: "/mandats/" + m.ID, Text: "Ouvrir le brouillon"}}
}

func (d *Desk) sign(w http.ResponseWriter, r *http.Request, m mandat.Mandat, attested acte.Attested) error {
	v, now := desk.Of(r), d.Now()
	_, err := d.Signatures.SignMandat(r.Context(), v.Organisation.ID, m.ID, attested,
		func(m mandat.Mandat, usagerID string, overlaps []mandat.Replacement, evidence string) (mandat.Mandat, journal.Fact, error) {
			return m.Sign(usagerID, overlaps, evidence, by(v), now)
		},
		func(old mandat.Mandat, domaine string) (mandat.Mandat, journal.Fact, error) {
			return old.Replace(domaine, m.ID, by(v), now)
		})
	switch {
	case errors.Is(err, mandat.ErrOverlap):
		return &desk.Problem{Status: http.StatusConflict, Title: "Un autre mandat vient de couvrir ce domaine", Cause: err,
			Text: "Entre le moment où l’usager a donné mandat et maintenant, un autre mandat a été signé avec votre structure. Rien n’a été modifié.",
			Do:   []string{"Passez de nouveau l’écran à l’usager : il choisira de remplacer l’autre mandat, ou de le garder."},
			Next: page.Link{Href: "/mandats/" + m.ID, Text: "Ouvrir le brouillon"}}
	case errors.Is(err, mandat.ErrEnded):
		return restart(m, "La fin écrite dans le texte est passée.", err)
	case errors.Is(err, mandat.ErrState):
		return d.signedMeanwhile(w, r, m, err)
	case err != nil:
		return err
	}
	return seeOther(w, r, "/mandats/"+m.ID+"?signe=oui")
}

// signedMeanwhile gives two clicks at once the same good page.
func (d *Desk) signedMeanwhile(w http.ResponseWriter, r *http.Request, m mandat.Mandat, cause error) error {
	again, err := d.Mandats.Mandat(r.Context(), m.OrganisationID, m.ID)
	if err != nil || again.State != mandat.Actif {
		return errors.Join(cause, err)
	}
	return seeOther(w, r, "/mandats/"+m.ID+"?signe=oui")
}
