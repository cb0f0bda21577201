package fsck

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/status"
)

// crls looks for what has to be on each issuer's newest CRL: every serial of a
// pair that a record up to the one it was made of calls revoked or void, unless
// it ended so long ago that it may be left out.
func (r *run) crls() error {
	type newest struct {
		issuer              string
		number, ended, seen int64
		digest              []byte
	}
	var lists []newest
	err := r.each("SELECT issuer, number, ended, seen, digest FROM crls c WHERE number = (SELECT max(number) FROM crls d WHERE d.issuer = c.issuer)", func(scan func(...any) error) error {
		var l newest
		err := scan(&l.issuer, &l.number, &l.ended, &l.seen, &l.digest)
		lists = append(lists, l)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range lists {
		listed, err := r.listed(l.issuer, l.number, l.digest)
		if err != nil {
			return err
		}
		if listed == nil {
			r.found(l.issuer)
			continue
		}
		err = r.each(fmt.Sprintf(`SELECT p.id, p.sign_serial, p.enc_serial FROM records r JOIN pairs p ON p.id = r.pair
			WHERE r.kind IN ('revoked', 'retired', 'voided') AND r.seq <= %d AND p.state IN ('revoked', 'void')
				AND (p.not_after >= %d OR p.revoked_at >= %[2]d) AND p.issuer = '%[3]s'`, l.seen, l.ended, l.issuer), func(scan func(...any) error) error {
			var id string
			var serials [2]certhall.Serial
			err := scan(&id, &serials[0], &serials[1])
			for _, s := range serials {
				if err == nil && s != "" && !listed[s] {
					r.found(id)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// listed are the serials on a stored CRL; nil if its parts are not what was
// published.
func (r *run) listed(issuer string, number int64, digest []byte) (map[certhall.Serial]bool, error) {
	var der bytes.Buffer
	next := 0
	err := r.each(fmt.Sprintf("SELECT part, bytes FROM crl_parts WHERE issuer = '%s' AND number = %d ORDER BY part", issuer, number), func(scan func(...any) error) error {
		var part int
		var b []byte
		if err := scan(&part, &b); err != nil {
			return err
		}
		if part == next {
			next++
			der.Write(b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(der.Bytes()); !bytes.Equal(sum[:], digest) {
		return nil, nil
	}
	listed := map[certhall.Serial]bool{}
	told, err := status.ReadCRL(der.Bytes(), func(s certhall.Serial) { listed[s] = true })
	if err != nil || told != number {
		return nil, nil
	}
	return listed, nil
}
