package skf

import (
	"encoding/hex"
	"fmt"
	"strconv"

	gmskf "github.com/certhall/certhall/gm/skf"
)

// Profile is what is peculiar to a library. The zero value is the standard's
// way; what is not told is found out where that can be done without harm.
type Profile struct {
	// ULong is the size of its ULONG in bytes, 4 or 8; 0: found out.
	ULong int `toml:"ulong" json:"ulong,omitempty"`
	// SM2 is the value it takes for SGD_SM2_1; 0: 0x20100, then 0x20200.
	SM2 uint32 `toml:"sm2" json:"sm2,omitempty"`
	// Decrypt is the function that decrypts with the encryption key, which the
	// standard of 2012 lacks: SKF_ECCDecrypt or one with the same arguments, or
	// one whose name begins with V_, which takes KeySpec before the ciphertext.
	// "": found out; "none": it cannot.
	Decrypt string `toml:"decrypt" json:"decrypt,omitempty"`
	// KeySpec names the encryption key to a V_ function; 0: 1, as in CryptoAPI.
	KeySpec uint32 `toml:"key_spec" json:"key_spec,omitempty"`
	// AuthKey is the device authentication key in hex, 16 bytes; "": the device
	// is not authenticated, which all but making applications does without.
	AuthKey string `toml:"auth_key" json:"auth_key,omitempty"`
	// AuthAlgorithm is the algorithm of device authentication; 0: DEVINFO's.
	AuthAlgorithm uint32 `toml:"auth_algorithm" json:"auth_algorithm,omitempty"`
	// Containers is how many containers an application holds, ContainerBytes
	// what one with two certificates takes of DEVINFO's free space; 0: unknown.
	Containers     int    `toml:"containers" json:"containers,omitempty"`
	ContainerBytes uint32 `toml:"container_bytes" json:"container_bytes,omitempty"`
	// NoLock: its SKF_LockDev does harm.
	NoLock bool `toml:"no_lock" json:"no_lock,omitempty"`
	// LastOnly: whatever handle it is given, it works on the device that was
	// connected and the application that was opened last.
	LastOnly bool `toml:"last_only" json:"last_only,omitempty"`
	// Challenge and Respond are the maker's functions that unlock by question
	// and answer: (application, question, size) and (application, answer, its
	// length, new PIN, tries left).
	Challenge string `toml:"challenge" json:"challenge,omitempty"`
	Respond   string `toml:"respond" json:"respond,omitempty"`
	// Codes gives the standard's code for each of the maker's own, both as
	// hexadecimal numbers ("0x0B000035" = "0x0A000030").
	Codes map[string]string `toml:"codes" json:"codes,omitempty"`
}

// quirks is a Profile that was checked.
type quirks struct {
	Profile
	authKey []byte
	codes   map[gmskf.Code]gmskf.Code
}

func (p Profile) check() (quirks, error) {
	q := quirks{Profile: p, codes: map[gmskf.Code]gmskf.Code{}}
	if p.ULong != 0 && p.ULong != 4 && p.ULong != 8 {
		return q, fmt.Errorf("skf: a ULONG of %d bytes", p.ULong)
	}
	if (p.Challenge == "") != (p.Respond == "") {
		return q, fmt.Errorf("skf: one of challenge and respond")
	}
	var err error
	if q.authKey, err = hex.DecodeString(p.AuthKey); err != nil || len(q.authKey) != 0 && len(q.authKey) != 16 {
		return q, fmt.Errorf("skf: auth_key is not 16 bytes in hex")
	}
	for own, standard := range p.Codes {
		from, errFrom := strconv.ParseUint(own, 0, 32)
		to, errTo := strconv.ParseUint(standard, 0, 32)
		if errFrom != nil || errTo != nil {
			return q, fmt.Errorf("skf: codes: %.20q = %.20q", own, standard)
		}
		q.codes[gmskf.Code(from)] = gmskf.Code(to)
	}
	return q, nil
}
