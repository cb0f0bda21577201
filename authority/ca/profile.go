package ca

import (
	_ "embed"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/smx509"
)

// Profile says what the certificates of a pair carry (GB/T 20518, GM/T 0015).
// Profiles are data: profiles.json.
type Profile struct {
	Name      string       `json:"name"`
	Algorithm gm.Algorithm `json:"algorithm"` // of the keys, and of the issuing CA
	// Sign and Enc are the halves of a pair; a single certificate has Sign alone.
	Sign Half `json:"sign"`
	Enc  Half `json:"enc"`
	// Staff marks the profile of officers and reviewers: no pair has it.
	Staff bool `json:"staff"`
	// Identity lists the OIDs of the identity extensions a decision may bring.
	Identity []string `json:"identity"`
	// Policies are the OIDs of certificatePolicies (RFC 5280, 4.2.1.4).
	Policies []string `json:"policies"`
	MaxYears int      `json:"max_years"`
}

// Half says what one certificate carries.
type Half struct {
	KeyUsage    []string `json:"key_usage"`     // names of RFC 5280, 4.2.1.3
	ExtKeyUsage []string `json:"ext_key_usage"` // OIDs
}

// Single tells whether there is no encryption half.
func (p Profile) Single() bool { return len(p.Enc.KeyUsage) == 0 }

//go:embed profiles.json
var profilesJSON []byte

// Profiles are the profiles that come with the program, by name.
func Profiles() map[string]Profile {
	var list []Profile
	dec := json.NewDecoder(strings.NewReader(string(profilesJSON)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		panic("ca: profiles.json: " + err.Error())
	}
	byName := make(map[string]Profile, len(list))
	for _, p := range list {
		byName[p.Name] = p
	}
	return byName
}

// StaffProfile is the profile of officers and reviewers: a signing certificate alone.
const StaffProfile = "staff"

var keyUsageBits = map[string]smx509.KeyUsage{
	"digitalSignature": smx509.KeyUsageDigitalSignature,
	"nonRepudiation":   smx509.KeyUsageContentCommitment,
	"keyEncipherment":  smx509.KeyUsageKeyEncipherment,
	"dataEncipherment": smx509.KeyUsageDataEncipherment,
	"keyAgreement":     smx509.KeyUsageKeyAgreement,
}

func (h Half) keyUsage() (smx509.KeyUsage, error) {
	var u smx509.KeyUsage
	for _, name := range h.KeyUsage {
		bit, ok := keyUsageBits[name]
		if !ok {
			return 0, fmt.Errorf("ca: key usage %q", name)
		}
		u |= bit
	}
	return u, nil
}

func parseOIDs(names []string) ([]asn1.ObjectIdentifier, error) {
	var oids []asn1.ObjectIdentifier
	for _, name := range names {
		var oid asn1.ObjectIdentifier
		for _, arc := range strings.Split(name, ".") {
			n, err := strconv.Atoi(arc)
			if err != nil {
				return nil, fmt.Errorf("ca: object identifier %q", name)
			}
			oid = append(oid, n)
		}
		oids = append(oids, oid)
	}
	return oids, nil
}
