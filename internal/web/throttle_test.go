package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// TestAddress: what a stranger writes into X-Forwarded-For is not believed.
func TestAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}
	for _, c := range []struct {
		name, peer, forwarded, want string
		proxies                     []netip.Prefix
	}{
		{"no proxy", "198.51.100.7:1", "", "198.51.100.7", nil},
		{"no proxy, header", "198.51.100.7:1", "203.0.113.9", "198.51.100.7", nil},
		{"proxy", "127.0.0.1:1", "203.0.113.9", "203.0.113.9", proxies},
		{"invented before the proxy's own", "127.0.0.1:1", "1.2.3.4, 203.0.113.9", "203.0.113.9", proxies},
		{"two proxies", "127.0.0.1:1", "1.2.3.4, 203.0.113.9, 10.1.2.3", "203.0.113.9", proxies},
		{"only proxies", "127.0.0.1:1", "10.1.2.3", "10.1.2.3", proxies},
		{"unreadable", "127.0.0.1:1", "inconnu", "127.0.0.1", proxies},
		{"stranger names a proxy", "198.51.100.7:1", "10.1.2.3", "198.51.100.7", proxies},
		{"a network of IPv6", "[2001:db8:1:2:3:4:5:6]:1", "", "2001:db8:1:2::/64", nil},
		{"IPv4 in IPv6", "[::ffff:198.51.100.7]:1", "", "198.51.100.7", nil},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := (&Throttle{Proxies: c.proxies}).address(r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
