package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"relais/internal/aidant"
	"relais/internal/journal"
	"relais/internal/mission"
	"relais/internal/sandbox"
	"relais/internal/store"
)

// order is one mission in the file of `relais admin load`.
type order struct {
	Auditeur  string `json:"auditeur"`  // e-mail of the auditeur
	SIRET     string `json:"siret"`     // of their login; "" = that of the auditeur in the same file
	Purpose   string `json:"purpose"`   // objet, 20 to 500 characters
	Reference string `json:"reference"` // of the order; one auditeur has one mission of a reference
	Scope     string `json:"scope"`     // "tout", "structure:ID" or "departement:75"
	From      string `json:"from"`      // first day, AAAA-MM-JJ
	To        string `json:"to"`        // last day
}

// open opens the missions that are not there yet and counts them. A mission that
// is there, even ended, is left as it is.
func (p people) open(ctx context.Context, st *store.Store) (opened int, err error) {
	for i, o := range p.Missions {
		added, err := o.open(ctx, st, p.siretOf(o))
		if err != nil {
			return opened, fmt.Errorf("mission n° %d du fichier : %w", i+1, err)
		}
		if added {
			opened++
		}
	}
	return opened, nil
}

// siretOf is the SIRET with which a mission's auditeur signs in.
func (p people) siretOf(o order) string {
	if o.SIRET != "" {
		return o.SIRET
	}
	for _, a := range p.Agents {
		if !strings.EqualFold(a.Email, o.Auditeur) {
			continue
		}
		if a.SIRET != "" {
			return a.SIRET
		}
		for _, s := range p.Structures {
			if s.ID == a.Structure {
				return s.SIRET
			}
		}
	}
	return ""
}

func (o order) open(ctx context.Context, st *store.Store, siret string) (added bool, err error) {
	a, err := st.FindAidant(ctx, strings.ToLower(o.Auditeur), siret)
	if err != nil {
		return false, err
	}
	theirs, err := st.MissionsOf(ctx, a.ID)
	if err != nil || slices.ContainsFunc(theirs, func(m mission.Mission) bool { return m.Reference == o.Reference }) {
		return false, err
	}
	m, err := o.mission(ctx, st, a)
	if err != nil {
		return false, err
	}
	_, err = st.OpenMission(ctx, m, operator())
	return err == nil, err
}

// mission reads the order; its days are those of the auditeur's structure.
func (o order) mission(ctx context.Context, st *store.Store, a aidant.Aidant) (mission.Mission, error) {
	home, err := st.Organisation(ctx, a.OrganisationID)
	if err != nil {
		return mission.Mission{}, err
	}
	m := mission.Mission{ID: mission.NewID(), AuditeurID: a.ID, Purpose: o.Purpose, Reference: o.Reference, Salt: journal.NewSalt()}
	if m.Scope, err = mission.ParseScope(o.Scope); err != nil {
		return m, err
	}
	for _, d := range []struct {
		name, text string
		at         *time.Time
	}{{"from", o.From, &m.From}, {"to", o.To, &m.To}} {
		if *d.at, err = time.ParseInLocation(time.DateOnly, d.text, home.Location()); err != nil {
			return m, fmt.Errorf("%w: %s : écrivez AAAA-MM-JJ", mission.ErrInvalid, d.name)
		}
	}
	m.To = m.To.AddDate(0, 0, 1)
	return m, nil
}

// openFictional gives each fictional auditeur a mission over the whole journal,
// for a year, unless one of theirs is in progress.
func openFictional(ctx context.Context, st *store.Store, now time.Time) error {
	for _, a := range sandbox.Agents() {
		if !a.Known || !slices.Contains(a.Roles, string(aidant.RoleAuditeur)) {
			continue
		}
		found, err := st.FindAidant(ctx, strings.ToLower(a.Email), a.Siret)
		if err != nil {
			return err
		}
		running, err := st.RunningMissions(ctx, found.ID)
		if err != nil {
			return err
		}
		if len(running) > 0 {
			continue
		}
		m := mission.Mission{ID: mission.NewID(), AuditeurID: found.ID, Salt: journal.NewSalt(), From: now, To: now.AddDate(1, 0, 0),
			Purpose:   "Contrôle annuel fictif : des mandats donnés, de leurs usages et de leur fin.",
			Reference: "OM fictif " + now.Format("2006-01-02 15:04")}
		if _, err := st.OpenMission(ctx, m, operator()); err != nil {
			return err
		}
	}
	return nil
}
