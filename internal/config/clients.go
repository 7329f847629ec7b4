package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"relais/internal/usager"
)

const maxClientsFile = 1 << 20

// clients reads the file RELAIS_CLIENTS, a JSON array.
func (s *source) clients() []Client {
	if s.demo && s.values[varClients] == "" {
		return nil
	}
	path := s.require(varClients, "indiquez le fichier JSON des clients de Relais (voir la documentation d'installation)")
	if path == "" || !s.privateFile(varClients, path) {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) > maxClientsFile {
		s.refuse(varClients, "désigne un fichier illisible ou trop grand", "vérifiez les droits et le contenu du fichier")
		return nil
	}
	list, err := parseClients(text)
	if err != nil {
		s.refuse(varClients, "est mal formé : "+err.Error(), "corrigez le fichier : un tableau JSON de clients, aux noms de la RFC 7591")
		return nil
	}
	if len(list) == 0 {
		s.refuse(varClients, "ne contient aucun client", "déclarez au moins un client")
	}
	seen := map[string]bool{}
	for i, client := range list {
		list[i] = client.withDefaults()
		name := fmt.Sprintf("client n° %d", i+1)
		if isIdentifier(client.ClientID) {
			name = fmt.Sprintf("client %q", client.ClientID)
		}
		if seen[client.ClientID] {
			s.refuse(varClients, name+" : client_id déjà déclaré", "donnez à chaque client son client_id")
		}
		seen[client.ClientID] = true
		s.checkClient(name, list[i])
	}
	for _, client := range list {
		for _, id := range client.Introspection {
			if !seen[id] {
				s.refuse(varClients, fmt.Sprintf("client %q : relais_introspection nomme un client qui n'est pas déclaré", client.ClientID), "corrigez le client_id, ou retirez-le")
			}
		}
	}
	return list
}

// parseClients is strict where encoding/json is not: names in their exact case,
// none twice, nothing after the array. Its errors quote names, never values.
func parseClients(text []byte) ([]Client, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("le texte n'est pas en UTF-8")
	}
	var objects []json.RawMessage
	if err := json.Unmarshal(text, &objects); err != nil {
		return nil, jsonError(err)
	}
	known := clientNames()
	list := make([]Client, len(objects))
	for i, object := range objects {
		names, err := objectNames(object)
		if err != nil {
			return nil, fmt.Errorf("client n° %d : %w", i+1, err)
		}
		for j, name := range names {
			if !slices.Contains(known, name) {
				return nil, fmt.Errorf("client n° %d : champ inconnu %.40q", i+1, name)
			}
			if slices.Contains(names[:j], name) {
				return nil, fmt.Errorf("client n° %d : champ répété %q", i+1, name)
			}
		}
		if err := json.Unmarshal(object, &list[i]); err != nil {
			return nil, fmt.Errorf("client n° %d : %w", i+1, jsonError(err))
		}
	}
	return list, nil
}

// jsonError keeps of a JSON error its place, not the text around it.
func jsonError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("le champ %q n'est pas du bon type (position %d)", wrong.Field, wrong.Offset)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("JSON invalide (position %d)", syntax.Offset)
	}
	return errors.New("JSON invalide")
}

// clientNames lists the JSON names of Client, so that struct and check agree.
func clientNames() []string {
	var names []string
	for field := range reflect.TypeFor[Client]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// objectNames returns the names of one JSON object in order, repeated or not.
func objectNames(object []byte) ([]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("ce n'est pas un objet JSON")
	}
	var names []string
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, jsonError(err)
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("ce n'est pas un objet JSON")
		}
		names = append(names, name)
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil && !errors.Is(err, io.EOF) {
			return nil, jsonError(err)
		}
	}
	return names, nil
}

// checkClient reports what is wrong with one client, defaults filled.
func (s *source) checkClient(name string, c Client) {
	refuse := func(text, do string) { s.refuse(varClients, name+" : "+text, do) }
	if !isIdentifier(c.ClientID) {
		refuse("client_id absent, trop long, ou avec un blanc ou un caractère hors ASCII", "donnez un client_id de 1 à 200 caractères ASCII")
	}
	if strings.TrimSpace(c.ClientName) != c.ClientName || c.ClientName == "" || utf8.RuneCountInString(c.ClientName) > 200 ||
		strings.ContainsFunc(c.ClientName, unicode.IsControl) {
		refuse("client_name absent, trop long ou avec des blancs autour", "donnez le nom que l'aidant doit lire")
	}
	s.checkRedirects(c, refuse)
	if !slices.Equal(c.GrantTypes, []string{"authorization_code"}) || !slices.Equal(c.ResponseTypes, []string{"code"}) {
		refuse("grant_types ou response_types inconnus", `gardez ["authorization_code"] et ["code"], ou retirez ces champs`)
	}
	scopes := strings.Split(c.Scope, " ")
	if !slices.Contains(scopes, "openid") || slices.ContainsFunc(scopes, func(scope string) bool { return !isIdentifier(scope) }) {
		refuse("scope ne contient pas openid, ou est mal formé", "séparez les portées par un seul blanc, openid comprise")
	}
	if c.SubjectType != "pairwise" {
		refuse("subject_type n'est pas pairwise", "retirez ce champ : Relais donne à chaque client un identifiant propre")
	}
	for _, contact := range c.Contacts {
		if !usager.IsAddress(contact) {
			refuse("contacts contient autre chose qu'une adresse électronique", "corrigez l'adresse")
		}
	}
	checkProfile(c, refuse)
	checkAuthentication(c, refuse)
	checkAlgorithms(c, refuse)
	s.checkKeys(c, refuse)
}

func (s *source) checkRedirects(c Client, refuse func(text, do string)) {
	if len(c.RedirectURIs) == 0 {
		refuse("redirect_uris est vide", "déclarez l'adresse de retour exacte du client")
	}
	check := func(field string, list []string) {
		for i, uri := range list {
			if !s.isRedirect(uri) {
				refuse(fmt.Sprintf("%s n° %d n'est pas une adresse https complète", field, i+1),
					"écrivez une adresse https absolue, sans fragment, ni identifiant, ni astérisque")
			}
			if slices.Contains(list[:i], uri) {
				refuse(fmt.Sprintf("%s n° %d est répétée", field, i+1), "retirez la répétition")
			}
		}
	}
	check("redirect_uris", c.RedirectURIs)
	check("post_logout_redirect_uris", c.PostLogoutRedirectURIs)
}

func checkProfile(c Client, refuse func(text, do string)) {
	if !slices.Contains([]string{ProfileFranceConnect, ProfileStandard, ProfileStrict}, c.Profile) {
		refuse("relais_profile absent ou inconnu", "écrivez franceconnect pour FranceConnect, standard ou strict pour tout autre client")
	}
	if c.Profile == ProfileStrict && (c.TokenEndpointAuthMethod != AuthPrivateKey || c.PKCE != PKCERequired ||
		c.IDTokenSignedResponseAlg != "ES256" || (c.UserinfoSignedResponseAlg != "" && c.UserinfoSignedResponseAlg != "ES256")) {
		refuse("relais_profile vaut strict, sans private_key_jwt, PKCE ou ES256", "écrivez private_key_jwt, ES256 et relais_pkce required, ou prenez le profil standard")
	}
	if c.PKCE != PKCERequired && c.PKCE != PKCEOptional {
		refuse("relais_pkce inconnu", "écrivez required ou optional")
	}
	if c.Nonce != NonceRequired && c.Nonce != NonceOptional {
		refuse("relais_nonce inconnu", "écrivez required ou optional")
	}
	if c.Profile == ProfileFranceConnect && c.PKCE == PKCERequired {
		refuse("relais_pkce vaut required, or FranceConnect n'envoie pas de PKCE", "écrivez optional, ou retirez ce champ")
	}
}

func checkAuthentication(c Client, refuse func(text, do string)) {
	needsSecret := c.IDTokenSignedResponseAlg == "HS256" || c.UserinfoSignedResponseAlg == "HS256"
	switch c.TokenEndpointAuthMethod {
	case AuthPost, AuthBasic:
		needsSecret = true
	case AuthPrivateKey:
		if len(c.JWKS) == 0 && c.JWKSURI == "" {
			refuse("private_key_jwt sans clé", "ajoutez les clés publiques du client dans jwks, ou leur adresse dans jwks_uri")
		}
	default:
		refuse("token_endpoint_auth_method inconnu", "écrivez client_secret_post, client_secret_basic ou private_key_jwt")
	}
	secret := c.ClientSecret.Reveal()
	if needsSecret && utf8.RuneCountInString(secret) < minSecret {
		refuse("client_secret absent ou trop court", fmt.Sprintf("tirez au hasard un secret d'au moins %d caractères", minSecret))
	}
	if strings.TrimSpace(secret) != secret || strings.ContainsFunc(secret, unicode.IsControl) {
		refuse("client_secret contient des blancs autour ou un caractère de contrôle", "tirez un autre secret")
	}
	if c.TokenEndpointAuthMethod == AuthPrivateKey && !needsSecret && secret != "" {
		refuse("client_secret ne sert à rien avec private_key_jwt", "retirez-le du fichier")
	}
}

func checkAlgorithms(c Client, refuse func(text, do string)) {
	signatures := []string{"ES256", "RS256", "HS256"}
	if !slices.Contains(signatures, c.IDTokenSignedResponseAlg) {
		refuse("id_token_signed_response_alg inconnu", "écrivez ES256, RS256 ou HS256")
	}
	if c.UserinfoSignedResponseAlg != "" && !slices.Contains(signatures, c.UserinfoSignedResponseAlg) {
		refuse("userinfo_signed_response_alg inconnu", "écrivez ES256, RS256 ou HS256, ou retirez ce champ pour du JSON simple")
	}
	for _, one := range []struct{ name, alg, enc string }{
		{"id_token", c.IDTokenEncryptedResponseAlg, c.IDTokenEncryptedResponseEnc},
		{"userinfo", c.UserinfoEncryptedResponseAlg, c.UserinfoEncryptedResponseEnc},
	} {
		if one.alg == "" && one.enc == "" {
			continue
		}
		if !slices.Contains([]string{"ECDH-ES", "RSA-OAEP-256", "RSA-OAEP"}, one.alg) || one.enc != "A256GCM" {
			refuse(one.name+"_encrypted_response_alg ou _enc inconnu", "écrivez ECDH-ES, RSA-OAEP-256 ou RSA-OAEP, avec A256GCM")
		}
		if len(c.JWKS) == 0 && c.JWKSURI == "" {
			refuse(one.name+" chiffré sans clé", "ajoutez les clés publiques du client dans jwks, ou leur adresse dans jwks_uri")
		}
	}
	if c.UserinfoEncryptedResponseAlg != "" && c.UserinfoSignedResponseAlg == "" {
		refuse("userinfo chiffré mais non signé", "ajoutez userinfo_signed_response_alg")
	}
}

// checkKeys wants public keys only: a private key in this file is a leak.
func (s *source) checkKeys(c Client, refuse func(text, do string)) {
	if len(c.JWKS) > 0 && c.JWKSURI != "" {
		refuse("jwks et jwks_uri à la fois", "gardez l'un des deux (RFC 7591 §2)")
	}
	if c.JWKSURI != "" && !s.isRedirect(c.JWKSURI) {
		refuse("jwks_uri n'est pas une adresse https complète", "écrivez une adresse https absolue")
	}
	if len(c.JWKS) == 0 {
		return
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(c.JWKS, &set); err != nil || len(set.Keys) == 0 {
		refuse("jwks illisible ou vide", `écrivez {"keys": […]} avec au moins une clé publique`)
		return
	}
	for _, key := range set.Keys {
		if !key.Valid() || !key.IsPublic() {
			refuse("jwks contient autre chose qu'une clé publique", "n'y laissez que des clés publiques RSA ou EC ; "+
				"remplacez toute clé privée qui s'y trouvait")
			return
		}
	}
}
