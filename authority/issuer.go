package authority

import "github.com/certhall/certhall/gm"

// MainIssuer is the name of the issuing CA that every authority has. It signs
// with SM2; authority/ceremony says which others may stand beside it.
const MainIssuer = "issuing"

// IssuerFor is the name of the issuing CA that signs for keys of an algorithm
// (and with one of it): MainIssuer, issuing-rsa, issuing-p256.
func IssuerFor(a gm.Algorithm) string { return FileName(MainIssuer, a) }

// FileName is a name that each algorithm has for itself, as in the authority's
// folder and public addresses: SM2's is the plain one.
func FileName(name string, a gm.Algorithm) string {
	if a == gm.SM2 {
		return name
	}
	return name + "-" + a.String()
}
