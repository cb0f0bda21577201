package main

import (
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"golang.org/x/term"

	"github.com/certhall/certhall/desk/agent/local"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/agent/window"
)

// authoritiesFlag says where the trusted authorities are kept.
type authoritiesFlag struct {
	Authorities string `type:"path" env:"CERTHALL_AUTHORITIES" help:"Folder of trusted authorities (default: certhall/authorities in the user's configuration folder)."`
}

func (f authoritiesFlag) open(s *shell) (*trust.Folder, error) {
	dir := f.Authorities
	if dir == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, trust.ErrFolder.Because(err)
		}
		dir = filepath.Join(config, "certhall", "authorities")
	}
	return trust.Open(dir, s.clock, s.log())
}

func (s *shell) log() *slog.Logger { return slog.New(slog.NewTextHandler(s.err, nil)) }

// serveCmd lets the pages of trusted portals reach the keys.
type serveCmd struct {
	authoritiesFlag
	Port *int   `help:"Port on this PC (default: the first free of 17083, 27083, 37083)."`
	UI   string `name:"ui" enum:"auto,dialog,prompt,page" default:"auto" help:"How you are asked: by dialogs, on this terminal, or in pages of the agent's own."`
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(s *shell) error {
	folder, err := c.open(s)
	if err != nil {
		return err
	}
	ports := local.Ports
	if c.Port != nil {
		ports = []int{*c.Port}
	}
	l, err := local.Listen(ports...)
	if err != nil {
		return err
	}
	address := "http://" + l.Addr().String()
	s.driverLog = s.log()
	keys, err := s.keys()
	if err != nil {
		return err
	}
	a := s.agent(keys, nil)
	defer a.Close()
	if before, err := term.GetState(int(s.in.Fd())); err == nil {
		defer term.Restore(int(s.in.Fd()), before) // a prompt may be open at the end
	}
	server := local.New(local.Options{
		Agent: a, Trust: folder, Windows: c.windows(s, address), Version: version(),
		Clock: s.clock, Random: rand.Reader, Log: s.log(), Doctor: s.doctor(), Ticks: local.Ticks,
	})
	s.done("cli.agent-ready", "address", address)
	return server.Serve(s.ctx, l)
}

func (c *serveCmd) windows(s *shell, address string) window.Asker {
	ui := c.UI
	if ui == "auto" {
		switch {
		case window.DialogPossible():
			ui = "dialog"
		case s.interactive():
			ui = "prompt"
		}
	}
	switch ui {
	case "dialog":
		return window.Dialog{}
	case "prompt":
		return window.NewPrompt(s.err, func() (string, error) {
			line, err := term.ReadPassword(int(s.in.Fd()))
			return string(line), err
		})
	}
	return window.NewPage(address+"/ui", rand.Reader)
}

// version is of the program, as it was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return strings.Trim(info.Main.Version, "()") // (devel) where it was built from a tree
	}
	return "devel"
}
