package facteur

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
)

// The three kinds of public keys that are taken, as a COSE_Key (RFC 9052 §7) in
// CTAP2's canonical form, which has one spelling for one key: whoever re-checks
// evidence need not read CBOR, and no byte of a key is without meaning.
var (
	es256Head = []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}       // EC2, ES256, P-256, x
	es256Mid  = []byte{0x22, 0x58, 0x20}                                                 // y
	eddsaHead = []byte{0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20}       // OKP, EdDSA, Ed25519, x
	rs256Head = []byte{0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, 0x01, 0x00} // RSA, RS256, 256 bytes of n
	rs256Tail = []byte{0x21, 0x43, 0x01, 0x00, 0x01}                                     // e = 65537
)

// Algorithms are the COSE numbers of what [PublicKey] reads, the best first:
// ES256, EdDSA, RS256 (the last for Windows' older TPMs).
func Algorithms() []int64 { return []int64{-7, -8, -257} }

// PublicKey reads a public key. Errors wrap ErrAlgorithm.
func PublicKey(cose []byte) (crypto.PublicKey, error) {
	if rest, ok := bytes.CutPrefix(cose, es256Head); ok && len(rest) == 32+len(es256Mid)+32 && bytes.Equal(rest[32:32+len(es256Mid)], es256Mid) {
		point := append(append([]byte{4}, rest[:32]...), rest[32+len(es256Mid):]...)
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAlgorithm, err)
		}
		return key, nil
	}
	if rest, ok := bytes.CutPrefix(cose, eddsaHead); ok && len(rest) == ed25519.PublicKeySize {
		return ed25519.PublicKey(rest), nil
	}
	if rest, ok := bytes.CutPrefix(cose, rs256Head); ok && len(rest) == 256+len(rs256Tail) && bytes.Equal(rest[256:], rs256Tail) && rest[0]&0x80 != 0 {
		return &rsa.PublicKey{N: new(big.Int).SetBytes(rest[:256]), E: 65537}, nil
	}
	return nil, ErrAlgorithm
}

// verifies tells whether a signature is the key's.
func verifies(key crypto.PublicKey, message, signature []byte) bool {
	sum := sha256.Sum256(message)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], signature)
	case ed25519.PublicKey:
		return ed25519.Verify(k, message, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}
