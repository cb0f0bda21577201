package doctor

import (
	"strconv"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/courier"
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
