// Package authenticator is a passkey in software, and the browser in front of it:
// it answers WebAuthn's options as they answer, and lies where a test wants it to.
// Test-only; the real thing is tried in a real browser by cmd/relais.
package authenticator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// Authenticator holds one passkey, once Create was called. Its fields may be
// changed between calls.
type Authenticator struct {
	Origin string // of the page
	Site   string // the relying party's id
	Flags  byte   // presence 1, verification 4, backup 8 and 16
	Count  uint32 // sent next; 0 never counts
	Type   string // of the client data, "" for the right one
	Cross  bool   // in another site's frame

	ID     []byte
	Handle []byte
	key    *ecdsa.PrivateKey
}

// New is an authenticator that verifies its person and counts.
func New(origin, site string) *Authenticator {
	return &Authenticator{Origin: origin, Site: site, Flags: 5, Count: 1}
}

// Clone is a copy, at this counter.
func (a *Authenticator) Clone() *Authenticator { b := *a; return &b }

var b64 = base64.RawURLEncoding.EncodeToString

func (a *Authenticator) client(t testing.TB, kind, challenge string) []byte {
	t.Helper()
	if a.Type != "" {
		kind = a.Type
	}
	out, err := json.Marshal(struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
		Origin    string `json:"origin"`
		Cross     bool   `json:"crossOrigin"`
	}{kind, challenge, a.Origin, a.Cross})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (a *Authenticator) data(flags byte) []byte {
	site := sha256.Sum256([]byte(a.Site))
	return binary.BigEndian.AppendUint32(append(site[:], flags), a.Count)
}

// Create answers navigator.credentials.create.
func (a *Authenticator) Create(t testing.TB, options []byte) string {
	t.Helper()
	var o struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	var err error
	if a.Handle, err = base64.RawURLEncoding.DecodeString(o.User.ID); err != nil {
		t.Fatal(err)
	}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	a.ID = make([]byte, 32)
	_, _ = rand.Read(a.ID) // never fails since Go 1.24
	data := append(a.data(a.Flags|0x40), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.ID)))
	data = append(append(data, a.ID...), a.COSE(t)...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(data)))
	return a.answer(t, map[string]string{"clientDataJSON": b64(a.client(t, "webauthn.create", o.Challenge)), "attestationObject": b64(append(object, data...))})
}

// COSE is the public key.
func (a *Authenticator) COSE(t testing.TB) []byte {
	t.Helper()
	point, err := a.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	out := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33]...)
	return append(append(out, 0x22, 0x58, 0x20), point[33:]...)
}

// Get answers navigator.credentials.get, and counts on.
func (a *Authenticator) Get(t testing.TB, options []byte) string {
	t.Helper()
	var o struct {
		Challenge string `json:"challenge"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	client, data := a.client(t, "webauthn.get", o.Challenge), a.data(a.Flags)
	sum := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, signed[:])
	if err != nil {
		t.Fatal(err)
	}
	if a.Count > 0 {
		a.Count++
	}
	return a.answer(t, map[string]string{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.Handle)})
}

func (a *Authenticator) answer(t testing.TB, response map[string]string) string {
	t.Helper()
	out, err := json.Marshal(map[string]any{"id": b64(a.ID), "rawId": b64(a.ID), "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{}, "authenticatorAttachment": "platform"})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
