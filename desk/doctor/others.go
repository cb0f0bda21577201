package doctor

import (
	"context"
	"strconv"

	"github.com/certhall/certhall/desk/doctor/neighbours"
)

// examineOthers names the programs that keep the agent from its ports, or that
// have hold of a key.
func (d *Doctor) examineOthers(ctx context.Context, drivers []Driver, add adder) {
	if d.Neighbours == nil {
		return
	}
	w := neighbours.Wanted{Ports: d.Ports}
	for _, l := range drivers {
		if l.Path != "" {
			w.Libraries = append(w.Libraries, l.Path)
		}
	}
	if d.Locks != nil {
		w.Files = d.Locks()
	}
	found, err := d.Neighbours(ctx, w)
	if err != nil {
		add(Others, Unknown, "other-unasked")
		return
	}
	clear := true
	for _, n := range found {
		if n.Own {
			continue
		}
		clear = false
		d.tell(other(n))
	}
	if clear {
		add(Others, Fine, "other-none")
	}
}

// other tells of one program, once for each thing that it has.
func other(n neighbours.Neighbour) Finding {
	params := []string{"program", n.Program, "pid", strconv.Itoa(n.PID), "port", strconv.Itoa(n.Port), "library", n.Library, "file", n.File}
	var f Finding
	switch {
	case n.Port != 0 && n.PID == 0:
		f = finding(Others, Note, "other-port-hidden", params...)
	case n.Port != 0:
		f = finding(Others, Note, "other-port", params...)
	case n.Library != "":
		f = finding(Others, Note, "other-library", params...)
	default:
		f = finding(Others, Note, "other-holds", params...)
	}
	f.known = n.Known
	return f
}
