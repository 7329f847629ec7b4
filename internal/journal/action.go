package journal

import "slices"

// Action is what was done: a noun of the house and an English verb.
type Action string

// Class decides how long an entry's body is kept (DESIGN §5, two clocks).
type Class string

// The two clocks: evidence lives as long as the mandat may be disputed, access
// entries for the months the CNIL advises (délibération 2021-122).
const (
	Evidence Class = "preuve"
	Access   Class = "acces"
)

// Every action that Relais records.
const (
	MandatDraft       Action = "mandat.draft"
	MandatCompose     Action = "mandat.compose"
	MandatEntrust     Action = "mandat.entrust"
	MandatIdentify    Action = "mandat.identify"
	MandatConfirm     Action = "mandat.confirm"
	MandatGive        Action = "mandat.give"
	MandatDecline     Action = "mandat.decline"
	MandatTakeBack    Action = "mandat.takeback"
	MandatSign        Action = "mandat.sign"
	MandatAbandon     Action = "mandat.abandon"
	MandatRevoke      Action = "mandat.revoke"
	MandatRenounce    Action = "mandat.renounce"
	MandatReplace     Action = "mandat.replace"
	MandatExpire      Action = "mandat.expire"
	MandatSuspend     Action = "mandat.suspend"
	MandatView        Action = "mandat.view"
	MandatPrint       Action = "mandat.print"
	MandatSearch      Action = "mandat.search"
	MandatAsk         Action = "mandat.ask"
	DelegationAsk     Action = "delegation.ask"
	DelegationUse     Action = "delegation.use"
	DelegationToken   Action = "delegation.token"
	DelegationShow    Action = "delegation.userinfo"
	DelegationInspect Action = "delegation.introspect"
	DelegationEnd     Action = "delegation.end"
	DelegationDeny    Action = "delegation.deny"
	DelegationStop    Action = "delegation.revoke"
	SessionOpen       Action = "session.open"
	SessionRefuse     Action = "session.refuse"
	SessionClose      Action = "session.close"
	SessionRevoke     Action = "session.revoke"
	SessionElevate    Action = "session.elevate"
	SessionDisown     Action = "session.disown"
	AccessRefuse      Action = "access.refuse"
	AccessThrottle    Action = "access.throttle"
	AidantAdmit       Action = "aidant.admit"
	AidantSuspend     Action = "aidant.suspend"
	AidantReinstate   Action = "aidant.reinstate"
	StructureAdmit    Action = "organisation.admit"
	KeysSeen          Action = "cles.seen"
	JournalSearch     Action = "journal.search"
	JournalView       Action = "journal.view"
	JournalExport     Action = "journal.export"
	JournalEpoch      Action = "journal.epoch"
	JournalRotate     Action = "journal.rotate"
)

// What erases, freezes, prunes and watches (docs/effacement.md).
const (
	MandatDispute Action = "mandat.dispute"
	MandatLift    Action = "mandat.lift"
	MandatArchive Action = "mandat.archive"
	UsagerErase   Action = "usager.erase"
	UsagerExport  Action = "usager.export"
	JournalPrune  Action = "journal.prune"
	JournalReplay Action = "journal.replay"
	JournalDay    Action = "journal.day"
	JournalVerify Action = "journal.verify"
	Heartbeat     Action = "journal.heartbeat"
	ClockBack     Action = "horloge.recul"
	CoffreRotate  Action = "coffre.rotate"
	KeysRotate    Action = "fournisseur.cles"
	AgentsForget  Action = "agents.forget"
)

// The auditeur's missions.
const (
	MissionOpen   Action = "mission.open"
	MissionEnd    Action = "mission.end"
	MissionReveal Action = "mission.reveal"
)

// How an agent gets in without ProConnect, and back in.
const (
	InvitationOpen      Action = "invitation.open"
	InvitationCancel    Action = "invitation.cancel"
	InvitationUse       Action = "invitation.use"
	ResetAsk            Action = "reinitialisation.ask"
	ResetApprove        Action = "reinitialisation.approve"
	ResetConfirm        Action = "reinitialisation.confirm"
	ResetEnd            Action = "reinitialisation.end"
	StructureAssociate  Action = "organisation.associate"
	StructureDissociate Action = "organisation.dissociate"
)

// What an auditeur works with: reviews and saved searches.
const (
	RevueOpen       Action = "revue.open"
	RevueAnnotate   Action = "revue.annotate"
	RevueClose      Action = "revue.close"
	RevueView       Action = "revue.view"
	RechercheSave   Action = "recherche.save"
	RechercheDelete Action = "recherche.delete"
	SignalSee       Action = "signal.see"
)

// What an agent proves themselves with.
const (
	FacteurEnroll Action = "facteur.enroll"
	FacteurRemove Action = "facteur.remove"
	FacteurCodes  Action = "facteur.codes"
	FacteurUse    Action = "facteur.use"
	FacteurRefuse Action = "facteur.refuse"
)

type label struct {
	text  string
	class Class
}

var labels = map[Action]label{
	MandatDraft:       {"Brouillon de mandat commencé", Evidence},
	MandatCompose:     {"Texte du mandat fixé", Evidence},
	MandatEntrust:     {"Écran confié à l’usager", Evidence},
	MandatIdentify:    {"Usager identifié par FranceConnect", Evidence},
	MandatConfirm:     {"Identité confirmée par l’usager", Evidence},
	MandatGive:        {"« Je donne mandat »", Evidence},
	MandatDecline:     {"« Je préfère réfléchir »", Evidence},
	MandatTakeBack:    {"Écran repris par l’aidant", Evidence},
	MandatSign:        {"Mandat accepté et signé", Evidence},
	MandatAbandon:     {"Brouillon sans suite", Evidence},
	MandatRevoke:      {"Révocation par l’usager", Evidence},
	MandatRenounce:    {"Renonciation de la structure", Evidence},
	MandatReplace:     {"Remplacement par un nouveau mandat", Evidence},
	MandatExpire:      {"Échéance", Evidence},
	MandatSuspend:     {"Suspension", Evidence},
	MandatView:        {"Mandat consulté", Access},
	MandatPrint:       {"Mandat imprimé", Access},
	MandatSearch:      {"Recherche d’un usager", Access},
	MandatAsk:         {"Mandat vérifié par un service", Evidence},
	DelegationAsk:     {"Demande de connexion reçue", Access},
	DelegationUse:     {"Mandat utilisé", Evidence},
	DelegationToken:   {"Jeton remis au service", Evidence},
	DelegationShow:    {"Identité transmise au service", Evidence},
	DelegationInspect: {"Jeton vérifié par un service", Evidence},
	DelegationEnd:     {"Démarche terminée", Evidence},
	DelegationDeny:    {"Usage refusé", Evidence},
	DelegationStop:    {"Connexion déléguée interrompue", Evidence},
	SessionOpen:       {"Connexion d’un agent", Access},
	SessionRefuse:     {"Connexion refusée", Access},
	SessionClose:      {"Déconnexion", Access},
	SessionRevoke:     {"Session révoquée", Access},
	SessionElevate:    {"Identité confirmée de nouveau", Access},
	SessionDisown:     {"Connexion contestée par l’agent", Access},
	AccessRefuse:      {"Accès refusé", Access},
	AccessThrottle:    {"Trop de refus : attente imposée", Access},
	AidantAdmit:       {"Agent habilité", Evidence},
	AidantSuspend:     {"Agent suspendu", Evidence},
	AidantReinstate:   {"Agent rétabli", Evidence},
	StructureAdmit:    {"Structure habilitée", Evidence},
	KeysSeen:          {"Clés du fournisseur d’identité constatées", Evidence},
	JournalSearch:     {"Recherche dans le journal", Access},
	JournalView:       {"Entrée du journal consultée", Access},

	MandatDispute: {"Litige ouvert, suppression gelée", Evidence},
	MandatLift:    {"Litige clos", Evidence},
	MandatArchive: {"Archive ouverte", Evidence},
	UsagerErase:   {"Données d’un usager effacées", Evidence},
	UsagerExport:  {"Données d’un usager exportées", Evidence},
	JournalPrune:  {"Contenu d’entrées d’accès supprimé", Evidence},
	JournalReplay: {"État des mandats rejoué", Evidence},
	JournalDay:    {"Résumé du jour", Evidence},
	JournalVerify: {"Journal entier vérifié", Evidence},
	Heartbeat:     {"Relais fonctionne", Access},
	ClockBack:     {"L’horloge a reculé", Evidence},
	KeysRotate:    {"Clés de signature du fournisseur ajoutées", Evidence},
	CoffreRotate:  {"Clé maîtresse du coffre renouvelée", Evidence},
	AgentsForget:  {"Identités d’agents rendues illisibles", Evidence},
	MissionOpen:   {"Mission d’un auditeur ouverte", Evidence},
	MissionEnd:    {"Mission d’un auditeur terminée", Evidence},
	MissionReveal: {"Identité révélée à un auditeur", Evidence},
	JournalExport: {"Preuve exportée", Evidence},

	RevueOpen:       {"Revue ouverte, échantillon tiré", Evidence},
	RevueAnnotate:   {"Entrée d’une revue marquée", Evidence},
	RevueClose:      {"Revue close", Evidence},
	RevueView:       {"Revue close consultée", Access},
	RechercheSave:   {"Recherche enregistrée", Access},
	RechercheDelete: {"Recherche enregistrée supprimée", Access},
	SignalSee:       {"Signal marqué comme vu", Evidence},

	FacteurEnroll:       {"Facteur d’authentification ajouté", Evidence},
	FacteurRemove:       {"Facteur d’authentification supprimé", Evidence},
	FacteurCodes:        {"Codes de secours renouvelés", Evidence},
	FacteurUse:          {"Agent identifié de nouveau par son facteur", Access},
	FacteurRefuse:       {"Facteur d’authentification refusé", Access},
	InvitationOpen:      {"Code d’accès remis pour un agent", Evidence},
	InvitationCancel:    {"Invitation annulée", Evidence},
	InvitationUse:       {"Code d’accès utilisé par l’agent", Evidence},
	ResetAsk:            {"Réinitialisation demandée", Evidence},
	ResetApprove:        {"Réinitialisation approuvée par une seconde personne", Evidence},
	ResetConfirm:        {"Réinitialisation confirmée par l’agent", Evidence},
	ResetEnd:            {"Réinitialisation arrêtée", Evidence},
	StructureAssociate:  {"Structures déclarées partenaires", Evidence},
	StructureDissociate: {"Partenariat de structures terminé", Evidence},

	JournalEpoch:  {"Nouvelle époque du journal", Evidence},
	JournalRotate: {"Clé du journal changée", Evidence},
}

// Label is the action in French, for people.
func (a Action) Label() string {
	if l, ok := labels[a]; ok {
		return l.text
	}
	return string(a)
}

// Class tells which clock the action's entries follow.
func (a Action) Class() Class { return labels[a].class }

// Actions lists all actions in the order of their codes.
func Actions() []Action {
	all := make([]Action, 0, len(labels))
	for a := range labels {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}
