package library

import (
	"crypto/sha1"
	"crypto/sha256"
	"hash"
	"sync"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"github.com/certhall/certhall/gm/skf"
)

// digest is a digest as it goes on.
type digest struct {
	connection Handle
	make       func() hash.Hash

	mu sync.Mutex
	h  hash.Hash
}

func (d *digest) under() Handle { return d.connection }

// maxID is how long an SM2 id can be: its length in bits stands in two bytes
// (GB/T 32918.2, 5.5).
const maxID = 8191

// DigestInit begins a digest. With SM3 and an id it begins with Z of the public
// key (an ECCPUBLICKEYBLOB) and the id, as SM2 signatures want it.
func (l *Library) DigestInit(h Handle, algorithm uint32, public, id []byte) (Handle, error) {
	d := &digest{connection: h}
	switch skf.Algorithm(algorithm) {
	case skf.SM3:
		d.make = sm3.New
	case skf.SHA1:
		d.make = sha1.New
	case skf.SHA256:
		d.make = sha256.New
	default:
		return 0, refuse(skf.NotSupported)
	}
	if skf.Algorithm(algorithm) == skf.SM3 && len(id) > 0 {
		if len(id) > maxID {
			return 0, refuse(skf.InputLength)
		}
		pub, err := standard.ParsePublicKey(public)
		if err != nil {
			return 0, because(skf.InvalidParameter, err)
		}
		z, err := sm2.CalculateZA(pub, id)
		if err != nil {
			return 0, because(skf.InvalidParameter, err)
		}
		d.make = func() hash.Hash {
			h := sm3.New()
			h.Write(z)
			return h
		}
	}
	d.h = d.make()
	if err := l.connected(h, func(*connection) error { return nil }); err != nil {
		return 0, err
	}
	return l.add(d)
}

// Digest digests a whole message, as DigestUpdate and DigestFinal do together.
func (l *Library) Digest(h Handle, data []byte, out *Out) error {
	return l.digested(h, data, func(d *digest) error {
		write, err := out.room(d.h.Size())
		if write {
			d.h.Write(data)
			d.h.Sum(out.Buffer[:0])
			d.h = d.make()
		}
		return err
	})
}

// DigestUpdate goes on with more of a message.
func (l *Library) DigestUpdate(h Handle, data []byte) error {
	return l.digested(h, data, func(d *digest) error {
		d.h.Write(data)
		return nil
	})
}

// DigestFinal gives the digest; the next message begins anew.
func (l *Library) DigestFinal(h Handle, out *Out) error { return l.Digest(h, nil, out) }

func (l *Library) digested(h Handle, data []byte, f func(*digest) error) error {
	if err := take(data); err != nil {
		return err
	}
	d, err := find[*digest](l, h)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return f(d)
}
