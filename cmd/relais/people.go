package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/journal"
	"relais/internal/organisation"
	"relais/internal/store"
)

// people is the file of `relais admin load`: structures, agents who sign in with
// this e-mail and this SIRET, and the missions of auditeurs.
type people struct {
	Structures []organisation.Organisation `json:"structures"`
	Agents     []agent                     `json:"agents"`
	Missions   []order                     `json:"missions"`
}

type agent struct {
	Structure string        `json:"structure"` // id of the structure
	Email     string        `json:"email"`
	GivenName string        `json:"given_name"`
	UsualName string        `json:"usual_name"`
	SIRET     string        `json:"siret"` // of the establishment, as ProConnect says it; "" = the structure's
	Roles     []aidant.Role `json:"roles"`
}

// operator is whoever runs the command line, in the journal.
func operator() journal.Actor {
	return journal.Actor{Type: journal.ActorSysteme, Ref: "exploitant"}
}

// admin habilitates the structures and agents of a file, or makes the code of one
// agent; those already there are left as they are, so that the file can be loaded
// again.
func admin(ctx context.Context, c call) error {
	switch {
	case len(c.args) == 2 && c.args[0] == "inviter":
		return invite(ctx, c, c.args[1])
	case len(c.args) != 2 || c.args[0] != "load":
		return errUsage
	}
	p, err := readPeople(c.args[1])
	if err != nil {
		return fmt.Errorf("%s : %w", c.args[1], err)
	}
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		added, err := p.admit(ctx, st)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%d structure(s) et agent(s) habilités, %d déjà présents.\n", added, len(p.Structures)+len(p.Agents)-added)
		opened, err := p.open(ctx, st)
		if err != nil || len(p.Missions) == 0 {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "%d mission(s) ouvertes, %d déjà présentes.\n", opened, len(p.Missions)-opened)
		return err
	})
}

// readPeople refuses what it does not understand: a misspelt key would let
// somebody in with less than was meant.
func readPeople(path string) (people, error) {
	file, err := os.Open(path)
	if err != nil {
		return people{}, err
	}
	defer file.Close()
	var p people
	dec := json.NewDecoder(file)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return people{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return people{}, errors.New("le fichier contient plus d’un document JSON")
	}
	return p, nil
}

// admit lets in whoever is not there yet and counts them.
func (p people) admit(ctx context.Context, st *store.Store) (added int, err error) {
	sirets := map[string]string{}
	for _, o := range p.Structures {
		sirets[o.ID] = o.SIRET
		_, err := st.Organisation(ctx, o.ID)
		if err == nil {
			continue
		}
		if !errors.Is(err, organisation.ErrNotFound) {
			return added, err
		}
		if err := st.AdmitOrganisation(ctx, o, operator()); err != nil {
			return added, fmt.Errorf("structure %s : %w", o.ID, err)
		}
		added++
	}
	for i, a := range p.Agents {
		if a.SIRET == "" {
			a.SIRET = sirets[a.Structure]
		}
		_, err := st.FindAidant(ctx, strings.ToLower(a.Email), a.SIRET)
		if err == nil {
			continue
		}
		if !errors.Is(err, aidant.ErrNotFound) {
			return added, err
		}
		if err := st.AdmitAidant(ctx, a.aidant(), operator()); err != nil {
			return added, fmt.Errorf("agent n° %d du fichier : %w", i+1, err)
		}
		added++
	}
	return added, nil
}

func (a agent) aidant() aidant.Aidant {
	return aidant.Aidant{ID: "a" + strings.ToLower(rand.Text()[:15]), OrganisationID: a.Structure, Email: strings.ToLower(a.Email),
		SIRET: a.SIRET, GivenName: a.GivenName, UsualName: a.UsualName, Roles: a.Roles}
}
