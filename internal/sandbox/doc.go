// Package sandbox plays, in memory, the outside world of Relais: a
// ProConnect-like provider for agents, a FranceConnect-like hub, and three
// public services. Everyone in it is invented and every page says so.
//
// It is as strict as the real platforms: parameter lists, life spans, token
// rules and error codes are those observed on them, and it checks what Relais
// sends with code of its own, so that it cannot share a fault with
// internal/provider or internal/login. It does not check the person against a
// civil register, does not encrypt tokens, sends no mail and forgets everything
// at exit: signing keys are made at start. It must never face real people.
//
// Identité agent (fictive), Config.AgentsURL, issuer {base}/api/v2:
//
//	/authorize → /connexion/{demande} → redirect_uri; /token /userinfo /jwks /session/end
//
// FranceConnect fictif, Config.HubURL, issuer {base}/api/v2:
//
//	/authorize → /interaction/{id} (choice of provider)
//	  → /interaction/{id}/fi/{fi} (a fictional provider) or Relais → /oidc-callback
//	  → /interaction/{id} (« Continuer vers … ») → redirect_uri
//	/token /userinfo /jwks /token/revocation
//	/session/end → Relais' end_session → /client/logout-callback → service
//
// Public services, Config.ServicesURL: /allocations, /impots, /demarches, each
// with /connexion, /retour, /espace, /deconnexion and /deconnecte below it.
//
// One thing the real hub lacks: the act claim that Relais puts in its id_token
// is passed on to a service that asks for it. The pages concerned say so. And
// one it has that is missing here: the hub's own fictional providers may know a
// person without an e-mail address, whereas Relais must always send one.
package sandbox
