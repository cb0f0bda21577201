package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/proof"
)

// How the agent is started again that ended by itself.
const (
	agentStarts  = 5
	agentBackoff = time.Second // doubled each time
	agentStop    = 5 * time.Second
)

var errAgentEnded = errors.New("exit status 0")

// authorities is the folder of what the handler's agent trusts.
func (c *demoCmd) authorities() string { return filepath.Join(c.Dir, "agent", "authorities") }

// trust makes the handler's agent trust the demo's authority and its portal.
func (c *demoCmd) trust(env *environment, w *authorityWing) error {
	list, err := w.ca.Origins(env.ctx)
	if err != nil {
		return err
	}
	folder, err := trust.Open(c.authorities(), env.clock, env.log)
	if err != nil {
		return err
	}
	certificates := []*smx509.Certificate{w.published.Root}
	for _, i := range w.published.Issuers {
		certificates = append(certificates, i.Desk())
	}
	_, err = folder.Adopt(certificates, proof.Encode(list))
	return err
}

// runAgent runs the agent of the handler's PC until ctx ends.
func (c *demoCmd) runAgent(ctx context.Context, env *environment) {
	runtime.LockOSThread() // where a child is bound to its parent, it is to the thread that started it
	defer runtime.UnlockOSThread()
	program := beside("certhall-agent")
	for pause := agentBackoff; pause < agentBackoff<<agentStarts; pause *= 2 {
		err := c.agent(ctx, program, env.log)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, fs.ErrNotExist):
			env.say("cli.demo-agent-failed", "program", program)
			return
		}
		env.say("cli.demo-agent-ended", "cause", fmt.Sprint(err), "seconds", strconv.Itoa(int(pause.Seconds())))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
	env.say("cli.demo-agent-failed", "program", program)
}

// beside is a program in this one's folder.
func beside(name string) string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return filepath.Join(filepath.Dir(self), name+filepath.Ext(self))
}

// agent runs the agent once; what it says goes to the log.
func (c *demoCmd) agent(ctx context.Context, program string, log *slog.Logger) error {
	args := []string{"serve", "--ui=page", "--keys=" + filepath.Join(c.Dir, demo.HandlerKeys), "--authorities=" + c.authorities()}
	for _, l := range c.Library {
		args = append(args, "--library="+l)
	}
	if len(c.AgentPort) > 0 {
		args = append(args, "--port="+strconv.Itoa(c.AgentPort[0]))
	}
	child := exec.CommandContext(ctx, program, args...)
	child.SysProcAttr = bound()
	child.WaitDelay = agentStop
	child.Cancel = func() error {
		if err := child.Process.Signal(syscall.SIGTERM); err == nil || runtime.GOOS != "windows" { // which knows no signals
			return err
		}
		return child.Process.Kill()
	}
	said, say := io.Pipe()
	child.Stdout, child.Stderr = say, say
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			log.Info("agent", "says", lines.Text())
		}
		_, _ = io.Copy(io.Discard, said) // a line beyond measure
	})
	err := child.Run()
	_ = say.Close() // never fails
	reading.Wait()
	if err == nil {
		err = errAgentEnded
	}
	return err
}
