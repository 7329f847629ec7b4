package login

import (
	"context"
	"net/url"
)

// LogoutUsagerURL is where the browser goes right after userinfo, so that the
// next usager is never taken for the last one. FranceConnect needs all three
// parameters; an expired id_token is good enough for it. Error: ErrDown.
func (l *Login) LogoutUsagerURL(ctx context.Context, idToken, state string) (string, error) {
	return l.usagers.logoutURL(ctx, idToken, state)
}

// LogoutAgentURL ends the agent's session at ProConnect, as [Login.LogoutUsagerURL].
func (l *Login) LogoutAgentURL(ctx context.Context, idToken, state string) (string, error) {
	return l.agents.logoutURL(ctx, idToken, state)
}

func (p *peer) logoutURL(ctx context.Context, idToken, state string) (string, error) {
	doc, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(doc.EndSession)
	if err != nil || u.Host == "" {
		return "", ErrDown
	}
	q := u.Query()
	if idToken != "" {
		q.Set("id_token_hint", idToken)
	} else {
		q.Set("client_id", p.ClientID)
	}
	q.Set("state", state)
	q.Set("post_logout_redirect_uri", p.logout)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
