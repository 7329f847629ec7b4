// Package passkey is Relais as WebAuthn relying party: it asks browsers for
// passkeys and checks what they answer.
//
// It guarantees that an answer is of the challenge that was asked, made in a page
// of exactly our origin (never in a frame), for our domain, by an authenticator
// that verified the person, and signed by the key that the agent enrolled; each
// assertion is checked twice, by the library and by [facteur.Assertion.Verify],
// which somebody else can repeat years later. No attestation is asked for: which
// make an authenticator is of says nothing that Relais would act on.
//
// It keeps nothing. That a challenge is answered once, and that a counter grows,
// is decided where it is written ([facteur.Use]).
package passkey

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"relais/internal/aidant"
	"relais/internal/facteur"
)

// Life is how long a browser has to answer.
const Life = 5 * time.Minute

// maxAnswer bounds what a browser answers, in bytes.
const maxAnswer = 64 << 10

// Passkeys asks and checks. It is safe for use by several goroutines.
type Passkeys struct {
	origin string
	site   string // the relying party's id: the origin's host
	lib    *webauthn.WebAuthn
}

// New makes the relying party of a public address. Where that is an IP address no
// browser gives passkeys (WebAuthn wants a domain): Available says no then.
func New(public *url.URL, name string) (*Passkeys, error) {
	p := &Passkeys{origin: public.Scheme + "://" + public.Host, site: public.Hostname()}
	if _, err := netip.ParseAddr(p.site); err == nil {
		return p, nil
	}
	limits := webauthn.TimeoutConfig{Timeout: Life, TimeoutUVD: Life}
	lib, err := webauthn.New(&webauthn.Config{
		RPID: p.site, RPDisplayName: name, RPOrigins: []string{p.origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: limits, Registration: limits},
		// Some password managers answer with extensions that nobody asked for; none is read.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("clés d’accès: %w", err)
	}
	p.lib = lib
	return p, nil
}

// Available tells whether browsers give passkeys to this address.
func (p *Passkeys) Available() bool { return p.lib != nil }

// NewChallenge is 32 random bytes.
func NewChallenge() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

// user is an agent as the library asks for them.
type user struct {
	a    aidant.Aidant
	keys []webauthn.Credential
}

// WebAuthnID and what follows implement [webauthn.User].
func (u user) WebAuthnID() []byte { return facteur.Handle(u.a.ID) }

// WebAuthnName is what the authenticator lists.
func (u user) WebAuthnName() string { return u.a.Email }

// WebAuthnDisplayName is the agent's name.
func (u user) WebAuthnDisplayName() string { return u.a.Name() }

// WebAuthnCredentials are the passkeys concerned.
func (u user) WebAuthnCredentials() []webauthn.Credential { return u.keys }

func credential(k facteur.Passkey) webauthn.Credential {
	return webauthn.Credential{ID: k.CredentialID, PublicKey: k.PublicKey,
		Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: k.BackupEligible, BackupState: k.BackedUp},
		Authenticator: webauthn.Authenticator{SignCount: k.Count}}
}

func described(f facteur.Facteurs) []protocol.CredentialDescriptor {
	out := []protocol.CredentialDescriptor{}
	for _, k := range f.Passkeys {
		out = append(out, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: k.CredentialID})
	}
	return out
}

func params() []protocol.CredentialParameter {
	var out []protocol.CredentialParameter
	for _, alg := range facteur.Algorithms() {
		out = append(out, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.COSEAlgorithmIdentifier(alg)})
	}
	return out
}

// AskNew is what the browser's navigator.credentials.create is given, as JSON with
// base64url, and the challenge. Authenticators that the agent enrolled already
// say no by themselves.
func (p *Passkeys) AskNew(a aidant.Aidant, have facteur.Facteurs) (options, challenge []byte, err error) {
	creation, session, err := p.lib.BeginRegistration(user{a: a}, webauthn.WithExclusions(described(have)), webauthn.WithCredentialParameters(params()))
	if err != nil {
		return nil, nil, fmt.Errorf("clé d’accès: %w", err)
	}
	if challenge, err = base64.RawURLEncoding.DecodeString(session.Challenge); err != nil {
		return nil, nil, fmt.Errorf("clé d’accès: %w", err)
	}
	options, err = json.Marshal(creation.Response)
	return options, challenge, err
}

// New reads the answer to AskNew. Errors wrap facteur.ErrInvalid.
func (p *Passkeys) New(a aidant.Aidant, challenge, answer []byte) (facteur.Passkey, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(bounded(answer))
	if err != nil {
		return facteur.Passkey{}, fmt.Errorf("%w: %s", facteur.ErrInvalid, why(err))
	}
	session := p.session(challenge)
	session.UserID, session.CredParams = facteur.Handle(a.ID), params()
	made, err := p.lib.CreateCredential(user{a: a}, session, parsed)
	if err != nil {
		return facteur.Passkey{}, fmt.Errorf("%w: %s", facteur.ErrInvalid, why(err))
	}
	if parsed.Response.CollectedClientData.Origin != p.origin || parsed.Response.CollectedClientData.CrossOrigin {
		return facteur.Passkey{}, fmt.Errorf("%w: origine", facteur.ErrInvalid)
	}
	if !made.Flags.UserPresent || !made.Flags.UserVerified {
		return facteur.Passkey{}, fmt.Errorf("%w: personne non vérifiée", facteur.ErrInvalid)
	}
	if _, err := facteur.PublicKey(made.PublicKey); err != nil {
		return facteur.Passkey{}, fmt.Errorf("%w: %w", facteur.ErrInvalid, err)
	}
	return facteur.Passkey{CredentialID: made.ID, PublicKey: made.PublicKey, Count: made.Authenticator.SignCount,
		BackupEligible: made.Flags.BackupEligible, BackedUp: made.Flags.BackupState}, nil
}

// Ask is what navigator.credentials.get is given: any passkey of this site, or
// those of one agent.
func (p *Passkeys) Ask(challenge []byte, of *facteur.Facteurs) (options []byte, err error) {
	opts := []webauthn.LoginOption{webauthn.WithChallenge(challenge)}
	if of != nil {
		opts = append(opts, webauthn.WithAllowedCredentials(described(*of)))
	}
	asked, _, err := p.lib.BeginDiscoverableLogin(opts...)
	if err != nil {
		return nil, fmt.Errorf("clé d’accès: %w", err)
	}
	return json.Marshal(asked.Response)
}

// Answer is what a browser sent back, not yet checked.
type Answer struct {
	CredentialID []byte
	parsed       *protocol.ParsedCredentialAssertionData
}

// Read takes an answer apart. Errors wrap facteur.ErrRefused.
func (p *Passkeys) Read(answer []byte) (Answer, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(bounded(answer))
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %s", facteur.ErrRefused, why(err))
	}
	return Answer{CredentialID: parsed.RawID, parsed: parsed}, nil
}

// Check checks an answer against the challenge and the passkey of the agent whose
// credential it names. What it returns is for the store to decide on, and for
// evidence. Errors wrap facteur.ErrRefused.
func (p *Passkeys) Check(a aidant.Aidant, k facteur.Passkey, challenge []byte, x Answer) (facteur.Presented, facteur.Assertion, error) {
	refuse := func(err error) (facteur.Presented, facteur.Assertion, error) {
		return facteur.Presented{}, facteur.Assertion{}, fmt.Errorf("%w: %s", facteur.ErrRefused, why(err))
	}
	if x.parsed == nil || !bytes.Equal(x.CredentialID, k.CredentialID) {
		return refuse(facteur.ErrNotFound)
	}
	session := p.session(challenge)
	session.UserID = facteur.Handle(a.ID)
	if _, err := p.lib.ValidateLogin(user{a: a, keys: []webauthn.Credential{credential(k)}}, session, x.parsed); err != nil {
		return refuse(err)
	}
	proof := facteur.Assertion{Origin: p.origin, PublicKey: k.PublicKey, ClientData: x.parsed.Raw.AssertionResponse.ClientDataJSON,
		AuthenticatorData: x.parsed.Raw.AssertionResponse.AuthenticatorData, Signature: x.parsed.Raw.AssertionResponse.Signature}
	if err := proof.Verify(challenge); err != nil {
		return refuse(err)
	}
	said := x.parsed.Response.AuthenticatorData
	return facteur.Presented{Auth: aidant.AuthPasskey, Passkey: k.ID, Count: said.Counter, BackedUp: said.Flags.HasBackupState()}, proof, nil
}

func (p *Passkeys) session(challenge []byte) webauthn.SessionData {
	return webauthn.SessionData{Challenge: base64.RawURLEncoding.EncodeToString(challenge), RelyingPartyID: p.site, UserVerification: protocol.VerificationRequired}
}

func bounded(answer []byte) []byte {
	if len(answer) > maxAnswer {
		return nil
	}
	return answer
}

// why is the library's reason without what a browser sent: its details name rules,
// its debug text quotes values.
func why(err error) string {
	if e, ok := err.(*protocol.Error); ok {
		return e.Type
	}
	return err.Error()
}
