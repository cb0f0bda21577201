package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTellSystemd: what systemd hears, by its own socket: ready, alive again
// and again, stopping.
func TestTellSystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenPacket("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "20000")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); tellSystemd(ctx, slog.New(slog.DiscardHandler)) }()
	hear := func() string {
		buf := make([]byte, 100)
		n, _, err := l.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	if got := hear(); got != "READY=1" {
		t.Errorf("first %q", got)
	}
	for range 3 {
		if got := hear(); got != "WATCHDOG=1" {
			t.Errorf("then %q", got)
		}
	}
	stop()
	<-ended
	last := hear()
	for last == "WATCHDOG=1" {
		last = hear()
	}
	if last != "STOPPING=1" {
		t.Errorf("last %q", last)
	}
}

// hardening is what a unit must not lose.
var hardening = []string{
	"Type=notify", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
	"MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "SystemCallFilter=@system-service", "UMask=0077", "LimitCORE=0",
	"StateDirectoryMode=0700",
}

// TestUnits: each unit is hardened, starts by a command line that there is,
// and, where systemd is installed, is found right and little exposed by it.
func TestUnits(t *testing.T) {
	for _, name := range []string{"certhall.service", "certhall@.service"} {
		text, err := os.ReadFile(filepath.Join("../../packaging", name))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for _, want := range hardening {
			if !slices.Contains(lines, want) {
				t.Errorf("%s: without %s", name, want)
			}
		}
		line := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/certhall serve --config (/etc/certhall/[%a-z]+\.toml)$`).FindSubmatch(text)
		if line == nil {
			t.Errorf("%s: another ExecStart", name)
			continue
		}
		analyze, err := exec.LookPath("systemd-analyze")
		if err != nil {
			t.Logf("%s: systemd-analyze is not here; only read", name)
			continue
		}
		dir := t.TempDir()
		unit := filepath.Join(dir, strings.Replace(name, "@.", "@hall.", 1))
		there := strings.Replace(string(text), "/usr/bin/certhall", "/bin/true", 1)
		if err := os.WriteFile(unit, []byte(there), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput(); err != nil || len(strings.TrimSpace(string(out))) > 0 {
			t.Errorf("%s: systemd-analyze verify: %v\n%s", name, err, out)
		}
		if out, err := exec.Command(analyze, "security", "--offline=yes", "--no-pager", "--threshold=15", unit).CombinedOutput(); err != nil {
			t.Errorf("%s: systemd-analyze security: %v\n%s", name, err, out)
		}
	}
}
