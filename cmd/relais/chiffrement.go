package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/go-jose/go-jose/v4"
)

// makeEncryptionKeys writes new private keys for which ProConnect or FranceConnect
// may encrypt what they say, into a file that must not be there yet, and shows their
// public halves.
func makeEncryptionKeys(c call, path string) error {
	keys, err := newEncryptionKeys()
	if err != nil {
		return fmt.Errorf("clés de chiffrement: %w", err)
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return fmt.Errorf("clés de chiffrement: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("clés de chiffrement: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("clés de chiffrement: %w", err)
	}
	public, err := publicHalves(keys.Keys)
	if err != nil {
		return fmt.Errorf("clés de chiffrement: %w", err)
	}
	fmt.Fprintf(c.stdout, "%s\n", public)
	return nil
}

// newEncryptionKeys are one for ECDH-ES and one for RSA-OAEP, named by their thumbprints.
func newEncryptionKeys() (jose.JSONWebKeySet, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: ec, Use: "enc", Algorithm: string(jose.ECDH_ES)}, {Key: rs, Use: "enc", Algorithm: string(jose.RSA_OAEP)},
	}}
	for i := range set.Keys {
		sum, err := set.Keys[i].Thumbprint(crypto.SHA256)
		if err != nil {
			return jose.JSONWebKeySet{}, err
		}
		set.Keys[i].KeyID = base64.RawURLEncoding.EncodeToString(sum)
	}
	return set, nil
}

// publicHalves is what a provider may know of private keys.
func publicHalves(keys []jose.JSONWebKey) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public())
	}
	return json.Marshal(set)
}

// published are the public halves by the path at which a provider finds them, none
// where nothing is encrypted.
func (h *house) published() (map[string][]byte, error) {
	all := map[string][]byte{}
	for path, keys := range map[string][]jose.JSONWebKey{"/connexion/cles": h.cfg.ProConnect.Keys, "/identification/cles": h.cfg.FranceConnect.Keys} {
		if len(keys) == 0 {
			continue
		}
		text, err := publicHalves(keys)
		if err != nil {
			return nil, err
		}
		all[path] = text
	}
	return all, nil
}
