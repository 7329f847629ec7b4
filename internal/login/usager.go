package login

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"relais/internal/acte"
	"relais/internal/identite"
	"relais/internal/mandat"
)

// Usager is what FranceConnect said of an usager, verified.
type Usager struct {
	Attested   acte.Attested
	Email      string // as declared; nobody has proved that the usager reads it
	Proof      acte.Proof
	Userinfo   string            // the signed JWT
	Identified mandat.Identified // for mandat.Identify, which refuses the circle
	LogoutHint string            // the id_token, for LogoutUsagerURL
}

// Circle tells whether the usager came through Relais itself, or through a
// provider that cannot be told from it: such a login proves nothing about who
// sits at the screen, and no usager's act may rest on it.
func (u Usager) Circle() bool {
	who := u.Identified
	return who.IDP == "" || who.OwnIDP == "" || who.IDP == who.OwnIDP
}

// levels are the ones FranceConnect gives for eidas1 asked.
var levels = []string{"eidas1", "eidas2", "eidas3"}

// FinishUsager reads the callback of [Login.StartUsager]. The birth date is the
// person's own as their provider gave it, in idp_birthdate: FranceConnect
// delivers a partial one as a presumed one.
//
// Errors: those of [Login.FinishAgent]; ErrKeysChanged comes with the new keys
// in Usager.Proof: the caller commits them and starts again. LogoutHint is there
// beside any error that comes after FranceConnect gave an id_token: whatever is
// wrong with the answer, the usager is logged in there and has to be logged out.
func (l *Login) FinishUsager(ctx context.Context, p Pending, q url.Values) (Usager, error) {
	f, err := l.usagers.run(ctx, p, q)
	if err != nil {
		return Usager{Proof: f.newKeys(err), LogoutHint: f.rawIDToken}, err
	}
	refused := Usager{LogoutHint: f.rawIDToken}
	var c struct {
		Email        string             `json:"email"`
		IDP          string             `json:"idp_id"`
		IDPBirthdate identite.Birthdate `json:"idp_birthdate"`
		identite.Pivot
	}
	if err := json.Unmarshal(f.userinfo, &c); err != nil {
		return refused, reject("userinfo illisible")
	}
	if c.IDP == "" {
		return refused, reject("idp_id absent")
	}
	if !slices.Contains(levels, f.login.ACR) {
		return refused, reject("acr")
	}
	pivot := c.Pivot
	if c.IDPBirthdate != "" {
		pivot.Birthdate = c.IDPBirthdate
	}
	pivot = pivot.Normal()
	return Usager{
		Attested: acte.Attested{
			Sub: f.login.Sub, IDP: c.IDP, Email: c.Email, Pivot: pivot, LoggedInAt: f.login.IssuedAt.Time().UTC(),
		},
		Email: c.Email, Proof: f.proof(), Userinfo: f.rawUserinfo, LogoutHint: f.rawIDToken,
		Identified: mandat.Identified{
			Pivot: pivot, IDP: c.IDP, OwnIDP: l.opt.OwnIDP, ACR: f.login.ACR, JWKS: f.keys.digest,
		},
	}, nil
}
