package compte

import (
	"errors"
	"net/http"
	"time"

	"relais/internal/facteur"
	"relais/internal/journal"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const (
	cookieCodes = "codes_secours" // sealed: recovery codes, from their making to the one page that shows them
	codesLife   = 10 * time.Minute
)

type factorRow struct {
	ID, Label, Kind string
	Since, Used     time.Time
	Cloned          time.Time
}

type factorsPage struct {
	page.Layout
	Enrolling, Passkeys bool // the address has passkeys
	Factors             []factorRow
	TOTP                bool
	Codes, Left         int
	Notices             []noticeRow
}

type noticeRow struct {
	At   time.Time
	Text string
}

// factors lists what the agent proves themselves with.
func (d *Desk) factors(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	have, err := d.Own.Facteurs(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	p := &factorsPage{Layout: v.Layout("Mes facteurs d’authentification", ""), Enrolling: v.Session.Enrolling(), Passkeys: d.Room.Passkeys.Available(),
		TOTP: have.TOTP != nil, Codes: len(have.Codes), Left: have.Left()}
	p.Wide = true
	for _, k := range have.Passkeys {
		kind := "Clé d’accès de cet appareil"
		if k.BackedUp || k.BackupEligible {
			kind = "Clé d’accès, synchronisable entre appareils"
		}
		row := factorRow{ID: k.ID, Label: k.Label, Kind: kind, Since: k.CreatedAt.In(v.Zone()), Used: local(k.UsedAt, v.Zone()), Cloned: local(k.ClonedAt, v.Zone())}
		p.Factors = append(p.Factors, row)
	}
	if t := have.TOTP; t != nil {
		p.Factors = append(p.Factors, factorRow{ID: facteur.IDTOTP, Label: "Application de codes", Kind: "Phrase de passe et code à six chiffres",
			Since: t.CreatedAt.In(v.Zone()), Used: local(t.UsedAt, v.Zone())})
	}
	if p.Notices, err = d.notices(r); err != nil {
		return err
	}
	return d.Pages.Render(w, http.StatusOK, "compte/facteurs", p)
}

func local(at time.Time, zone *time.Location) time.Time {
	if at.IsZero() {
		return at
	}
	return at.In(zone)
}

// notices are what was changed in the agent's name lately, whoever did it.
func (d *Desk) notices(r *http.Request) ([]noticeRow, error) {
	v := desk.Of(r)
	list, err := d.Own.FactorNotices(r.Context(), v.Aidant.ID)
	out := make([]noticeRow, 0, len(list))
	for _, n := range list {
		out = append(out, noticeRow{At: n.At.In(v.Zone()), Text: n.Text()})
	}
	return out, err
}

type removePage struct {
	page.Layout
	ID, Label string
}

// confirmRemoval asks before a factor goes.
func (d *Desk) confirmRemoval(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	have, err := d.Own.Facteurs(r.Context(), v.Aidant.ID)
	if err != nil {
		return err
	}
	p := &removePage{Layout: v.Layout("Supprimer un facteur", ""), ID: r.PathValue("id")}
	if k, ok := have.Passkey(p.ID); ok {
		p.Label = "la clé d’accès « " + k.Label + " »"
	} else if p.ID == facteur.IDTOTP && have.TOTP != nil {
		p.Label = "l’application de codes et sa phrase de passe"
	} else {
		return factorProblem(facteur.ErrNotFound)
	}
	return d.Pages.Render(w, http.StatusOK, "compte/facteur-supprimer", p)
}

func (d *Desk) remove(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	_, err := d.Own.ChangeFacteurs(r.Context(), v.Aidant.ID, v.Session.Ref, func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return f.Remove(r.PathValue("id"), v.Aidant.Actor(v.Session.Auth))
	})
	if err != nil {
		return factorProblem(err)
	}
	d.Flash.Flash(w, "success", "Le facteur est supprimé, et vos autres sessions sont fermées.")
	http.Redirect(w, r, desk.EnrolmentHome, http.StatusSeeOther)
	return nil
}

var toFactors = page.Link{Href: desk.EnrolmentHome, Text: "Voir mes facteurs"}

// factorProblem words what the noun refused.
func factorProblem(err error) error {
	p := &desk.Problem{Status: http.StatusConflict, Cause: err, Next: toFactors}
	switch {
	case errors.Is(err, facteur.ErrLast):
		p.Title = "C’est votre dernier facteur"
		p.Text = "Sans lui, vous ne pourriez plus vous identifier. Rien n’a été modifié."
		p.Do = []string{"Enregistrez d’abord un autre facteur, puis supprimez celui-ci."}
	case errors.Is(err, facteur.ErrNotFound):
		p.Status, p.Title, p.Text = http.StatusNotFound, "Ce facteur n’existe pas", "Il est peut-être déjà supprimé. Rien n’a été modifié."
		p.Do = []string{"Regardez la liste de vos facteurs."}
	case errors.Is(err, facteur.ErrEnrolled):
		p.Title = "Cette clé d’accès est déjà enregistrée"
		p.Text = "Un même appareil ne s’enregistre qu’une fois, et un compte a dix clés au plus. Rien n’a été modifié."
		p.Do = []string{"Regardez la liste de vos facteurs, ou essayez avec un autre appareil."}
	case errors.Is(err, facteur.ErrInvalid):
		p.Title = "Cette clé d’accès ne convient pas"
		p.Text = "Relais demande une clé qui vérifie la personne, par un code, une empreinte ou un visage, et qui se retrouve sans saisir d’adresse. Rien n’a été modifié."
		p.Do = []string{"Essayez avec un autre appareil, ou enregistrez une application de codes."}
	case errors.Is(err, facteur.ErrReplayed):
		p.Title = "Cet enregistrement n’est plus valable"
		p.Text = "Il a déjà abouti, il a été commencé dans une autre fenêtre, ou plus de cinq minutes ont passé. Rien n’a été modifié."
		p.Do = []string{"Recommencez."}
	default:
		return err
	}
	return p
}

// renewCodes makes new recovery codes, which one page shows once.
func (d *Desk) renewCodes(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	printed, kept := facteur.NewCodes(v.Aidant.ID)
	if err := d.Sessions.Put(w, cookieCodes, shownOnce{v.Session.Ref, printed}, codesLife); err != nil {
		return err
	}
	_, err := d.Own.ChangeFacteurs(r.Context(), v.Aidant.ID, v.Session.Ref, func(f facteur.Facteurs) (facteur.Facteurs, journal.Fact, error) {
		return f.Renew(kept, v.Aidant.Actor(v.Session.Auth))
	})
	if err != nil {
		return factorProblem(err)
	}
	http.Redirect(w, r, "/compte/facteurs/codes", http.StatusSeeOther)
	return nil
}

// shownOnce ties codes to the session that made them.
type shownOnce struct {
	Session string   `json:"session"`
	Codes   []string `json:"codes"`
}

type codesPage struct {
	page.Layout
	Name  string
	Codes []string
	Made  time.Time
}

func (d *Desk) showCodes(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	var once shownOnce
	if err := d.Sessions.Take(w, r, cookieCodes, &once); err != nil || once.Session != v.Session.Ref {
		return &desk.Problem{Status: http.StatusNotFound, Title: "Ces codes ne sont plus affichés",
			Text: "Les codes de secours ne se voient qu’une fois, juste après leur création : Relais n’en garde que des empreintes. Cette page n’a rien modifié.",
			Do:   []string{"Si vous ne les avez pas notés, créez-en de nouveaux : les précédents ne vaudront plus rien."}, Next: toFactors}
	}
	p := &codesPage{Layout: v.Layout("Vos codes de secours", ""), Name: v.Aidant.Name(), Codes: once.Codes, Made: d.Now().In(v.Zone())}
	return d.Pages.Render(w, http.StatusOK, "compte/codes", p)
}
