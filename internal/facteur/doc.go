// Package facteur is how an agent proves who they are when Relais itself has to
// ask, for want of ProConnect: how they get there the first time (an invitation),
// and how they get back (a reset that two other persons answer for).
//
//	NewInvitation   a référent, an administrateur or the operator opens the way in
//	Redeem          its code is typed, once
//	Ask             somebody asks that an agent's factors be removed
//	Approve         a second person answers for it
//	Issue           the asker is given the code for the agent
//	Confirm         the agent says that they asked for it
//
// It guarantees that a code works once and for a bounded time, that nobody gives
// more than they may give, that the one who asks for a reset, the one who approves
// it and the agent are three persons, and that each step has its fact. Codes are
// neither kept nor journaled: their keyed hash is. It does not know whether the
// person who types a code is the one it was handed to: nobody but the agent can
// say so, and is asked to.
package facteur
