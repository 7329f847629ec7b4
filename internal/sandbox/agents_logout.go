package sandbox

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tellTimeout is how long a browser waits for the clients to hear of a logout.
const tellTimeout = 3 * time.Second

// endEverywhere is the agent's own « fermer la session partout »: clients are told
// of the person, not of one session.
func (a *agents) endEverywhere(w http.ResponseWriter, r *http.Request) {
	if _, session, ok := a.sessions.read(r); ok {
		a.tell(r.Context(), session, false)
	}
	a.sessions.drop(w, r)
	a.pages.render(w, http.StatusOK, "accueil.html", page{Site: agentsSite, Theme: "agents", Title: "Session fermée partout",
		Body: "Les services où vous étiez entré ont été prévenus."})
}

// tell sends a logout token to each client (OpenID Connect Back-Channel Logout
// 1.0 §2.5). One that does not answer does not keep the agent in.
func (a *agents) tell(ctx context.Context, session agentSession, one bool) {
	agent, ok := findAgent(session.agentID)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	for _, client := range a.clients {
		if client.BackChannel == "" {
			continue
		}
		claims := map[string]any{"iss": a.url, "aud": client.ID, "sub": agent.Sub, "jti": hex64(),
			"iat": a.now().Unix(), "exp": a.now().Add(2 * time.Minute).Unix(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
		if one {
			claims["sid"] = session.sid
		}
		if err := a.sendLogout(ctx, client.BackChannel, claims); err != nil {
			a.pages.log.Warn("a client was not told of a logout", "client", client.ID)
		}
	}
}

func (a *agents) sendLogout(ctx context.Context, to string, claims map[string]any) error {
	token, err := signedBy(a.key.logout, claims)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
