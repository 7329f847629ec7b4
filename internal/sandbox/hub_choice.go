package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// providerChoice is the body of fournisseurs.html.
type providerChoice struct {
	Action, Cancel, Client string
	Providers              []idp
}

// usagerChoice is the body of usagers.html.
type usagerChoice struct {
	Action, Provider string
	Usagers          []Usager
}

// consent is the body of continuer.html.
type consent struct {
	Action, Cancel, Client, Person string
	FromRelais, ActPassed          bool
}

// interaction returns the one the path names, if this browser began it.
func (h *hub) interaction(r *http.Request) (string, interaction, *fault) {
	id := r.PathValue("id")
	it, found := h.interactions.get(id)
	_, session, ok := h.sessions.read(r)
	if !ok || !found || it.browser != session.browser {
		return "", interaction{}, &fault{Code: codeSession, Reason: "session introuvable : reprenez la connexion depuis le service"}
	}
	return id, it, nil
}

// showInteraction shows the choice of provider, or « Continuer vers … » once one has answered.
func (h *hub) showInteraction(w http.ResponseWriter, r *http.Request) {
	id, it, f := h.interaction(r)
	if f != nil {
		h.refuse(w, f)
		return
	}
	base := h.interactionURL(id)
	if it.identity == nil {
		h.pages.render(w, http.StatusOK, "fournisseurs.html", page{Site: hubSite, Theme: "hub", Title: "Choisir comment se connecter",
			Body: providerChoice{Action: base, Cancel: base + "/annuler", Client: it.client.Name, Providers: identityProviders()}})
		return
	}
	who := *it.identity
	name := who.text("preferred_username")
	if name == "" {
		name = who.text("family_name")
	}
	h.pages.render(w, http.StatusOK, "continuer.html", page{Site: hubSite, Theme: "hub", Title: "Continuer vers " + it.client.Name,
		Body: consent{
			Action: base + "/continuer", Cancel: base + "/annuler", Client: it.client.Name,
			Person: who.text("given_name") + " " + name, FromRelais: who.fromRelais(),
			ActPassed: who.act != nil && it.request.claims.asks("act"),
		}})
}

func (h *hub) pickProvider(w http.ResponseWriter, r *http.Request) {
	id, it, f := h.interaction(r)
	if f != nil {
		h.refuse(w, f)
		return
	}
	form, ok := readForm(w, r)
	if !ok {
		h.refuse(w, &fault{Code: codeParam, Reason: "choix illisible"})
		return
	}
	h.goTo(w, r, id, it, form.Get("fi"))
}

// goTo sends the browser to a provider's page, ours or Relais'.
func (h *hub) goTo(w http.ResponseWriter, r *http.Request, id string, it interaction, name string) {
	if name == "relais" {
		h.toRelais(w, r, id, it)
		return
	}
	if _, ok := findProvider(name); !ok {
		h.refuse(w, &fault{Code: codeParam, Reason: "fournisseur d'identité inconnu"})
		return
	}
	http.Redirect(w, r, h.interactionURL(id)+"/fi/"+name, http.StatusSeeOther)
}

func findProvider(name string) (idp, bool) {
	for _, p := range identityProviders() {
		if p.Name == name {
			return p, true
		}
	}
	return idp{}, false
}

// showUsagers is a fictional provider's login page: one picks whom to be.
func (h *hub) showUsagers(w http.ResponseWriter, r *http.Request) {
	_, _, f := h.interaction(r)
	provider, ok := findProvider(r.PathValue("fi"))
	if f != nil || !ok {
		h.refuse(w, &fault{Code: codeSession, Reason: "session introuvable : reprenez la connexion depuis le service"})
		return
	}
	h.pages.render(w, http.StatusOK, "usagers.html", page{Site: hubSite, Theme: "hub", Title: provider.Title,
		Body: usagerChoice{Action: r.URL.Path, Provider: provider.Title, Usagers: Usagers()}})
}

func (h *hub) pickUsager(w http.ResponseWriter, r *http.Request) {
	id, it, f := h.interaction(r)
	if f != nil {
		h.refuse(w, f)
		return
	}
	form, ok := readForm(w, r)
	if ok && form.Has("annuler") {
		h.cancel(w, r)
		return
	}
	provider, known := findProvider(r.PathValue("fi"))
	usager, found := findUsager(form.Get("usager"))
	if !ok || !known || !found {
		h.refuse(w, &fault{Code: codeParam, Reason: "choix inconnu"})
		return
	}
	h.identify(w, r, id, it, identity{idp: provider.ID, claims: usager.claims()})
}

// identify ends a provider's part: the person enters the session, under a new key.
func (h *hub) identify(w http.ResponseWriter, r *http.Request, id string, it interaction, who identity) {
	if !h.interactions.update(id, func(row *interaction) { row.identity = &who }) {
		h.refuse(w, &fault{Code: codeSession, Reason: "session expirée"})
		return
	}
	h.sessions.renew(w, r, hubSession{browser: it.browser, identity: &who})
	http.Redirect(w, r, h.interactionURL(id), http.StatusSeeOther)
}

// cancel sends access_denied to the service and ends the interaction.
func (h *hub) cancel(w http.ResponseWriter, r *http.Request) {
	id, it, f := h.interaction(r)
	if f != nil {
		h.refuse(w, f)
		return
	}
	h.interactions.take(id)
	h.sendBack(w, r, it.request, url.Values{"error": {"access_denied"}, "error_description": {"User auth aborted"}})
}

// proceed is « Continuer vers … »: the service gets its code.
func (h *hub) proceed(w http.ResponseWriter, r *http.Request) {
	id, it, f := h.interaction(r)
	if f == nil {
		var ok bool
		if it, ok = h.interactions.take(id); !ok || it.identity == nil {
			f = &fault{Code: codeSession, Reason: "connexion déjà faite"}
		}
	}
	if f != nil {
		h.refuse(w, f)
		return
	}
	key, _, _ := h.sessions.read(r)
	h.sessions.rows.touch(key)
	who := *it.identity
	claims := map[string]any{"sub": who.sub(it.client.ID), "nonce": it.request.nonce, "acr": "eidas1"}
	if it.request.claims.asks("amr") {
		claims["amr"] = []string{"fc", "pwd"}
	}
	if who.act != nil && it.request.claims.asks("act") {
		claims["act"] = who.act
	}
	code := h.issue(grant{
		clientID: it.client.ID, redirectURI: it.request.redirectURI, scope: strings.Join(it.request.scopes, " "),
		idToken: claims, userinfo: who.released(it.client.ID, it.request.scopes),
	})
	h.sendBack(w, r, it.request, url.Values{"code": {code}})
}
