package facteur

import (
	"bytes"
	"fmt"
	"image/png"

	"github.com/pquerna/otp"
)

// qrSize is the picture's side in pixels.
const qrSize = 240

// QR is the picture of [Enrolment], as PNG.
func QR(secret []byte, account, issuer string) ([]byte, error) {
	key, err := otp.NewKeyFromURL(Enrolment(secret, account, issuer))
	if err != nil {
		return nil, fmt.Errorf("code de l’application: %w", err)
	}
	picture, err := key.Image(qrSize, qrSize)
	if err != nil {
		return nil, fmt.Errorf("code de l’application: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("code de l’application: %w", err)
	}
	return out.Bytes(), nil
}
