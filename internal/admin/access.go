package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

func (s *Server) authenticated() bool { return s.opts.Username != "" || s.opts.Password != "" }

// authenticate asks for basic authentication (RFC 7617) where credentials are configured.
func (s *Server) authenticate(next http.Handler) http.Handler {
	if !s.authenticated() {
		return next
	}
	// Hashes have one length, so the comparison takes one time whatever the length of a guess.
	wantName, wantPassword := sha256.Sum256([]byte(s.opts.Username)), sha256.Sum256([]byte(s.opts.Password))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		gotName, gotPassword := sha256.Sum256([]byte(name)), sha256.Sum256([]byte(password))
		// Both are always compared: stopping at a wrong name would tell which names are right.
		right := subtle.ConstantTimeCompare(gotName[:], wantName[:]) & subtle.ConstantTimeCompare(gotPassword[:], wantPassword[:])
		if right != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="smpp-connector", charset="UTF-8"`)
			writeError(w, http.StatusUnauthorized, "The user name and password of HTTP_USERNAME and HTTP_PASSWORD are needed.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuseOtherSites keeps web pages of other sites from reaching the server through the browser of someone who can.
//
//   - A request that names another origin than the server's own is refused, and so is one that a browser marks as made
//     by another site, unless it opens the page itself: following a link to the status page is fine, sending a form is not.
//   - A site whose name is made to resolve to 127.0.0.1 (DNS rebinding) is of the same origin for the browser. Hence what comes
//     over loopback without authentication must name a host that nobody can own on the public Internet. Requests from elsewhere may name any: behind
//     an ingress or a Service the names are the operator's. With authentication it does not arise, since a browser keeps credentials by origin.
func refuseOtherSites(authenticated bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
		switch {
		case origin != "" && !sameHost(origin, r.Host),
			(site == "cross-site" || site == "same-site") && (r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Method != http.MethodGet && r.Method != http.MethodHead):
			writeError(w, http.StatusForbidden, "Requests from pages of other sites are refused.")
		case !authenticated && fromLoopback(r) && !privateName(r.Host):
			writeError(w, http.StatusForbidden, "Over loopback the server answers to localhost, to addresses and to names of the local network only. "+
				"Use one of these, or set HTTP_USERNAME and HTTP_PASSWORD.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// sameHost compares host and port only: behind a proxy that ends TLS the scheme differs. "null" is nobody's origin.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

func fromLoopback(r *http.Request) bool {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().IsLoopback()
}

// privateName tells that no public DNS can hold the name: addresses, names without a dot, and the endings reserved for local
// use (RFC 6761, RFC 6762, ICANN's .internal) or used by Kubernetes inside a cluster.
func privateName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	if !strings.Contains(host, ".") {
		return true
	}
	for _, ending := range []string{".localhost", ".local", ".internal", ".svc"} {
		if strings.HasSuffix(host, ending) {
			return true
		}
	}
	return false
}
