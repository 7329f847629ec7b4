package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"relais/internal/config"
)

const (
	secretPC = "proconnect-secret-0123456789-abcdef"
	secretFC = "franceconnect-secret-0123456789-abc"
)

const goodClient = `[{"client_id":"hub","client_secret":"client-secret-0123456789-abcdefgh","client_name":"FranceConnect",
"redirect_uris":["https://hub.example/cb"],"post_logout_redirect_uris":["https://hub.example/out"],"scope":"openid profile",
"token_endpoint_auth_method":"client_secret_post","id_token_signed_response_alg":"ES256","userinfo_signed_response_alg":"ES256",
"relais_profile":"franceconnect"}]`

// good is an environment that Load accepts.
func good(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"RELAIS_LISTEN":                      "127.0.0.1:9000",
		"RELAIS_PUBLIC_URL":                  "https://relais.example",
		"RELAIS_DATABASE_URL":                "sqlite:" + filepath.Join(data, "relais.db"),
		"RELAIS_DATA":                        data,
		"RELAIS_PROCONNECT_ISSUER":           "https://proconnect.example/api/v2",
		"RELAIS_PROCONNECT_CLIENT_ID":        "relais-pc",
		"RELAIS_PROCONNECT_CLIENT_SECRET":    secretPC,
		"RELAIS_FRANCECONNECT_ISSUER":        "https://franceconnect.example/api/v2",
		"RELAIS_FRANCECONNECT_CLIENT_ID":     "relais-fc",
		"RELAIS_FRANCECONNECT_CLIENT_SECRET": secretFC,
		"RELAIS_FRANCECONNECT_IDP_ID":        "relais-idp",
		"RELAIS_CLIENTS":                     write(t, dir, "clients.json", goodClient, 0o600),
		"RELAIS_TRUSTED_PROXIES":             "10.0.0.0/8,192.0.2.7,fd00::/8",
		"PATH":                               "/bin",
	}
}

func write(t *testing.T, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func environ(values map[string]string) []string {
	var list []string
	for name, value := range values {
		list = append(list, name+"="+value)
	}
	return list
}

func TestLoadGood(t *testing.T) {
	c, err := config.Load(environ(good(t)))
	if err != nil {
		t.Fatal(err)
	}
	if c.PublicURL.String() != "https://relais.example" || c.Listen != "127.0.0.1:9000" || c.Database.Engine != config.SQLite {
		t.Errorf("Load = %+v", c)
	}
	if c.ProConnect.ClientSecret.Reveal() != secretPC || c.FranceConnect.ClientSecret.Reveal() != secretFC {
		t.Error("the secrets are not those of the environment")
	}
	if c.SessionIdle != 15*time.Minute || c.SessionMax != 10*time.Hour || len(c.TrustedProxies) != 3 || c.Sandbox != (config.Sandbox{}) {
		t.Errorf("defaults: %+v", c)
	}
	client := c.Clients[0]
	if client.PKCE != config.PKCEOptional || client.SubjectType != "pairwise" || !slices.Equal(client.ResponseTypes, []string{"code"}) {
		t.Errorf("client defaults: %+v", client)
	}
}

// vary applies changes ("-" removes) and returns what one loader says.
func vary(t *testing.T, load func([]string) (config.Config, error), base, changes map[string]string) []config.Problem {
	t.Helper()
	values := maps.Clone(base)
	for name, value := range changes {
		values[name] = value
		if value == "-" {
			delete(values, name)
		}
	}
	_, err := load(environ(values))
	problems := config.Problems(err)
	if (err == nil) != (len(problems) == 0) {
		t.Fatalf("an error without problem: %v", err)
	}
	for _, p := range problems {
		if p.Text == "" || p.Do == "" || !strings.HasPrefix(p.Error(), p.Variable+" ") {
			t.Errorf("incomplete problem: %#v", p)
		}
	}
	return problems
}

func TestLoadAccepts(t *testing.T) {
	base := good(t)
	for name, changes := range map[string]map[string]string{
		"default listen":      {"RELAIS_LISTEN": "-"},
		"empty is absent":     {"RELAIS_LISTEN": "", "RELAIS_THEME": ""},
		"every interface":     {"RELAIS_LISTEN": ":8080"},
		"a port":              {"RELAIS_PUBLIC_URL": "https://relais.example:8443"},
		"data to be made":     {"RELAIS_DATA": filepath.Join(t.TempDir(), "new", "deep")},
		"both to be made":     {"RELAIS_DATA": "absent-data", "RELAIS_DATABASE_URL": "sqlite:./absent-data/x.db"},
		"e-mail":              {"RELAIS_COURRIEL_ABSENT": "sans.courriel@relais.example"},
		"durations":           {"RELAIS_SESSION_IDLE": "30m", "RELAIS_SESSION_MAX": "8h"},
		"support":             {"RELAIS_SUPPORT": "Votre référent, 01 02 03 04 05"},
		"theme":               {"RELAIS_THEME": t.TempDir()},
		"postgres verified":   {"RELAIS_DATABASE_URL": "postgres://u:p@db.example/relais?sslmode=verify-full"},
		"postgres verify-ca":  {"RELAIS_DATABASE_URL": "postgresql://u:p@db.example/relais?sslmode=verify-ca"},
		"postgres here":       {"RELAIS_DATABASE_URL": "postgres://u:p@127.0.0.1:5432/relais?sslmode=disable"},
		"postgres localhost":  {"RELAIS_DATABASE_URL": "postgres://u:p@localhost/relais"},
		"postgres IPv6":       {"RELAIS_DATABASE_URL": "postgres://u:p@[::1]/relais?sslmode=disable"},
		"postgres socket":     {"RELAIS_DATABASE_URL": "postgres:///relais?host=/var/run/postgresql"},
		"postgres env socket": {"RELAIS_DATABASE_URL": "postgres:///relais", "PGHOST": "/run/pg"},
	} {
		if problems := vary(t, config.Load, base, changes); len(problems) != 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	base := good(t)
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.MkdirAll(open, 0o755); err != nil {
		t.Fatal(err)
	}
	file := write(t, dir, "file", "x", 0o600)
	readable := write(t, dir, "readable.json", goodClient, 0o644)
	plainWitness := write(t, dir, "policy", "witness t temoin.example+b5d3f1a0+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA http://temoin.example\nquorum t\n", 0o600)
	long := strings.Repeat("x", 301)
	for _, test := range []struct{ variable, value, says string }{
		{"RELAIS_LISTEN", "8080", "adresse d'écoute"},
		{"RELAIS_LISTEN", "127.0.0.1:0", "adresse d'écoute"},
		{"RELAIS_LISTEN", "127.0.0.1:http", "adresse d'écoute"},
		{"RELAIS_LISTEN", " 127.0.0.1:80", "blanc"},
		{"RELAIS_JOURNAL_ORIGIN", "relais+2", "nom de journal"},
		{"RELAIS_JOURNAL_ORIGIN", "relais/epoque-2", "nom de journal"},
		{"RELAIS_JOURNAL_POLICY", filepath.Join(dir, "absent"), "lisible"},
		{"RELAIS_JOURNAL_POLICY", file, "politique de témoins"},
		{"RELAIS_JOURNAL_POLICY", plainWitness, "https"},
		{"RELAIS_TSA_URL", "tsa.example", "horodatage"},
		{"RELAIS_TSA_URL", "ftp://tsa.example", "horodatage"},
		{"RELAIS_TSA_URL", "https://a:b@tsa.example", "horodatage"},
		{"RELAIS_PUBLIC_URL", "-", "absente"},
		{"RELAIS_PUBLIC_URL", "http://relais.example", "https"},
		{"RELAIS_PUBLIC_URL", "http://localhost:8080", "https"},
		{"RELAIS_PUBLIC_URL", "relais.example", "adresse"},
		{"RELAIS_PUBLIC_URL", "https://relais.example/", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://relais.example/relais", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://relais.example?", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://relais.example?a=b", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://relais.example#x", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://u:p@relais.example", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://Relais.example", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://relais.example:443", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://relais.example:", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://:443", "autre chose"},
		{"RELAIS_PUBLIC_URL", "https://relais.example\n", "blanc"},
		{"RELAIS_DATA", "-", "absente"},
		{"RELAIS_DATA", open, "chmod 700"},
		{"RELAIS_DATA", file, "dossier"},
		{"RELAIS_DATA", filepath.Join(file, "x"), "dossier"},
		{"RELAIS_DATABASE_URL", "-", "absente"},
		{"RELAIS_DATABASE_URL", "mysql://x", "ne commence"},
		{"RELAIS_DATABASE_URL", "sqlite:", "chemin"},
		{"RELAIS_DATABASE_URL", "sqlite::memory:", "chemin"},
		{"RELAIS_DATABASE_URL", "sqlite:" + dir, "autre chose qu'un fichier"},
		{"RELAIS_DATABASE_URL", "sqlite:" + filepath.Join(open, "r.db"), "chmod 700"},
		{"RELAIS_DATABASE_URL", "sqlite:" + filepath.Join(dir, "absent", "r.db"), "n'existe pas"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@db.example/relais", "verify-full"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@db.example/relais?sslmode=disable", "verify-full"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@db.example/relais?sslmode=require", "verify-full"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@localhost/relais?host=db.example", "verify-full"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@localhost,db.example/relais", "verify-full"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@localhost.evil/relais", "verify-full"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@x/relais?sslmode=verify-full&sslmode=disable", "répète"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@localhost/relais?service=x", "service"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@localhost", "nom d'une base"},
		{"RELAIS_DATABASE_URL", "postgres://u:hunter2@local host/relais", "PostgreSQL"},
		{"RELAIS_PROCONNECT_ISSUER", "-", "absente"},
		{"RELAIS_PROCONNECT_ISSUER", "http://127.0.0.1:8081/api/v2", "https"},
		{"RELAIS_PROCONNECT_ISSUER", "https://pc.example/?x", "émetteur"},
		{"RELAIS_PROCONNECT_ISSUER", "https://relais.example/api", "Relais lui-même"},
		{"RELAIS_FRANCECONNECT_ISSUER", "https://relais.example", "Relais lui-même"},
		{"RELAIS_PROCONNECT_CLIENT_ID", "-", "absente"},
		{"RELAIS_PROCONNECT_CLIENT_ID", "a b", "blanc"},
		{"RELAIS_PROCONNECT_CLIENT_SECRET", "-", "absente"},
		{"RELAIS_PROCONNECT_CLIENT_SECRET", "hunter2", "trop courte"},
		{"RELAIS_FRANCECONNECT_CLIENT_SECRET", secretFC + " ", "blanc"},
		{"RELAIS_FRANCECONNECT_IDP_ID", "-", "absente"},
		{"RELAIS_COURRIEL_ABSENT", "personne", "adresse électronique"},
		{"RELAIS_COURRIEL_ABSENT", "a@localhost", "adresse électronique"},
		{"RELAIS_COURRIEL_ABSENT", "Nom <a@b.example>", "adresse électronique"},
		{"RELAIS_COURRIEL_ABSENT", "a@b..example", "adresse électronique"},
		{"RELAIS_TRUSTED_PROXIES", "-", "rien ne dit qui chiffre"},
		{"RELAIS_TRUSTED_PROXIES", "0.0.0.0/0", "assez précis"},
		{"RELAIS_TRUSTED_PROXIES", "10.0.0.1/8", "assez précis"},
		{"RELAIS_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2", "assez précis"},
		{"RELAIS_TRUSTED_PROXIES", "proxy", "assez précis"},
		{"RELAIS_TLS_CERT", file, "vont ensemble"},
		{"RELAIS_TLS_KEY", file, "vont ensemble"},
		{"RELAIS_THEME", filepath.Join(dir, "absent"), "dossier"},
		{"RELAIS_THEME", file, "dossier"},
		{"RELAIS_SESSION_IDLE", "1s", "durée"},
		{"RELAIS_SESSION_IDLE", "900", "durée"},
		{"RELAIS_SESSION_MAX", "48h", "durée"},
		{"RELAIS_SESSION_MAX", "5m", "dépasse"},
		{"RELAIS_SUPPORT", long, "dépasse"},
		{"RELAIS_SUPPORT", "a\x07b", "contrôle"},
		{"RELAIS_CLIENTS", "-", "absente"},
		{"RELAIS_CLIENTS", filepath.Join(dir, "absent"), "fichier"},
		{"RELAIS_CLIENTS", readable, "chmod 600"},
		{"RELAIS_LISTE", "x", "n'est pas une variable"},
		{"RELAIS_DEMO_AGENTS", "127.0.0.1:1", "relais demo"},
	} {
		problems := vary(t, config.Load, base, map[string]string{test.variable: test.value})
		if len(problems) == 0 {
			t.Errorf("%s=%q accepted", test.variable, test.value)
			continue
		}
		text := ""
		for _, p := range problems {
			text += p.Error() + "\n"
		}
		if len(problems) != 1 || !strings.Contains(text, test.says) {
			t.Errorf("%s=%q: %swant one problem saying %q", test.variable, test.value, text, test.says)
		}
		if strings.Contains(text, "hunter2") || strings.Contains(text, secretFC) {
			t.Errorf("%s: the problem shows a secret: %s", test.variable, text)
		}
	}
}

func TestEnvironmentOfTheDriverCounts(t *testing.T) {
	base := good(t)
	base["RELAIS_DATABASE_URL"] = "postgres:///relais"
	for _, name := range []string{"PGHOST", "PGSERVICE"} {
		if problems := vary(t, config.Load, base, map[string]string{name: "db.example"}); len(problems) != 1 {
			t.Errorf("%s to a far host: %v", name, problems)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := config.Load([]string{"RELAIS_TYPO=1", "RELAIS_SESSION_IDLE=x"})
	found := map[string]bool{}
	for _, p := range config.Problems(err) {
		found[p.Variable] = true
	}
	for _, name := range []string{
		"RELAIS_TYPO", "RELAIS_SESSION_IDLE", "RELAIS_PUBLIC_URL", "RELAIS_DATABASE_URL", "RELAIS_DATA", "RELAIS_CLIENTS",
		"RELAIS_PROCONNECT_ISSUER", "RELAIS_PROCONNECT_CLIENT_ID", "RELAIS_PROCONNECT_CLIENT_SECRET",
		"RELAIS_FRANCECONNECT_ISSUER", "RELAIS_FRANCECONNECT_CLIENT_ID", "RELAIS_FRANCECONNECT_CLIENT_SECRET",
		"RELAIS_FRANCECONNECT_IDP_ID",
	} {
		if !found[name] {
			t.Errorf("%s is not among the problems: %v", name, err)
		}
	}
	_, err = config.Load([]string{"RELAIS_LISTEN=a:1", "RELAIS_LISTEN=b:2"})
	if err == nil || !strings.Contains(err.Error(), "deux fois") {
		t.Errorf("a variable set twice: %v", err)
	}
}
