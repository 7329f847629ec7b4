package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// publicURL reads the origin. It must be canonical, because it is compared byte
// for byte as our issuer, and browsers send the canonical form as Origin.
func (s *source) publicURL() *url.URL {
	value := s.require(varPublicURL, "indiquez l'adresse publique de Relais, par exemple https://relais.departement.fr")
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		s.refuse(varPublicURL, "n'est pas une adresse", "écrivez par exemple https://relais.departement.fr")
		return nil
	}
	if !s.transportAllowed(u) {
		s.refuse(varPublicURL, "n'est pas en https", "servez Relais en https ; http n'est permis qu'à « relais demo », sur localhost")
		return nil
	}
	canonical := u.Scheme + "://" + strings.ToLower(u.Host)
	port := u.Port()
	defaultPort := u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80"
	if value != canonical || u.Hostname() == "" || defaultPort || strings.HasSuffix(u.Host, ":") {
		s.refuse(varPublicURL, "contient autre chose que https:// et un nom d'hôte en minuscules",
			"retirez le chemin, la barre finale, les paramètres, l'identifiant et le port habituel")
		return nil
	}
	return u
}

func (s *source) issuer(name, provider string) string {
	value := s.require(name, "indiquez l'émetteur (issuer) de "+provider+", tel qu'il figure dans son document de découverte")
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(value, "?#") {
		s.refuse(name, "n'est pas une adresse d'émetteur", "écrivez une adresse https sans paramètre, ni fragment, ni identifiant")
		return ""
	}
	if !s.transportAllowed(u) {
		s.refuse(name, "n'est pas en https", "indiquez l'adresse https de "+provider)
		return ""
	}
	return value
}

// checkCircle refuses to be our own identity provider.
func (s *source) checkCircle(c Config) {
	if c.PublicURL == nil {
		return
	}
	check := func(prefix, issuer string) {
		if u, err := url.Parse(issuer); err == nil && issuer != "" && strings.EqualFold(u.Host, c.PublicURL.Host) {
			s.refuse(prefix+suffixIssuer, "désigne Relais lui-même", "indiquez l'émetteur d'un autre fournisseur d'identité")
		}
	}
	check(proConnect, c.ProConnect.Issuer)
	check(franceConnect, c.FranceConnect.Issuer)
}

// transportAllowed is https, and in the demo http to this machine.
func (s *source) transportAllowed(u *url.URL) bool {
	return u.Scheme == "https" || s.demo && u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// isRedirect tells whether a browser may be sent there: absolute, without
// fragment, user or wildcard (RFC 6749 §3.1.2, RFC 9700 §2.1).
func (s *source) isRedirect(value string) bool {
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return false
	}
	strange := func(r rune) bool { return r <= 0x20 || r > 0x7e }
	if strings.ContainsAny(value, "#*\\") || strings.ContainsFunc(value, strange) {
		return false
	}
	return s.transportAllowed(u)
}
