package doctor

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Driver is a library through which keys are reached, as it was found.
type Driver struct {
	Name string
	Kind string // skf, pkcs11
	Path string // "" where it was named and is not installed
	Arch string // that it was built for, as GOARCH names it; "" if that is not known
	Err  error  // why it cannot be used; nil if it can
}

// slow tells whether it is still waited for: what is plugged in is not known yet.
func (l Driver) slow() bool { return errors.Is(l.Err, token.ErrDriverSlow) }

func (d *Doctor) drivers(ctx context.Context) []Driver {
	if d.Drivers == nil {
		return nil
	}
	return d.Drivers(ctx)
}

// examineDrivers tells of each library that is installed, or was named. That
// there is none matters where no key is there without one.
func (d *Doctor) examineDrivers(drivers []Driver, keys bool, add adder) {
	for _, l := range drivers {
		params := []string{"library", l.Name, "kind", l.Kind, "path", l.Path, "arch", l.Arch, "own", runtime.GOARCH}
		switch {
		case l.Err == nil:
			add(Drivers, Fine, "driver-fine", params...)
		case l.Arch != "" && l.Arch != runtime.GOARCH:
			add(Drivers, Fault, "driver-arch", params...)
		case l.slow():
			add(Drivers, Note, "driver-slow", append(params, "seconds", certhall.AsError(l.Err).Params["seconds"])...)
		default:
			d.tell(finding(Drivers, Fault, "driver-trouble", params...).because(certhall.AsError(l.Err)))
		}
	}
	if d.Drivers != nil && len(drivers) == 0 && !keys {
		add(Drivers, Note, "driver-none")
	}
}

// failed tells whether a library of that name could not be used.
func failed(drivers []Driver, library string) bool {
	return slices.ContainsFunc(drivers, func(l Driver) bool { return l.Name == library && l.Err != nil })
}
