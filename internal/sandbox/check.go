package sandbox

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Error codes of FranceConnect, observed on its published hub.
const (
	codeParam       = "Y030007" // authorization request not on the white list
	codeMissState   = "Y020021"
	codeWrongState  = "Y020022"
	codeMissCode    = "Y020025"
	codeToken       = "Y020026" // token endpoint or id_token
	codeUserinfo    = "Y020027"
	codeSub         = "Y020029" // userinfo without sub
	codeACRShape    = "Y020030" // acr missing or not alphanumeric
	codeLowACR      = "Y100001"
	codeInvalidACR  = "Y100002"
	codeAMR         = "Y100009"
	codeACR         = "Y100018" // acr not allowed to this provider
	codeAtHash      = "Y100019"
	codeIdentity    = "Y600006"
	codeRepScope    = "Y600020"
	codeCrash       = "Y000000"
	codeSession     = "Y190001"
	codeRedirect    = "Y04C013"
	codeClient      = "Y04EA6E"
	codePostLogout  = "Y030111"
	codeAgentsParam = "Y000400" // ProConnect
	codeAgentsURI   = "Y030031"
	codeAgentsRoute = "Y000404"
	codeAgentsNone  = "Y030110"
)

// expectation is what the party that made a request awaits in the id_token.
type expectation struct {
	issuer, clientID, nonce string
	alg                     jose.SignatureAlgorithm
	keys                    []jose.JSONWebKey // for ES256 and RS256
	secret                  string            // for HS256
	accessToken             string            // for at_hash
	now                     time.Time
}

var alphanumeric = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// checkIDToken applies the rules of FranceConnect's client library to an
// id_token: signature, iss, aud, azp, exp, nonce and at_hash (Y020026), then
// the shape of acr (Y020030). It is lenient where the real hub is: iat in the
// past or the future, unknown claims, no kid, aud as an array of one.
func checkIDToken(raw string, want expectation) (map[string]any, *fault) {
	claims, err := verifyJWS(raw, want)
	if err != nil {
		return nil, &fault{Code: codeToken, Reason: err.Error()}
	}
	if err := checkRegisteredClaims(claims, want); err != nil {
		return nil, &fault{Code: codeToken, Reason: err.Error()}
	}
	if acr, ok := claims["acr"].(string); !ok || !alphanumeric.MatchString(acr) {
		return nil, &fault{Code: codeACRShape, Reason: "acr absent ou non alphanumérique"}
	}
	return claims, nil
}

func checkRegisteredClaims(claims map[string]any, want expectation) error {
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat"} {
		if claims[name] == nil {
			return errors.New("id_token sans " + name)
		}
	}
	if err := checkTimesAndParties(claims, want); err != nil {
		return err
	}
	if sub, ok := claims["sub"].(string); !ok || sub == "" {
		return errors.New("sub illisible")
	}
	if _, ok := claims["iat"].(float64); !ok {
		return errors.New("iat n'est pas un nombre")
	}
	if nonce, _ := claims["nonce"].(string); nonce != want.nonce {
		return errors.New("nonce différent")
	}
	atHash, given := claims["at_hash"]
	if given && atHash != halfHash(want.accessToken) {
		return errors.New("at_hash faux")
	}
	return nil
}

// checkTimesAndParties looks at iss, aud, azp, exp and nbf where they are present.
func checkTimesAndParties(claims map[string]any, want expectation) error {
	if iss, given := claims["iss"]; given && iss != want.issuer {
		return errors.New("iss différent")
	}
	if aud, given := claims["aud"]; given {
		if err := checkAudience(aud, claims["azp"], want.clientID); err != nil {
			return err
		}
	}
	now := float64(want.now.Unix())
	if exp, given := claims["exp"]; given {
		if n, ok := exp.(float64); !ok || n <= now {
			return errors.New("jeton expiré")
		}
	}
	if nbf, given := claims["nbf"]; given {
		if n, ok := nbf.(float64); !ok || n > now {
			return errors.New("jeton pas encore valable")
		}
	}
	return nil
}

func checkAudience(aud, azp any, clientID string) error {
	if azp != nil && azp != clientID {
		return errors.New("azp différent")
	}
	list, isArray := aud.([]any)
	if !isArray {
		list = []any{aud}
	}
	if len(list) > 1 && azp == nil {
		return errors.New("plusieurs aud sans azp")
	}
	for _, one := range list {
		if one == clientID {
			return nil
		}
	}
	return errors.New("aud différent")
}

// verifyJWS checks the signature with the one algorithm expected. A kid must
// be in the set; without one every key is tried.
func verifyJWS(raw string, want expectation) (map[string]any, error) {
	obj, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{want.alg})
	if err != nil {
		return nil, errors.New("jeton illisible ou algorithme inattendu")
	}
	payload, err := verifyPayload(obj, want)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil || claims == nil {
		return nil, errors.New("le jeton ne contient pas d'objet JSON")
	}
	return claims, nil
}

func verifyPayload(obj *jose.JSONWebSignature, want expectation) ([]byte, error) {
	if want.alg == jose.HS256 {
		payload, err := obj.Verify([]byte(want.secret))
		if err != nil {
			return nil, errors.New("signature fausse")
		}
		return payload, nil
	}
	kid, known := obj.Signatures[0].Header.KeyID, false
	for _, key := range want.keys {
		if key.Use == "enc" || (kid != "" && key.KeyID != kid) {
			continue
		}
		known = true
		if payload, err := obj.Verify(key); err == nil {
			return payload, nil
		}
	}
	if !known {
		return nil, errors.New("clé inconnue")
	}
	return nil, errors.New("signature fausse")
}

// kidOf reads the key id of a token that is not verified yet, "" when it has none.
func kidOf(raw string) string {
	obj, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.HS256})
	if err != nil {
		return ""
	}
	return obj.Signatures[0].Header.KeyID
}

// checkUserinfo reads a userinfo answer. With want.alg empty plain JSON is
// expected, otherwise a signed JWT, whose iss, aud and exp are checked only
// where present. Wrong form or signature: Y020027; no sub: Y020029.
func checkUserinfo(contentType, body string, want expectation) (map[string]any, *fault) {
	claims, err := readUserinfo(contentType, body, want)
	if err != nil {
		return nil, &fault{Code: codeUserinfo, Reason: err.Error()}
	}
	if sub, ok := claims["sub"].(string); !ok || sub == "" {
		return nil, &fault{Code: codeSub, Reason: "userinfo sans sub"}
	}
	return claims, nil
}

func readUserinfo(contentType, body string, want expectation) (map[string]any, error) {
	if want.alg == "" {
		var claims map[string]any
		if err := json.Unmarshal([]byte(body), &claims); err != nil || claims == nil {
			return nil, errors.New("userinfo : JSON attendu")
		}
		return claims, nil
	}
	if !strings.HasPrefix(contentType, "application/jwt") {
		return nil, errors.New("userinfo : application/jwt attendu")
	}
	claims, err := verifyJWS(body, want)
	if err != nil {
		return nil, err
	}
	return claims, checkTimesAndParties(claims, want)
}
