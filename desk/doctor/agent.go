package doctor

import (
	"context"
	"strconv"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/doctor/neighbours"
)

// examineAgent compares this agent with what the hall's pages expect.
func (d *Doctor) examineAgent(facts *courier.Facts, add adder) {
	params := []string{"version", d.Version, "api", strconv.Itoa(certhall.AgentAPI)}
	if facts != nil && facts.AgentAPI > certhall.AgentAPI {
		add(Agent, Fault, "agent-old", append(params, "wanted", strconv.Itoa(facts.AgentAPI))...)
		return
	}
	add(Agent, Fine, "agent-fine", params...)
}

// examinePorts tells whoever asks from outside the agent whether it runs.
func (d *Doctor) examinePorts(ctx context.Context, add adder) {
	if d.Served || d.Neighbours == nil {
		return
	}
	found, err := d.Neighbours(ctx, neighbours.Wanted{Ports: d.Ports})
	if err != nil {
		return // said below
	}
	taken := 0
	for _, n := range found {
		switch {
		case n.Port != 0 && n.Own:
			add(Agent, Fine, "agent-running", "port", strconv.Itoa(n.Port))
			return
		case n.Port != 0:
			taken++
		}
	}
	if taken == len(d.Ports) {
		add(Agent, Fault, "agent-no-port")
		return
	}
	add(Agent, Note, "agent-not-running")
}
