package library

import "github.com/certhall/certhall/gm/skf"

// Out is a buffer of the caller's. Without one the caller asks for the length
// only, and nothing is done.
type Out struct {
	Buffer []byte // nil: none
	Length int    // of what was written; of what wants to be, where there is no buffer or too small a one
}

// room tells whether n bytes are to be written now: BufferTooSmall if they do
// not fit.
func (o *Out) room(n int) (bool, error) {
	o.Length = n
	switch {
	case o.Buffer == nil:
		return false, nil
	case len(o.Buffer) < n:
		return false, refuse(skf.BufferTooSmall)
	}
	return true, nil
}

// put writes what is known already.
func (o *Out) put(b []byte) error {
	write, err := o.room(len(b))
	if write {
		copy(o.Buffer, b)
	}
	return err
}

// take bounds what one call reads.
func take(data []byte) error {
	if len(data) > MaxInput {
		return refuse(skf.InputLength)
	}
	return nil
}
