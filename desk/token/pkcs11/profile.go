package pkcs11

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strconv"
)

// Profile is what has to be known of a library beforehand; the zero value is
// one that keeps to the standard.
type Profile struct {
	// ULong is the size of its CK_ULONG in bytes, 4 or 8; 0: that of C's long
	// on this platform.
	ULong int `toml:"ulong" json:"ulong,omitempty"`
	// SpareSlot: it always shows a slot with a token nobody has initialised.
	SpareSlot bool `toml:"spare_slot" json:"spare_slot,omitempty"`
	// SM2 is how it does SM2; nil: it does not.
	SM2 *SM2 `toml:"sm2" json:"sm2,omitempty"`
}

// SM2 is how a library does SM2, for which PKCS #11 v2.40 has no numbers: each
// maker took his own.
type SM2 struct {
	KeyType  uint64 `toml:"key_type" json:"key_type"` // CKK_…
	Generate uint64 `toml:"generate" json:"generate"` // mechanism of C_GenerateKeyPair
	// Params is the CKA_EC_PARAMS of new keys, in hex; "": the curve's object
	// identifier; "none": without.
	Params string `toml:"params" json:"params,omitempty"`
	// Point is the form of CKA_EC_POINT in keys that we create: octets (an
	// OCTET STRING, the standard's), raw (04‖X‖Y) or xy. All are read.
	Point string `toml:"point" json:"point,omitempty"`

	Sign uint64 `toml:"sign" json:"sign"` // mechanism
	// Hashes: it takes the message and computes Z and SM3 itself; else it takes
	// e (GB/T 32918.2, 6.1).
	Hashes bool `toml:"hashes" json:"hashes,omitempty"`
	// Signature is its form: raw (r‖s) or der. Either is read where it is "".
	Signature string `toml:"signature" json:"signature,omitempty"`

	Decrypt uint64 `toml:"decrypt" json:"decrypt,omitempty"` // mechanism; 0: it cannot
	// Cipher is the form of ciphertexts: der (SM2Cipher, GM/T 0009), c1c3c2 or
	// c1c2c3; C1 is 04‖X‖Y.
	Cipher string `toml:"cipher" json:"cipher,omitempty"`

	// Import is how an enveloped encryption key gets in. unwrap: C_UnwrapKey by
	// the signing key; create: the signing key decrypts the envelope's key, and
	// the opened key is made an object; "": it does not.
	Import string `toml:"import" json:"import,omitempty"`
	Unwrap uint64 `toml:"unwrap" json:"unwrap,omitempty"` // mechanism
	// Envelope is the form that Unwrap takes: der (SM2EnvelopedKey, GB/T 35276)
	// or skf (ENVELOPEDKEYBLOB, GM/T 0016).
	Envelope string `toml:"envelope" json:"envelope,omitempty"`
}

// The words of a profile.
const (
	raw, der, skf          = "raw", "der", "skf"
	octets, xy, none       = "octets", "xy", "none"
	c1c3c2, c1c2c3         = "c1c3c2", "c1c2c3"
	importUnwrap, importBy = "unwrap", "create"
)

// check refuses a profile that says what nobody understands.
func (p *Profile) check() error {
	if p.ULong == 0 {
		p.ULong = strconv.IntSize / 8
		if runtime.GOOS == "windows" {
			p.ULong = 4
		}
	}
	if p.ULong != 4 && p.ULong != 8 {
		return fmt.Errorf("pkcs11: profile: a CK_ULONG of %d bytes", p.ULong)
	}
	if p.SM2 == nil {
		return nil
	}
	for _, w := range []struct {
		name, word string
		of         []string
	}{
		{"point", p.SM2.Point, []string{"", octets, raw, xy}},
		{"signature", p.SM2.Signature, []string{"", raw, der}},
		{"cipher", p.SM2.Cipher, []string{"", der, c1c3c2, c1c2c3}},
		{"import", p.SM2.Import, []string{"", importUnwrap, importBy}},
		{"envelope", p.SM2.Envelope, []string{"", der, skf}},
	} {
		if !slices.Contains(w.of, w.word) {
			return fmt.Errorf("pkcs11: profile: sm2.%s is %q, none of %q", w.name, w.word, w.of)
		}
	}
	if _, err := p.SM2.params(); err != nil {
		return fmt.Errorf("pkcs11: profile: sm2.params: %w", err)
	}
	return nil
}

// params is the CKA_EC_PARAMS of new keys; nil: none.
func (s *SM2) params() ([]byte, error) {
	switch s.Params {
	case "":
		return sm2Params, nil
	case none:
		return nil, nil
	}
	return hex.DecodeString(s.Params)
}
