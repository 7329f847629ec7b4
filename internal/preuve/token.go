package preuve

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"slices"
	"time"

	"github.com/digitorus/timestamp"
)

// maxToken bounds an RFC 3161 response.
const maxToken = 256 << 10

// Token is what a time authority said.
type Token struct {
	Time      time.Time // zero without a token
	Authority string    // subject of the certificate that signed
	Nonce     *big.Int
	Until     time.Time // end of that certificate
}

// ReadToken checks an RFC 3161 response over data: its signature by a
// certificate that it carries and that may stamp, and the SHA-256 of data. It
// does not say whether that certificate deserves trust.
func ReadToken(response, data []byte) (t Token, err error) {
	defer func() {
		if recover() != nil { // the parser of a hostile token
			err = refuse("jeton d’horodatage illisible")
		}
	}()
	if len(response) > maxToken {
		return t, refuse("jeton d’horodatage de %d octets", len(response))
	}
	ts, err := timestamp.ParseResponse(response)
	if err != nil {
		return t, refuse("jeton d’horodatage: %v", err)
	}
	sum := sha256.Sum256(data)
	if ts.HashAlgorithm != crypto.SHA256 || !bytes.Equal(ts.HashedMessage, sum[:]) {
		return t, refuse("le jeton d’horodatage est d’un autre document")
	}
	at := slices.IndexFunc(ts.Certificates, func(c *x509.Certificate) bool {
		return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageTimeStamping)
	})
	if at < 0 {
		return t, refuse("le jeton d’horodatage ne porte pas le certificat d’une autorité")
	}
	return Token{Time: ts.Time.UTC(), Authority: ts.Certificates[at].Subject.String(), Nonce: ts.Nonce, Until: ts.Certificates[at].NotAfter.UTC()}, nil
}
