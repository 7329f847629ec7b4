package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The variables. Those of the demo are refused elsewhere.
const (
	varListen        = "RELAIS_LISTEN"
	varPublicURL     = "RELAIS_PUBLIC_URL"
	varDatabase      = "RELAIS_DATABASE_URL"
	varData          = "RELAIS_DATA"
	proConnect       = "RELAIS_PROCONNECT"    // _ISSUER, _CLIENT_ID, _CLIENT_SECRET
	franceConnect    = "RELAIS_FRANCECONNECT" // _ISSUER, _CLIENT_ID, _CLIENT_SECRET
	varIDP           = "RELAIS_FRANCECONNECT_IDP_ID"
	varCourriel      = "RELAIS_COURRIEL_ABSENT"
	varClients       = "RELAIS_CLIENTS"
	varProxies       = "RELAIS_TRUSTED_PROXIES"
	varTLSCert       = "RELAIS_TLS_CERT"
	varTLSKey        = "RELAIS_TLS_KEY"
	varTheme         = "RELAIS_THEME"
	varIdle          = "RELAIS_SESSION_IDLE"
	varMax           = "RELAIS_SESSION_MAX"
	varSupport       = "RELAIS_SUPPORT"
	varOrigin        = "RELAIS_JOURNAL_ORIGIN"
	varPolicy        = "RELAIS_JOURNAL_POLICY"
	varTSA           = "RELAIS_TSA_URL"
	varDemoAgents    = "RELAIS_DEMO_AGENTS"
	varDemoFC        = "RELAIS_DEMO_FRANCECONNECT"
	varDemoServices  = "RELAIS_DEMO_SERVICES"
	suffixIssuer     = "_ISSUER"
	suffixClientID   = "_CLIENT_ID"
	suffixSecret     = "_CLIENT_SECRET"
	suffixKeys       = "_DECHIFFREMENT"
	maxSupport       = 300
	minSecret        = 32 // FranceConnect's own minimum
	demoDefaultIDP   = "7b0f7c1e-relais-fictif"
	demoDefaultEmail = "sans-courriel@relais.example"
)

// source reads the variables and gathers the problems.
type source struct {
	values   map[string]string
	demo     bool
	problems []Problem
}

// newSource keeps of environ (in the form of os.Environ) what concerns us:
// RELAIS_ variables, and the two by which the PostgreSQL driver finds a host.
func newSource(environ []string, demo bool) *source {
	s := &source{values: map[string]string{}, demo: demo}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "RELAIS_") && name != "PGHOST" && name != "PGSERVICE" {
			continue
		}
		if old, twice := s.values[name]; twice && old != value {
			s.refuse(name, "est définie deux fois, avec deux valeurs", "n'en gardez qu'une")
		}
		s.values[name] = value
	}
	return s
}

func (s *source) refuse(variable, text, do string) {
	s.problems = append(s.problems, Problem{variable, text, do})
}

// err is everything that was refused, or nil.
func (s *source) err() error {
	list := make([]error, len(s.problems))
	for i, problem := range s.problems {
		list[i] = problem
	}
	return errors.Join(list...)
}

// get returns a variable, or "" when it is absent or refused. Blanks around a
// value are refused rather than cut: a secret or an address must be compared
// exactly, and the other side would not cut them.
func (s *source) get(name string) string {
	value := s.values[name]
	if strings.TrimSpace(value) != value {
		s.refuse(name, "commence ou finit par un blanc", "retirez les blancs autour de la valeur")
		return ""
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		s.refuse(name, "contient un caractère de contrôle ou n'est pas en UTF-8", "saisissez de nouveau la valeur")
		return ""
	}
	return value
}

// require is get for a variable that must be there.
func (s *source) require(name, do string) string {
	if s.values[name] == "" {
		s.refuse(name, "est absente", do)
		return ""
	}
	return s.get(name)
}

// checkNames reports the RELAIS_ variables that mean nothing: most often a typing
// error that would silently leave a setting at its default.
func (s *source) checkNames() {
	known := []string{
		varListen, varPublicURL, varDatabase, varData, varIDP, varCourriel, varClients, varProxies,
		varTLSCert, varTLSKey, varTheme, varIdle, varMax, varSupport, varRetentionAcces, varHeartbeat, varCoffreKey, varDebit, varOrigin, varPolicy, varTSA,
	}
	for _, party := range []string{proConnect, franceConnect} {
		known = append(known, party+suffixIssuer, party+suffixClientID, party+suffixSecret, party+suffixKeys)
	}
	ofDemo := []string{varDemoAgents, varDemoFC, varDemoServices}
	var unknown []string
	for name := range s.values {
		if strings.HasPrefix(name, "RELAIS_") && !slices.Contains(known, name) && !(s.demo && slices.Contains(ofDemo, name)) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		if slices.Contains(ofDemo, name) {
			s.refuse(name, "ne sert qu'à « relais demo »", "retirez-la de l'environnement du serveur")
			continue
		}
		s.refuse(name, "n'est pas une variable de Relais", "corrigez son nom ou retirez-la")
	}
}

// fillDemo sets what the demo does not ask for. Address and public URL follow
// each other, so that one variable is enough to move a busy port.
func (s *source) fillDemo() {
	s.fill(varData, "demo-data")
	s.fill(varDatabase, "sqlite:"+filepath.Join(s.values[varData], "relais.db"))
	if _, port, err := net.SplitHostPort(s.values[varListen]); err == nil {
		s.fill(varPublicURL, "http://localhost:"+port)
	}
	s.fill(varPublicURL, "http://localhost:8080")
	if _, hostPort, ok := strings.Cut(s.values[varPublicURL], "://"); ok {
		if _, port, err := net.SplitHostPort(hostPort); err == nil {
			s.fill(varListen, "127.0.0.1:"+port)
		}
	}
	s.fill(varDemoAgents, "127.0.0.1:8081")
	s.fill(varDemoFC, "127.0.0.1:8082")
	s.fill(varDemoServices, "127.0.0.1:8083")
	s.fill(proConnect+suffixIssuer, fmt.Sprintf("http://%s/api/v2", s.values[varDemoAgents]))
	s.fill(franceConnect+suffixIssuer, fmt.Sprintf("http://%s/api/v2", s.values[varDemoFC]))
	s.fill(varIDP, demoDefaultIDP)
	s.fill(varCourriel, demoDefaultEmail)
}

func (s *source) fill(name, value string) {
	if s.values[name] == "" {
		s.values[name] = value
	}
}
