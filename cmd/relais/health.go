package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"relais/internal/web"
)

// health asks the instance on this machine whether it is ready: what a container
// engine calls. It needs RELAIS_LISTEN only.
func health(ctx context.Context, c call) error {
	listen, scheme := "127.0.0.1:8080", "http"
	for _, kv := range c.environ {
		if v, ok := strings.CutPrefix(kv, "RELAIS_LISTEN="); ok && v != "" {
			listen = v
		}
		if v, ok := strings.CutPrefix(kv, "RELAIS_TLS_CERT="); ok && v != "" {
			scheme = "https"
		}
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("RELAIS_LISTEN : %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://127.0.0.1:"+port+"/readyz", nil)
	if err != nil {
		return err
	}
	// The certificate names the public host, not the loopback address we ask:
	// nothing secret is sent, and the answer is only "ready" or not.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("pas prêt (%d)", resp.StatusCode)
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if strings.Contains(string(said), web.NotSealing) {
		fmt.Fprintln(c.stderr, "Attention : le journal n’est plus signé ; la page « Santé du journal » et le journal technique disent pourquoi.")
	}
	_, err = fmt.Fprintln(c.stdout, "prêt")
	return err
}
