package store

// queries holds every statement that is not built from a filter. A test
// prepares each of them on both engines.
type queries struct {
	schemaVersion query

	head, headCheck, headMove                                 query
	entryInsert, entryAppend, nodeInsert                      query
	streamEnd, entryAt, entriesOfMandat                       query
	journalBounds, keysLast, keysBefore                       query
	verifyRows, verifyQuick, verifyNodes, verifyLeaves        query
	keyInsert, keyDelete, keyByName, keyOnce                  query
	maskList, firstDispute                                    query
	debitMark, debitSave, debitOpen, debitForget              query
	organisationInsert                                        query
	organisationByID, organisationList                        query
	aidantInsert, aidantUpdate, aidantByID                    query
	aidantSignIn, aidantList, aidantTaken                     query
	sessionInsert, sessionUpdate                              query
	sessionByRef, sessionOf                                   query
	sessionPlain, sessionTouch, sessionEntrust, sessionDelete query
	sessionDeleteOf, sessionDeleteOld, sessionRivals          query
	sessionBySub, sessionBySID, sessionIn                     query
	appareilInsert, appareilSeen, appareilCount, appareilByID query
	appareilUntold, appareilNew, appareilDisowned             query
	appareilDisown, appareilTold, appareilForget              query
	noticeAll, noticeNone                                     query
	mandatInsert, mandatUpdate, mandatLight                   query
	mandatFull, mandatNumber, mandatActive                    query
	mandatOld, mandatExpired                                  query
	autorisationInsert, autorisationUpdate                    query
	autorisationDelete                                        query
	brouillonInsert, brouillonDelete                          query
	brouillonUpdate                                           query
	dossierInsert, dossierByID                                query
	usagerInsert, usagerUpdate, usagerBySub                   query
	usagerFile, usagerRecent, usagerSearch, mandatFile        query
	usagerIndexInsert, usagerIndexDelete                      query
	delegationInsert, delegationStop                          query
	delegationRedeem, mandatUse                               query
	delegationByCode, delegationByToken                       query
	loginByID, loginByCode, delegationLive                    query
	delegationOpen, delegationForget                          query
	delegationLately                                          query
	mandatAsked, organisationAsked                            query
	signingKeys, signingInsert, signingRetire, signingForget  query
	proofInsert, proofForget                                  query
	pushedInsert, pushedRead, pushedDrop, pushedForget        query
	identityByToken, openUse                                  query

	// agents' own factors
	passkeyList, passkeyInsert, passkeyUse, passkeyDelete, passkeyOwner query
	totpOf, totpInsert, totpUse, totpDelete                             query
	recoveryList, recoveryInsert, recoveryUse, recoveryDelete           query
	noticeInsert, noticeList, noticeForget                              query
	passkeyDeleteOf, factorCount                                        query
	aidantOwn, aidantByEmail, sessionDeleteOthers, enrolBefore          query

	// erasure, retention and replay
	usagerErasable, usagerErase, usagerByID                 query
	mandatsOfUsager, mandatByID, mandatPage                 query
	dossierCount, indexCount                                query
	dossierDelete, delegationBlank, delegationOfUsager      query
	accessAction, pruneList, pruneCount, prune, prunedCount query
	usagersDue                                              query
	phases                                                  query
	keyList, keyRewrap, masterForget, masterName            query
	lastMoment                                              query
	leafSpan, leafSpanApart, nodeSpan                       query
	checkpointInsert, checkpointLast, checkpointAny         query
	attestationInsert, attestations, attestationLast        query

	// signals and relevés
	factInsert, factsOfAidant, factOfMandat, factKnown, factFormer query
	factsForget, factsBlank, signalInsert, signalsForget           query
	signalForget, signalMandat, signalNames, actorAt, streamBefore query
	signalOne, seenInsert, seenOne, seenErase, seenKeys            query
	releveAdd, releveForget, releveDays, releveCounts              query
	stamped, renewals                                              query
	dayLast, dayAll, streamHeads                                   query
	extractMandat, extractSpan, extractIn                          query
	indexOf, replayEntries                                         query

	// PostgreSQL only: what a write holds, and the sequencer
	lockAll, lockNone, lockOne, lockTwo                                         query
	lockKeys, lockByLogin, lockByCode, lockByToken, lockOpenUses, lockUsesLike  query
	sequenceDue, sequenceHead, sequence, sequenceMove, sequenceCursor           query
	sequenceArrive, sequenceHeadWait, sequenceRest, sequenceRebase, sequenceLag query
	sequenceOldest                                                              query

	// what follows the journal
	followerNext, followerStart, followerMove, followerReset query
	unreadInsert, unreadForget, unreadCount                  query
	followRows, streamIndexes                                query
	mandatBelongs, aidantBelongs, organisationLies           query
	facetteInsert, facetteByCode                             query
	postingInsert, postingsInsert, postingDelete             query
	postingsForget                                           query
	entriesDown, entriesIn, facettesIn, postingsDown         query
	momentFrom, momentUntil, indexFrom, indexUntil           query
	// missions
	missionInsert, missionUpdate, missionByID          query
	missionRunning, missionList, missionOf             query
	aidantAuditeurs, aidantIDs, mandatBehind           query
	revelationInsert, revelationRecent, revelationByID query
	revelationAll, revelationOfMission                 query
	revelationOfStructure                              query

	// invitations, resets and partner structures
	invitationInsert, invitationEnd, invitationByID   query
	invitationByCode, invitationOpen, invitationList  query
	resetInsert, resetUpdate, resetByID, resetOpen    query
	resetList, resetDone                              query
	partnerInsert, partnerEnd, partnerOne, partnersOf query

	// reviews and saved searches
	revueInsert, revueUpdate, revueByID, revueOwn, revueClosed    query
	revueEntreeInsert, revueEntreeUpdate, revueEntrees            query
	rechercheInsert, rechercheRename, rechercheEnd                query
	rechercheDelete, rechercheCount, rechercheByID, rechercheList query
}

func newQueries() queries {
	q := queries{schemaVersion: "SELECT version_id FROM goose_db_version WHERE is_applied ORDER BY id DESC LIMIT 1"}
	q.journal()
	q.people()
	q.appareils()
	q.mandats()
	q.usagers()
	q.delegations()
	q.fournisseur()
	q.cles()
	q.conserve()
	q.proofs()
	q.extract()
	q.days()
	q.locks()
	q.sequences()
	q.masks()
	q.debits()
	q.facteurs()
	q.signals()
	q.releves()
	q.seen()
	q.follow()
	q.unreads()
	q.facetting()
	q.filter()
	q.period()
	q.missions()
	q.revues()
	q.recherches()
	return q
}
