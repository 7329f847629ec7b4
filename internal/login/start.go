package login

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"

	"golang.org/x/oauth2"

	"relais/internal/aidant"
)

// StartAgent is what an agent's login may ask.
type StartAgent struct {
	ReturnTo string // path on this site, where to go afterwards
	Force    bool   // prompt=login: the agent identifies again, whatever session they have
	Nonce    string // "" for a random one; the digest of a text for the acceptance of a mandat
	Salt     []byte // under that digest; comes back in Agent.Proof
	MandatID string // comes back in Pending
	Confirm  string // the session in which somebody confirms who they are, by its reference; comes back in Pending
}

var noncePattern = regexp.MustCompile(`^[0-9A-Za-z]{32,128}$`)

// StartAgent begins an agent's login at ProConnect, asking for a second factor.
// It sends no login_hint: the agent's e-mail would stand in an address, and stay
// in the history of a browser that may be in an usager's hands.
// Error: ErrDown.
func (l *Login) StartAgent(ctx context.Context, ask StartAgent) (Start, error) {
	p := Pending{ReturnTo: localPath(ask.ReturnTo), MandatID: ask.MandatID, Confirm: ask.Confirm, Nonce: ask.Nonce, Salt: ask.Salt, Force: ask.Force}
	claims, err := json.Marshal(map[string]any{"id_token": map[string]any{
		"acr": map[string]any{"essential": true, "values": aidant.MultiFactor()},
		"amr": nil,
	}})
	if err != nil {
		return Start{}, fmt.Errorf("connexion d’un agent: %w", err)
	}
	params := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("claims", string(claims))}
	if ask.Force {
		params = append(params, oauth2.SetAuthURLParam("prompt", "login"))
	}
	return l.agents.start(ctx, p, params)
}

// StartUsager begins an usager's login at FranceConnect. nonce is the digest of
// the text they are about to sign; mandatID comes back in Pending. The desk
// first calls [Login.Keys] and commits the digest; it may check that it equals
// Start.State.Keys. Proof.Salt is Start.State.Salt, which the desk may set.
//
// FranceConnect refuses any parameter outside its list, PKCE among them
// (Y030007), though its discovery announces S256. Error: ErrDown.
func (l *Login) StartUsager(ctx context.Context, nonce, mandatID string) (Start, error) {
	return l.usagers.start(ctx, Pending{Nonce: nonce, MandatID: mandatID, Force: true}, []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("acr_values", "eidas1"),
		oauth2.SetAuthURLParam("prompt", "login"),
	})
}

func (p *peer) start(ctx context.Context, pending Pending, params []oauth2.AuthCodeOption) (Start, error) {
	doc, err := p.discover(ctx)
	if err != nil {
		return Start{}, err
	}
	set, _, err := p.keysOf(ctx, "")
	if err != nil {
		return Start{}, err
	}
	pending.Bound = pending.Nonce != ""
	if !pending.Bound {
		pending.Nonce = hex64()
	}
	if !noncePattern.MatchString(pending.Nonce) {
		return Start{}, fmt.Errorf("connexion: nonce de %d caractères", len(pending.Nonce))
	}
	pending.Purpose, pending.State, pending.Keys, pending.StartedAt = p.purpose, hex64(), set.digest, p.now()
	params = append(params, oauth2.SetAuthURLParam("nonce", pending.Nonce))
	if p.pkce && doc.s256() {
		pending.Verifier = oauth2.GenerateVerifier()
		params = append(params, oauth2.S256ChallengeOption(pending.Verifier))
	}
	return Start{URL: p.oauth(doc).AuthCodeURL(pending.State, params...), State: pending}, nil
}

// hex64 is 32 random bytes, as FranceConnect's own states and nonces.
func hex64() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24: it ends the program instead
	return hex.EncodeToString(b[:])
}
