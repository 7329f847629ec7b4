package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"relais/internal/aidant"
	"relais/internal/config"
	"relais/internal/facteur"
	"relais/internal/store"
	"relais/internal/web/page"
)

// invite prints the code by which an agent who is admitted comes in without
// ProConnect: the first administrateur of an installation needs one.
func invite(ctx context.Context, c call, email string) error {
	return withStore(ctx, c, func(_ config.Config, st *store.Store) error {
		a, err := st.AidantByEmail(ctx, email)
		if errors.Is(err, aidant.ErrNotFound) {
			return fmt.Errorf("aucun agent n’est habilité avec cette adresse : chargez-le d’abord avec « relais admin load »")
		}
		if err != nil {
			return err
		}
		o, err := st.Organisation(ctx, a.OrganisationID)
		if err != nil {
			return err
		}
		code := facteur.NewCode()
		i, err := st.Invite(ctx, a.ID, code, operator())
		switch {
		case errors.Is(err, facteur.ErrAlready):
			return fmt.Errorf("%w : s’il a tout perdu, un référent ou un administrateur demande une réinitialisation depuis ses pages", err)
		case err != nil:
			return err
		}
		_, err = fmt.Fprintf(c.stdout, "Code de %s, %s, utilisable une fois jusqu’au %s :\n\n  %s\n\nÀ saisir par cette personne, et par elle seule, à la page /invitation de Relais. Il ne sera plus affiché.\n",
			a.Name(), o.Name, page.DateTime(i.ExpiresAt.In(o.Location())), code)
		return err
	})
}

// The one fictional agent who has no ProConnect.
const (
	outsideID    = "demo-ines"
	outsideEmail = "ines.caron@ccas-valfictif.example"
)

// inviteFictional makes the code of an agent without ProConnect, "" once she has
// enrolled.
func inviteFictional(ctx context.Context, st *store.Store) (code string, err error) {
	code = facteur.NewCode()
	_, err = st.Aidant(ctx, outsideID)
	if errors.Is(err, aidant.ErrNotFound) {
		_, err = st.AdmitInvited(ctx, aidant.Aidant{ID: outsideID, OrganisationID: "ccas-valfictif", SIRET: "26999901700016", Email: outsideEmail,
			GivenName: "Inès", UsualName: "Caron", Roles: []aidant.Role{aidant.RoleAidant}}, code, operator())
		return code, err
	}
	if err != nil {
		return "", err
	}
	if _, err = st.Invite(ctx, outsideID, code, operator()); errors.Is(err, facteur.ErrAlready) || errors.Is(err, facteur.ErrClosed) {
		return "", nil
	}
	return code, err
}

// greetOutside says how the agent without ProConnect comes in.
func greetOutside(w io.Writer, code, site string) {
	if code == "" {
		fmt.Fprintf(w, "  %-22s aidante sans ProConnect : elle s’identifie avec le facteur qu’elle a enregistré (%s)\n", "Inès Caron", outsideEmail)
		return
	}
	fmt.Fprintf(w, "  %-22s aidante sans ProConnect : ouvrez %s/invitation et saisissez %s\n", "Inès Caron", site, code)
}
