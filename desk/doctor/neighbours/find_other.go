//go:build !linux && !windows

package neighbours

import "context"

// Find cannot look here: ErrUnsupported.
func Find(context.Context, Wanted) ([]Neighbour, error) { return nil, ErrUnsupported }
