package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"relais/internal/delegation"
	"relais/internal/journal"
	"relais/internal/mandat"
)

// Standing is what the provider asks of the store for the verification of a
// mandat. Each question leaves an entry.
type Standing interface {
	// MayAct says until when at the latest a structure may act under a mandat in a
	// domaine, the zero time for no; wait is not zero when by asks too often.
	MayAct(ctx context.Context, number, siret, domaine string, by journal.Actor) (until time.Time, wait time.Duration, err error)
}

// standing answers "may structure X act under mandat N in domaine D now?" to a
// service that is registered to ask. It takes the mandat's number and never an
// identity, and answers yes or no: not why, nor whether there is such a mandat.
func (p *Provider) standing(w http.ResponseWriter, r *http.Request) {
	neverStore(w)
	c, form, fail := p.clientForm(w, r, "/mandat/verification")
	if fail == nil && !c.Asks {
		fail = refuse("access_denied", "the client may not verify mandats")
	}
	number, siret := strings.ReplaceAll(form.Get("mandat"), " ", ""), strings.ReplaceAll(form.Get("siret"), " ", "")
	code, known := p.domaineCode(form.Get("domaine"))
	if fail == nil && (!mandat.IsNumber(number) || len(siret) != 14 || !alphanumeric(siret) || !known) {
		fail = invalid("mandat, siret and domaine are required")
	}
	if fail != nil {
		p.tokenError(w, r, fail)
		return
	}
	until, wait, err := p.opts.Standing.MayAct(r.Context(), number, siret, code, delegation.Client(c.ID))
	switch {
	case err != nil:
		p.opts.Log.ErrorContext(r.Context(), "provider: mandat not verified", "client", c.ID, "err", err)
		p.tokenError(w, r, refuse("server_error", "try again later"))
	case wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		writeError(w, http.StatusTooManyRequests, refuse("slow_down", "too many questions"))
	default:
		answer := map[string]any{"allowed": !until.IsZero(), "checked_at": p.opts.Now().Unix()}
		if !until.IsZero() {
			answer["until"] = until.Unix()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // the service may have left
	}
}

// domaineCode takes a domaine in Relais's code or in FranceConnect's words.
func (p *Provider) domaineCode(name string) (string, bool) {
	if d, ok := p.catalogue.Find(name); ok {
		return d.Code, true
	}
	for _, d := range p.catalogue.Domaines {
		if d.RepScope == name {
			return d.Code, true
		}
	}
	return "", false
}
