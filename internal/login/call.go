package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// get is one back-channel GET, with an access token when bearer is not empty.
func (p *peer) get(ctx context.Context, address, accept, bearer string) (body []byte, contentType string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", ErrDown
	}
	req.Header.Set("Accept", accept)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, "", ErrDown
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return nil, "", callError(ctx, err)
	}
	if resp.StatusCode >= 500 {
		return nil, "", ErrDown
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", reject(fmt.Sprintf("statut %d", resp.StatusCode))
	}
	return body, resp.Header.Get("Content-Type"), nil
}

var errTooLarge = errors.New("réponse trop longue")

// backChannel hardens a client: a time limit, a size limit, no redirect (an
// answer that points elsewhere is no answer of the provider).
func backChannel(base *http.Client) *http.Client {
	c := http.Client{}
	if base != nil {
		c = *base
	}
	if c.Timeout <= 0 || c.Timeout > callTimeout {
		c.Timeout = callTimeout
	}
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.Transport == nil {
		c.Transport = transport()
	}
	c.Transport = bounded{c.Transport}
	return &c
}

// transport asks for no compression, so that a small answer stays one, and reads no
// head larger than an answer's.
func transport() http.RoundTripper {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t := base.Clone()
	t.DisableCompression, t.MaxResponseHeaderBytes = true, maxHead
	t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = callTimeout, callTimeout
	return t
}

type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, maxAnswer}
	}
	return resp, err
}

// boundedBody fails past its limit, where io.LimitReader would cut silently.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	b.left -= n
	if b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
