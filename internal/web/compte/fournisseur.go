package compte

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"relais/internal/aidant"
	"relais/internal/login"
	"relais/internal/web/page"
)

// maxLogout bounds a logout token's form, in bytes.
const maxLogout = 32 << 10

// Revocations ends sessions from elsewhere than their own browser.
type Revocations interface {
	// EndAtProvider ends what began with a login at a provider, once for each
	// proof: aidant.ErrReplayed afterwards.
	EndAtProvider(ctx context.Context, o aidant.Origin, proof string, until time.Time) (int, error)
}

// byProvider is where the agents' identity provider says that an agent signed out
// there (OpenID Connect Back-Channel Logout 1.0 §2.5): 200 when nothing of theirs is
// open here any more, 400 for what is no such demand.
func (d *Desk) byProvider(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	form, err := page.ReadForm(r, maxLogout)
	if err != nil {
		return logoutRefused(w)
	}
	demand, err := d.Provider.AgentLogout(r.Context(), form.Get("logout_token"))
	if errors.Is(err, login.ErrToken) || errors.Is(err, login.ErrDown) {
		return logoutRefused(w)
	}
	if err != nil {
		return err
	}
	_, err = d.Revocations.EndAtProvider(r.Context(), demand.Origin, demand.ID, demand.Until)
	if errors.Is(err, aidant.ErrReplayed) {
		return logoutRefused(w)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func logoutRefused(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request"}) // the asker may have left
	return nil
}
