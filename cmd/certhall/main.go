// Command certhall is the authority's server: portal, certificate authority and
// key escrow in one program. `init` founds an authority, `serve` runs it,
// `demo` shows all of it with an authority of its own, `fsck` checks the
// invariants, `audit` checks and exports the record, `backup` and `restore` keep
// what it has, `admin` is officers' hands. This folder holds flags and wiring; the
// work is done in the rooms.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/locale"
	"github.com/certhall/certhall/metrics"
)

type cli struct {
	Init    initCmd    `cmd:"" help:"Found an authority (a ceremony): root, issuing CA, escrow, notary, two officers."`
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Demo    demoCmd    `cmd:"" help:"Run everything with a demo authority, a handler's soft key and an SMS outbox."`
	Fsck    fsckCmd    `cmd:"" help:"State the invariants and check them over both databases."`
	Backup  backupCmd  `cmd:"" help:"Copy both databases and the state folder into one file; or verify such a file."`
	Restore restoreCmd `cmd:"" help:"Make databases and state folder anew from a backup, and reconcile the authority with what the world was told after it."`
	Admin   adminCmd   `cmd:"" help:"Officers' hands: certificates, reviewers and officers."`
	Config  configCmd  `cmd:"" help:"Check or show the configuration of serve."`
	Audit   auditCmd   `cmd:"" help:"The record: check it, export it, take a checkpoint."`
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // the work was refused or failed; for fsck: something was found
	exitUsage   = 2
)

// environment is what commands share.
type environment struct {
	ctx    context.Context
	out    io.Writer
	log    *slog.Logger
	lang   string
	clock  certhall.Clock
	random io.Reader

	metrics *metrics.Metrics // of a server, set by openHouse
}

// text is a text of the command line in the person's language.
func (e *environment) text(key string, params ...string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(params); i += 2 {
		m[params[i]] = params[i+1]
	}
	return locale.Text(e.lang, key, m)
}

func (e *environment) say(key string, params ...string) {
	fmt.Fprintln(e.out, e.text(key, params...))
}

func main() {
	// What lives long is small beside what signing allocates: collecting less
	// often spares a tenth of the processor (docs/bench.md).
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	env := &environment{
		ctx: ctx, out: os.Stdout, lang: locale.Pick(language()), clock: certhall.SystemClock{}, random: rand.Reader,
		log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	var c cli
	parser, err := kong.New(&c, kong.Name("certhall"), kong.UsageOnError(),
		kong.Description("An open, self-hosted hall for digital certificates."))
	if err != nil {
		panic(err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		if said := new(certhall.Error); errors.As(err, &said) {
			env.complain(said)
		} else {
			fmt.Fprintln(os.Stderr, "certhall:", err)
		}
		return exitUsage
	}
	err = command.Run(env)
	var found findings
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &found), errors.Is(err, context.Canceled) && ctx.Err() != nil: // told, or stopped by the operator
		return exitFailure
	}
	env.complain(err)
	return exitFailure
}

// complain tells what went wrong and what to do next; the cause, which holds
// no secrets, stands below for whoever runs the server.
func (e *environment) complain(err error) {
	said := certhall.AsError(err)
	message, hint := locale.ErrorForOfficer(e.lang, said)
	fmt.Fprintf(os.Stderr, "%s\n%s\n[%s] %s\n", message, hint, said.Code, certhall.CauseText(errors.Unwrap(said)))
}

// language is what the person's terminal speaks (POSIX: LC_ALL over LC_MESSAGES over LANG).
func language() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}
