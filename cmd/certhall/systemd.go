package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// tellSystemd says that the server is ready, that it lives, and that it stops
// (Type=notify, WatchdogSec=; sd_notify(3)). Where no systemd asked for it,
// nothing is said.
func tellSystemd(ctx context.Context, log *slog.Logger) {
	say := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("systemd is not told", "state", state, "cause", err)
		}
	}
	say(daemon.SdNotifyReady)
	defer say(daemon.SdNotifyStopping)
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every <= 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		say(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
