package controle

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"relais/internal/mission"
	"relais/internal/web/desk"
	"relais/internal/web/page"
)

const missionPath = "/controle/mission"

// chosenLife is how long a browser remembers which mission was chosen.
const chosenLife = 12 * time.Hour

type missionPage struct {
	page.Layout
	Form    page.Form
	Current []page.Item // nothing before one is chosen
	Options []page.Option
	Purpose string
}

// mission shows the mission under which the visitor reads, and lets them choose
// among several.
func (d *Desk) mission(w http.ResponseWriter, r *http.Request) error {
	return d.showMissions(w, desk.Of(r), page.Form{}, http.StatusOK)
}

func (d *Desk) showMissions(w http.ResponseWriter, v desk.Visit, form page.Form, status int) error {
	p := &missionPage{Layout: v.Layout("Votre mission", home), Form: form}
	p.Invalid = form.Invalid()
	if m := v.Mission; m != nil {
		p.Purpose = m.Purpose
		p.Current = []page.Item{{Term: "Référence", Text: m.Reference}, {Term: "Périmètre", Text: v.Within},
			{Term: "Début", Text: page.Date(m.From.In(v.Zone()))}, {Term: "Dernier jour", Text: page.Date(m.LastDay(v.Zone()))},
			{Term: "Identités révélées", Text: "au plus " + strconv.Itoa(mission.RevealMax) + " en 24 heures, chacune avec un motif"}}
	}
	if len(v.Missions) > 1 {
		for _, m := range v.Missions {
			p.Options = append(p.Options, page.Option{Value: m.ID, Label: m.Reference, Checked: v.Mission != nil && v.Mission.ID == m.ID,
				Hint: m.Purpose + " – jusqu’au " + page.Date(m.LastDay(v.Zone()))})
		}
	}
	return d.Pages.Render(w, status, "controle/mission", p)
}

// chooseMission keeps the choice in this browser; what a mission opens is checked
// again at every request.
func (d *Desk) chooseMission(w http.ResponseWriter, r *http.Request) error {
	v := desk.Of(r)
	form, err := page.ReadForm(r, 4<<10)
	if err != nil {
		return err
	}
	id := form.Get("mission")
	if !slices.ContainsFunc(v.Missions, func(m mission.Mission) bool { return m.ID == id }) {
		form.Fail("mission", "Choisissez l’une de vos missions en cours.")
		return d.showMissions(w, v, form, http.StatusUnprocessableEntity)
	}
	if err := d.Cookies.Put(w, desk.MissionCookie, id, chosenLife); err != nil {
		return err
	}
	http.Redirect(w, r, home, http.StatusSeeOther)
	return nil
}
