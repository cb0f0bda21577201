package web

import (
	"net/http"
	"strings"
)

// Public is what the world asks of the authority, by the addresses that
// certificates carry. They are matched as they came, before net/http's mux
// cleans paths: the base64 of an OCSP GET may hold "//" and "+" (RFC 6960, A.1).
// A nil handler means that this node does not publish.
type Public struct {
	OCSP         http.Handler // /ocsp, and what is below it
	CRLs         http.Handler // /crl/NAME.crl
	Certificates http.Handler // /ca/NAME.cer
	Checkpoint   http.Handler // /audit/checkpoint
}

// find gives the handler of a path and the route for the log; nil if the path
// is none of the public ones.
func (p Public) find(path string) (h http.Handler, route string) {
	switch {
	case path == "/ocsp", strings.HasPrefix(path, "/ocsp/"):
		return p.OCSP, "/ocsp"
	case strings.HasPrefix(path, "/crl/"):
		return p.CRLs, "/crl/{name}"
	case strings.HasPrefix(path, "/ca/"):
		return p.Certificates, "/ca/{name}"
	case path == "/audit/checkpoint":
		return p.Checkpoint, "/audit/checkpoint"
	}
	return nil, ""
}
