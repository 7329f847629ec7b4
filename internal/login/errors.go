package login

import (
	"context"
	"errors"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// Errors that pages act on. None ever holds a token, a code or a claim.
var (
	ErrDown        = errors.New("fournisseur d’identité injoignable")
	ErrState       = errors.New("retour d’une connexion qui n’a pas été demandée ici")
	ErrExpired     = errors.New("connexion commencée il y a trop longtemps")
	ErrToken       = errors.New("réponse du fournisseur d’identité refusée")
	ErrSub         = errors.New("identité d’une autre personne que celle qui s’est connectée")
	ErrWeak        = errors.New("double authentification absente")
	ErrStale       = errors.New("le fournisseur n’a pas redemandé l’identification")
	ErrCancelled   = errors.New("connexion abandonnée chez le fournisseur d’identité")
	ErrKeysChanged = errors.New("les clés du fournisseur d’identité ont changé pendant la connexion")
)

// ErrRefused is a provider's refusal. Code is an error of OAuth 2 or OpenID
// Connect, "autre" when it is none; Detail is the platform's own Y-code, or "".
type ErrRefused struct{ Code, Detail string }

// Error holds codes only.
func (e ErrRefused) Error() string {
	return strings.TrimSpace("refus du fournisseur d’identité: " + e.Code + " " + e.Detail)
}

var platformCode = regexp.MustCompile(`\b[YE][0-9]{2}[0-9A-F]{4}\b`)

// refusal maps an error response (OpenID Connect Core §3.1.2.6, RFC 6749 §5.2).
// ProConnect answers access_denied both when the agent gives up and when the
// level asked for cannot be reached; only the description tells them apart.
func refusal(code, description string) error {
	switch code {
	case "server_error", "temporarily_unavailable":
		return ErrDown
	case "unmet_authentication_requirements":
		return ErrWeak
	}
	detail := platformCode.FindString(description)
	if code == "access_denied" && detail == "" {
		if strings.Contains(strings.ToLower(description), "acr") {
			return ErrWeak
		}
		return ErrCancelled
	}
	if !standard(code) {
		code = "autre"
	}
	return ErrRefused{Code: code, Detail: detail}
}

// callError says what a failed back-channel call means. The cause is dropped:
// x/oauth2 and net/url put answers and addresses into their errors.
func callError(ctx context.Context, err error) error {
	var u *url.Error
	var n net.Error
	switch {
	case errors.Is(err, errTooLarge):
		return reject("réponse trop longue")
	case ctx.Err() != nil, errors.As(err, &u), errors.As(err, &n):
		return ErrDown
	}
	return reject("réponse illisible")
}
