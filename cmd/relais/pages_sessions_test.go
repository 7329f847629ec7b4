package main

import (
	"net/http"
	"time"
)

// confirming meets the pages of who identified too long ago.
func (a *album) confirming() {
	v := a.agent("sophie")
	v.Open(a.w.relais+"/administration/missions/nouvelle").Fill("objet", "Contrôle annuel des mandats.")
	a.w.aged("sophie", time.Hour)
	v.Submit("/administration/missions").MustBeAt(confirmPath).Click("confirmer").Click("agent-sophie").MustBeAt(resumePath)
	v.Open(a.w.relais + confirmPath).Click("confirmer").Click("agent-claire").MustStatus(http.StatusForbidden)
}

// closing meets the pages that end other people's sessions.
func (a *album) closing() {
	claire := a.agent("claire")
	a.agent("julien")
	claire.Open(a.w.relais + "/structure/sessions").Click("fermer").MustStatus(http.StatusUnprocessableEntity)
	claire.Open(a.w.relais+"/structure/agents/"+a.w.idOf("julien")+"/sessions").Choose("motif", "depart").Click("fermer").MustSee("1 session fermée")
}

// disowning meets what is shown of a login that was not the agent's.
func (a *album) disowning() {
	monique, stranger := a.agent("monique"), a.agent("monique")
	monique.Open(a.w.relais + "/guichet").MustSee(news).Open(a.w.relais + "/compte").Click("signaler-0").MustBeAt("/connexion/signalee")
	stranger.Open(a.w.relais + "/guichet").MustBeAt("/connexion")
	julien := a.agent("julien")
	julien.Open(a.w.relais + "/compte").Click("signaler-0")
	a.agent("claire").Open(a.w.relais + "/structure").MustSee("Connexions signalées")
	a.agent("sophie").Open(a.w.relais + "/administration/structures/" + a.w.structureOf("monique")).MustSee("Connexions signalées")
}
