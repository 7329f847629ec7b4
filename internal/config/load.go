package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"relais/internal/usager"
)

// Load reads and checks everything that `relais serve` needs. environ has the
// form of os.Environ. The error joins one Problem for each thing to repair.
func Load(environ []string) (Config, error) {
	return newSource(environ, false).load()
}

// LoadDemo is Load for `relais demo`: whatever is not set has a default (see
// the addresses in README), http is allowed on the loopback, and neither client
// identifiers nor secrets nor RELAIS_CLIENTS are demanded, since the sandbox
// provides them.
func LoadDemo(environ []string) (Config, error) {
	s := newSource(environ, true)
	s.fillDemo()
	return s.load()
}

// LoadStorage reads and checks Data and Database alone, for verbs that work
// without a server, and Journal, whose Origin may be empty. FranceConnectIDP is
// taken as it is where it is set; other variables are not looked at.
func LoadStorage(environ []string) (Config, error) {
	s := newSource(environ, false)
	c := Config{Data: s.data(), FranceConnectIDP: s.values[varIDP]}
	c.Database = s.database(c.Data)
	c.RetentionAcces, c.CoffreKey = s.retentionAcces(), s.coffreKey()
	c.Journal = s.journal()
	return done(s, c)
}

func (s *source) load() (Config, error) {
	s.checkNames()
	c := Config{Listen: "127.0.0.1:8080"}
	if s.values[varListen] != "" {
		c.Listen = s.address(varListen)
	}
	c.PublicURL = s.publicURL()
	c.Data = s.data()
	c.Database = s.database(c.Data)
	c.ProConnect = s.relyingParty(proConnect, "ProConnect")
	c.FranceConnect = s.relyingParty(franceConnect, "FranceConnect")
	s.checkCircle(c)
	c.FranceConnectIDP = s.identifier(varIDP,
		"indiquez l'identifiant sous lequel FranceConnect connaît Relais comme fournisseur d'identité, "+
			"pour qu'un usager ne puisse pas être identifié par son propre aidant")
	c.CourrielAbsent = s.courriel()
	c.TrustedProxies = s.proxies()
	c.TLSCert, c.TLSKey = s.tls()
	s.checkTransport(c)
	c.Clients = s.clients()
	c.Theme = s.theme()
	c.SessionIdle, c.SessionMax = s.sessions()
	c.Support = s.support()
	c.RetentionAcces, c.Heartbeat, c.CoffreKey = s.retentionAcces(), s.heartbeat(), s.coffreKey()
	c.Throttle = s.throttle()
	c.Journal = s.journal()
	if c.Journal.Origin == "" && c.PublicURL != nil {
		c.Journal.Origin = c.PublicURL.Host
	}
	if s.demo {
		c.Sandbox = Sandbox{s.address(varDemoAgents), s.address(varDemoFC), s.address(varDemoServices)}
	}
	return done(s, c)
}

// done gives no half-checked Config away.
func done(s *source, c Config) (Config, error) {
	if err := s.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (s *source) address(name string) string {
	value := s.get(name)
	if value == "" {
		return ""
	}
	_, port, err := net.SplitHostPort(value)
	number, errPort := strconv.Atoi(port)
	if err != nil || errPort != nil || number < 1 || number > 65535 {
		s.refuse(name, "n'est pas une adresse d'écoute", "écrivez hôte:port, par exemple 127.0.0.1:8080")
		return ""
	}
	return value
}

func (s *source) relyingParty(prefix, provider string) RelyingParty {
	party := RelyingParty{Issuer: s.issuer(prefix+suffixIssuer, provider), Keys: s.decryption(prefix + suffixKeys)}
	id, secret := prefix+suffixClientID, prefix+suffixSecret
	if !s.demo || s.values[id] != "" {
		party.ClientID = s.identifier(id, "indiquez l'identifiant que "+provider+" a donné à Relais")
	}
	if s.demo && s.values[secret] == "" {
		return party
	}
	value := s.require(secret, "indiquez le secret que "+provider+" a donné à Relais")
	if value != "" && utf8.RuneCountInString(value) < minSecret {
		s.refuse(secret, "est trop courte", fmt.Sprintf("demandez à %s un secret d'au moins %d caractères", provider, minSecret))
	}
	party.ClientSecret = Secret(value)
	return party
}

func (s *source) identifier(name, do string) string {
	value := s.require(name, do)
	if value != "" && !isIdentifier(value) {
		s.refuse(name, "contient un blanc ou un caractère hors ASCII, ou dépasse 200 caractères", "recopiez l'identifiant exactement")
		return ""
	}
	return value
}

func isIdentifier(value string) bool {
	outside := func(r rune) bool { return r < 0x21 || r > 0x7e }
	return value != "" && len(value) <= 200 && !strings.ContainsFunc(value, outside)
}

func (s *source) courriel() string {
	value := s.get(varCourriel)
	if value != "" && !usager.IsAddress(value) {
		s.refuse(varCourriel, "n'est pas une adresse électronique", "écrivez une adresse que vous relevez, sans nom autour, ou retirez la variable")
		return ""
	}
	return value
}

func (s *source) proxies() []netip.Prefix {
	value := s.get(varProxies)
	if value == "" {
		return nil
	}
	var list []netip.Prefix
	for item := range strings.SplitSeq(value, ",") {
		prefix, ok := parseProxy(item)
		if !ok {
			s.refuse(varProxies, fmt.Sprintf("contient %q, qui n'est ni une adresse ni un réseau assez précis", item),
				"séparez par des virgules, sans blanc, des adresses ou des réseaux comme 10.1.2.0/24")
			continue
		}
		list = append(list, prefix)
	}
	return list
}

// parseProxy refuses networks of more than 2^24 IPv4 addresses: to trust half
// the world is to trust any forged header.
func parseProxy(item string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(item); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == "" && !addr.Is4In6() && !addr.IsUnspecified()
	}
	prefix, err := netip.ParsePrefix(item)
	if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
		return netip.Prefix{}, false
	}
	least := 8
	if prefix.Addr().Is6() {
		least = 32
		if prefix.Addr().IsPrivate() {
			least = 8 // unique local addresses
		}
	}
	return prefix, prefix.Bits() >= least
}

func (s *source) tls() (cert, key string) {
	cert, key = s.get(varTLSCert), s.get(varTLSKey)
	if s.values[varTLSCert] == "" && s.values[varTLSKey] == "" {
		return "", ""
	}
	if s.values[varTLSCert] == "" || s.values[varTLSKey] == "" {
		s.refuse(varTLSCert, "et "+varTLSKey+" vont ensemble, et l'une manque", "indiquez les deux, ou aucune")
		return "", ""
	}
	if cert == "" || key == "" || !s.privateFile(varTLSKey, key) {
		return "", ""
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		s.refuse(varTLSCert, "et "+varTLSKey+" ne donnent pas un certificat utilisable",
			"vérifiez que les deux fichiers PEM existent, sont lisibles par Relais et vont ensemble")
		return "", ""
	}
	return cert, key
}

// checkTransport refuses an https address that nothing would serve: without a
// certificate or a declared proxy, Relais would answer in the clear.
func (s *source) checkTransport(c Config) {
	configured := s.values[varTLSCert] != "" || s.values[varTLSKey] != "" || s.values[varProxies] != ""
	if c.PublicURL == nil || c.PublicURL.Scheme != "https" || configured {
		return
	}
	s.refuse(varPublicURL, "est en https, mais rien ne dit qui chiffre",
		"indiquez "+varTLSCert+" et "+varTLSKey+", ou, derrière un serveur mandataire TLS, son adresse dans "+varProxies)
}

func (s *source) theme() string {
	value := s.get(varTheme)
	if value == "" {
		return ""
	}
	if info, err := os.Stat(value); err != nil || !info.IsDir() {
		s.refuse(varTheme, "ne désigne pas un dossier lisible", "corrigez le chemin, ou retirez la variable pour l'apparence neutre")
		return ""
	}
	return value
}

func (s *source) sessions() (idle, limit time.Duration) {
	least := time.Minute
	if s.demo {
		least = time.Second
	}
	idle = s.duration(varIdle, 15*time.Minute, least, 2*time.Hour)
	limit = s.duration(varMax, 10*time.Hour, least, 24*time.Hour)
	if idle > limit {
		s.refuse(varIdle, "dépasse "+varMax, "choisissez une inactivité plus courte que la durée totale")
	}
	return idle, limit
}

func (s *source) duration(name string, standard, least, most time.Duration) time.Duration {
	value := s.get(name)
	if value == "" {
		return standard
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > most {
		s.refuse(name, fmt.Sprintf("n'est pas une durée entre %s et %s", least, most), "écrivez par exemple "+standard.String())
		return standard
	}
	return d
}

func (s *source) support() string {
	value := s.get(varSupport)
	if utf8.RuneCountInString(value) > maxSupport {
		s.refuse(varSupport, fmt.Sprintf("dépasse %d caractères", maxSupport), "gardez un nom, un téléphone, une adresse")
		return ""
	}
	return value
}
