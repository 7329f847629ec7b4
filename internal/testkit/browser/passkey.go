package browser

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator is a virtual one in a person's window (CTAP 2, resident keys, user
// verification), which answers by itself. What it signs is real.
type Authenticator struct {
	p  *Person
	id webauthn.AuthenticatorID
}

// Authenticator plugs one in. Only this window sees it.
func (p *Person) Authenticator() *Authenticator {
	p.t.Helper()
	a := &Authenticator{p: p}
	p.edit("plug an authenticator in", func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		made, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
				Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
		a.id = made.AuthenticatorID
		return err
	})
	return a
}

// Verifies tells whether it recognises its person from now on.
func (a *Authenticator) Verifies(yes bool) {
	a.p.t.Helper()
	a.p.edit("verify the person", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: yes})
		return err
	})
}

// Rewind makes its passkeys count from here, as a copy made earlier would. It fails
// when there is none.
func (a *Authenticator) Rewind(count int) {
	a.p.t.Helper()
	a.p.edit("rewind the counter", func(ctx context.Context) error {
		held, err := chromedp.Call(ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id})
		if err != nil {
			return err
		}
		if len(held.Credentials) == 0 {
			return errors.New("no passkey in it")
		}
		if _, err := chromedp.Call(ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: a.id}); err != nil {
			return err
		}
		for _, c := range held.Credentials {
			again := kept{c.CredentialID, c.IsResidentCredential, c.RpID, c.PrivateKey, c.UserHandle, count}
			if _, err := chromedp.Call(ctx, addCredential, keep{a.id, again}); err != nil {
				return err
			}
		}
		return nil
	})
}

// The library's own command also sends members that an authenticator without
// extensions refuses, even as false.
type (
	keep struct {
		AuthenticatorID webauthn.AuthenticatorID `json:"authenticatorId"`
		Credential      kept                     `json:"credential"`
	}
	kept struct {
		CredentialID         []byte `json:"credentialId"`
		IsResidentCredential bool   `json:"isResidentCredential"`
		RpID                 string `json:"rpId"`
		PrivateKey           []byte `json:"privateKey"`
		UserHandle           []byte `json:"userHandle"`
		SignCount            int    `json:"signCount"`
	}
)

var addCredential = cdp.Command[keep, cdp.Empty]{Method: webauthn.CommandAddCredential}

// ClickThrough clicks on what a script goes on from by itself, and waits until the
// person has come to a page whose path begins so.
func (p *Person) ClickThrough(selector, path string) {
	p.t.Helper()
	p.Click(selector)
	p.await("come to "+path, func() bool {
		at, err := p.evaluate("location.pathname") // between two documents there is none
		return err == nil && strings.HasPrefix(at, path)
	})
}

// ClickAndRead clicks on what a script answers in the page, and waits for its words.
func (p *Person) ClickAndRead(selector, words string) string {
	p.t.Helper()
	p.Click(selector)
	text := ""
	p.await("be told in "+words, func() bool {
		var err error
		text, err = p.evaluate("document.querySelector(" + quote(words) + ").textContent")
		return err == nil && text != ""
	})
	return text
}

// await asks again until it is so, then for the page to come to rest.
func (p *Person) await(what string, so func() bool) {
	p.t.Helper()
	p.act(what, func(ctx context.Context) error {
		for !so() {
			select {
			case <-ctx.Done():
				return errors.New("it did not happen")
			case <-time.After(30 * time.Millisecond):
			}
		}
		return nil
	})
}
