package config_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"relais/internal/config"
)

func TestLoadDemo(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := config.LoadDemo(nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]string{
		"public URL": {c.PublicURL.String(), "http://localhost:8080"},
		"listen":     {c.Listen, "127.0.0.1:8080"},
		"data":       {c.Data, "demo-data"},
		"database":   {c.Database.Path, "demo-data/relais.db"},
		"agents":     {c.ProConnect.Issuer, "http://127.0.0.1:8081/api/v2"},
		"hub":        {c.FranceConnect.Issuer, "http://127.0.0.1:8082/api/v2"},
		"services":   {c.Sandbox.Services, "127.0.0.1:8083"},
		"idp":        {c.FranceConnectIDP, "7b0f7c1e-relais-fictif"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %q, want %q", what, pair[0], pair[1])
		}
	}
	if err := c.MakeData(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat("demo-data"); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data folder: %v, %v", info, err)
	}
	if _, err := config.LoadDemo(nil); err != nil {
		t.Errorf("second start: %v", err)
	}
}

func TestLoadDemoMoves(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := config.LoadDemo([]string{
		"RELAIS_LISTEN=127.0.0.1:9080", "RELAIS_DEMO_FRANCECONNECT=127.0.0.1:9082",
		"RELAIS_DATA=elsewhere", "RELAIS_SESSION_IDLE=3s",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.PublicURL.String() != "http://localhost:9080" || c.FranceConnect.Issuer != "http://127.0.0.1:9082/api/v2" || c.Database.Path != "elsewhere/relais.db" {
		t.Errorf("LoadDemo = %+v", c)
	}
	c, err = config.LoadDemo([]string{"RELAIS_PUBLIC_URL=http://127.0.0.1:7000"})
	if err != nil || c.Listen != "127.0.0.1:7000" {
		t.Errorf("LoadDemo = %+v, %v", c, err)
	}
	for _, entry := range []string{
		"RELAIS_PUBLIC_URL=http://relais.example", "RELAIS_FRANCECONNECT_ISSUER=http://hub.example", "RELAIS_DEMO_AGENTS=8081",
		"RELAIS_PROCONNECT_CLIENT_SECRET=court", "RELAIS_TYPO=1",
	} {
		if _, err := config.LoadDemo([]string{entry}); err == nil {
			t.Errorf("%s accepted", entry)
		}
	}
}

func TestLoadStorage(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	c, err := config.LoadStorage([]string{"RELAIS_DATA=" + data, "RELAIS_DATABASE_URL=postgres:///relais", "RELAIS_TYPO=1"})
	if err != nil || c.Data != data || c.Database.URL.Reveal() != "postgres:///relais" {
		t.Errorf("LoadStorage = %+v, %v", c, err)
	}
	_, err = config.LoadStorage(nil)
	if len(config.Problems(err)) != 2 {
		t.Errorf("LoadStorage of nothing: %v, want two problems", err)
	}
}

func TestTLSFiles(t *testing.T) {
	base := good(t)
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := write(t, dir, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644)
	keyText := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	private, open := write(t, dir, "key.pem", keyText, 0o640), write(t, dir, "open.pem", keyText, 0o644)
	for _, test := range []struct {
		cert, key string
		says      string
	}{
		{cert, private, ""}, {cert, open, "chmod 600"}, {private, private, "certificat utilisable"}, {cert, dir, "fichier"},
	} {
		problems := vary(t, config.Load, base, map[string]string{
			"RELAIS_TRUSTED_PROXIES": "-", "RELAIS_TLS_CERT": test.cert, "RELAIS_TLS_KEY": test.key,
		})
		if test.says == "" && len(problems) != 0 || test.says != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), test.says)) {
			t.Errorf("cert %s, key %s: %v, want %q", test.cert, test.key, problems, test.says)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	values := good(t)
	values["RELAIS_DATABASE_URL"] = "postgres://u:hunter2-database@localhost/relais"
	c, err := config.Load(environ(values))
	if err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&logs, nil), slog.NewJSONHandler(&logs, nil)} {
		slog.New(handler).Info("start", "config", c, "pointer", &c, "secret", c.ProConnect.ClientSecret, "clients", c.Clients, "party", c.FranceConnect)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	output := logs.String() + string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10s"} {
		output += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, c.ProConnect.ClientSecret) + fmt.Sprintf(verb, c.Clients)
	}
	output += fmt.Sprint(c.ProConnect.ClientSecret) + c.ProConnect.ClientSecret.String() + c.ProConnect.ClientSecret.GoString()
	for _, secret := range []string{secretPC, secretFC, "client-secret-0123456789-abcdefgh", "hunter2-database"} {
		if strings.Contains(output, secret) || strings.Contains(strings.ToLower(output), fmt.Sprintf("%x", secret)) {
			t.Errorf("%q appears in the output", secret)
		}
	}
	if !strings.Contains(output, "«secret»") || !strings.Contains(logs.String(), "https://relais.example") {
		t.Errorf("the output says too little: %s", logs.String())
	}
}
