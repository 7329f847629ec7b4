package facteur

import (
	"time"

	"relais/internal/aidant"
)

// Who may ask for a reset, approve it and read it.

// MayAsk tells whether somebody may ask that an agent's factors be removed: an
// administrateur, or a référent of the structure for an agent who does not watch
// them. Never for oneself.
func MayAsk(asker, agent aidant.Aidant) bool {
	return asker.ID != agent.ID && MayGive(asker, agent.OrganisationID, agent.Roles) == nil
}

// MayApprove tells whether somebody may be the second person: an administrateur, a
// référent of the structure, or of a structure that is its partner; neither who
// asked nor the agent.
func (r Reinitialisation) MayApprove(who, agent aidant.Aidant, partners bool) bool {
	switch {
	case who.ID == r.AskedBy || who.ID == agent.ID || who.Suspended():
		return false
	case who.Has(aidant.RoleAdministrateur):
		return true
	case watches(agent.Roles) || !who.Has(aidant.RoleReferent):
		return false
	}
	return who.OrganisationID == agent.OrganisationID || partners
}

// Sees tells whether somebody may read the reset: whoever asked, approved or ended
// it, an administrateur, the référents of the structure; those of a partner only
// while it waits for a second person.
func (r Reinitialisation) Sees(who, agent aidant.Aidant, partners bool, at time.Time) bool {
	if who.ID == agent.ID || who.Suspended() {
		return false
	}
	if who.ID == r.AskedBy || who.ID == r.ApprovedBy || who.ID == r.EndedBy || who.Has(aidant.RoleAdministrateur) {
		return true
	}
	if !who.Has(aidant.RoleReferent) || watches(agent.Roles) {
		return false
	}
	return who.OrganisationID == agent.OrganisationID || partners && r.State(at) == Asked
}
