package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/store/backup"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// certhall runs the server's program and gives what it says.
func (q *quarter) certhall(args ...string) (said string, err error) {
	q.t.Helper()
	bin, err := binaries()
	if err != nil {
		q.t.Fatal(err)
	}
	command := exec.Command(filepath.Join(bin, "certhall"), args...)
	command.Env = append(os.Environ(), english, "LC_ALL=", "LC_MESSAGES=")
	out, err := command.CombinedOutput()
	return string(out), err
}

func (q *quarter) does(args ...string) (said string) {
	q.t.Helper()
	said, err := q.certhall(args...)
	if err != nil {
		q.t.Fatalf("certhall %v: %v\n%s", args, err, said)
	}
	return said
}

// serials are all that the authority ever gave away.
func (q *quarter) serials() (all []string) {
	q.t.Helper()
	err := q.open(q.dbs.authority).Read(q.t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query("SELECT serial FROM serials")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return err
			}
			all = append(all, s)
		}
		return rows.Err()
	})
	if err != nil {
		q.t.Fatal(err)
	}
	return all
}

// databases are two new ones of a kind.
func databases(t *testing.T, kind string) (authority, hall string) {
	if kind == "sqlite" {
		return sqliteFiles(t.TempDir())
	}
	return schemas(storetest.Postgres(t))
}

// TestBackupUnderLoad takes backup after backup during a stream of renewals
// (boulder#5468: nothing of a pair stands apart from the rest of it), loses the
// server, restores one of them into the other kind of database, and lets
// everybody go on: cases under way go on, what was lost is renewed again.
func TestBackupUnderLoad(t *testing.T) {
	for from, to := range map[string]string{"sqlite": "postgres", "postgres": "sqlite"} {
		t.Run(from+" to "+to, func(t *testing.T) {
			authority, hall := databases(t, from)
			q := newQuarter(t, authority, hall, stream)
			server := q.serve()
			var archives []string
			q.through(6, func(n int) {
				archive := filepath.Join(q.dir, fmt.Sprint(n, backup.Extension))
				if said, err := q.certhall("backup", "--dir", q.dir, "--authority-db", authority, "--hall-db", hall, "--out", archive); err != nil {
					t.Errorf("%v\n%s", err, said)
				}
				archives = append(archives, archive)
			})
			server.stop(syscall.SIGKILL)
			all := q.serials()
			archive, lost := "", 0
			for _, a := range archives { // the last one that lacks something
				m, err := backup.Verify(a)
				if err != nil {
					t.Fatal(err)
				}
				if behind := len(all) - int(m.Stores[backup.Authority].Table("serials").Rows); behind > 0 {
					archive, lost = a, behind
				}
			}
			list := filepath.Join(t.TempDir(), "serials")
			if err := os.WriteFile(list, []byte(strings.Join(all, "\n")), 0o600); err != nil {
				t.Fatal(err)
			}

			q.dir = filepath.Join(t.TempDir(), "restored")
			q.dbs.authority, q.dbs.hall = databases(t, to)
			stores := []string{"--authority-db", q.dbs.authority, "--hall-db", q.dbs.hall}
			said := q.does(append([]string{"restore", archive, "--dir", q.dir, "--serials", list}, stores...)...)
			if want := fmt.Sprintf("not in the backup: %d\n", lost); !strings.Contains(said, want) {
				t.Errorf("%q is not said:\n%s", want, said)
			}
			said = q.does("restore", "reconcile", "--dir", q.dir, "--authority-db", q.dbs.authority, "--serials", list)
			if want := fmt.Sprintf("%d were lost", lost); !strings.Contains(said, want) {
				t.Errorf("%q is not said:\n%s", want, said)
			}
			t.Logf("%d backups, %d serials behind the one that was restored", len(archives), lost)
			q.outbox = &notify.Outbox{Store: hallstore.New(q.open(q.dbs.hall), nil), Clock: certhall.SystemClock{}}
			q.serve()
			q.again()
			q.end()
		})
	}
}

// TestOnlyTheAuthorityIsRestored: the authority is restored from a backup taken
// before all renewals, the hall is not lost and has heard of all of them. It
// goes back to what the authority remembers, and everybody renews once more.
func TestOnlyTheAuthorityIsRestored(t *testing.T) {
	t.Parallel()
	authority, hall := databases(t, "postgres")
	q := newQuarter(t, authority, hall, 4)
	server := q.serve()
	archive := filepath.Join(q.dir, "night"+backup.Extension)
	q.does("backup", "--dir", q.dir, "--only", "authority", "--authority-db", authority, "--out", archive)
	q.again()
	server.stop(syscall.SIGTERM)
	journal := filepath.Join(q.dir, "checkpoints.journal")

	q.dir = filepath.Join(t.TempDir(), "restored")
	q.dbs.authority, _ = databases(t, "sqlite")
	said := q.does("restore", archive, "--dir", q.dir, "--only", "authority", "--authority-db", q.dbs.authority, "--journal", journal)
	if !strings.Contains(said, "not in the backup: 8\n") {
		t.Error(said)
	}
	q.does("restore", "reconcile", "--dir", q.dir, "--authority-db", q.dbs.authority, "--journal", journal)
	q.serve()
	q.again()
	q.end()
}

// again lets every holder renew, whatever became of what he did before.
func (q *quarter) again() {
	q.t.Helper()
	ctx, end := context.WithTimeout(q.t.Context(), patience)
	defer end()
	var group errgroup.Group
	for _, h := range q.holders {
		group.Go(func() error {
			err := h.renew(ctx)
			if err == nil || certhall.AsError(err).Code == "superseded" { // he was done before the backup
				return nil
			}
			return fmt.Errorf("%s: %s", h.serial, certhall.CauseText(err))
		})
	}
	if err := group.Wait(); err != nil {
		for _, p := range q.servers {
			q.t.Logf("%v:\n%s", p.args, p.said)
		}
		q.t.Fatal(err)
	}
}

// operator runs the lines of a block of docs/backup.md in a house's folder.
func (h *house) operator(block string) (said string) {
	h.t.Helper()
	text, err := os.ReadFile("../docs/backup.md")
	if err != nil {
		h.t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)<!-- " + block + ":.*?```\n(.*?)```").FindSubmatch(text)
	if m == nil {
		h.t.Fatalf("docs/backup.md has no block %q", block)
	}
	out := h.says("set -e; set -o pipefail; PATH=$PWD/bin:$PATH STATE=.demo BACKUPS=backups RESCUED=rescued; set -x; " +
		strings.ReplaceAll(strings.TrimSpace(string(m[1])), "\n", "; "))
	h.t.Log(out)
	return out
}

// TestBackupByTheBook: docs/backup.md as it stands there. A demo is backed up
// while it runs, goes on, loses its machine, and is restored on another one.
func TestBackupByTheBook(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.says("mkdir backups rescued")
	h.operator("take")
	const agent = "CERTHALL_KEYS=.demo/keys CERTHALL_AUTHORITY=.demo/authority/root.cer exec bin/certhall-agent "
	if code, out := h.does(agent + "renew"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	h.says("curl -sf -o rescued/issuing.crl http://" + h.listen + "/crl/issuing.crl")
	h.stop(syscall.SIGTERM)
	// The machine is lost; the journal, which was copied elsewhere, and the
	// people's keys are not.
	h.says("cp .demo/checkpoints.journal rescued/; mv .demo lost")

	said := h.operator("restore")
	for _, want := range []string{`[1-9]\d* records behind the backup are lost`, `not in the backup: 2\n`} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("restore does not say %q", want)
		}
	}
	h.says("cp lost/keys/* .demo/keys/")
	h.start()
	if body, status := getUntil(t, "http://"+h.listen+"/readyz", h.screen); status != 503 || !strings.Contains(body, "restored-unreconciled") {
		t.Errorf("readyz before it is reconciled: %d %s", status, body)
	}
	if body, status := getUntil(t, "http://"+h.listen+"/crl/issuing.crl", h.screen); status != 404 {
		t.Errorf("a CRL before it is reconciled: %d %s", status, body)
	}
	h.stop(syscall.SIGTERM)
	if said := h.operator("reconcile"); !strings.Contains(said, "2 were lost") {
		t.Error("reconcile does not say that 2 serials were lost")
	}
	h.start()
	if code, out := h.does(agent + "repair"); code != 0 || !strings.Contains(out, "Repaired") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if out := h.says("bin/certhall fsck --dir .demo"); strings.Contains(out, "BROKEN") {
		t.Error(out)
	}
}

// TestBackupKilled: whenever a backup or a restore is killed, nothing is found
// that looks whole and is not, and the same command again succeeds.
func TestBackupKilled(t *testing.T) {
	t.Parallel()
	dir := firstRelease(t)
	q := &quarter{t: t}
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	killed := func(after time.Duration, args ...string) bool {
		ctx, end := context.WithTimeout(t.Context(), after)
		defer end()
		return exec.CommandContext(ctx, filepath.Join(bin, "certhall"), args...).Run() != nil // a context ends it by SIGKILL
	}
	strikes := map[string]int{}
	step, out := 5*time.Millisecond, t.TempDir()
	for n := 1; n < 60; n++ {
		archive := filepath.Join(out, fmt.Sprint(n))
		if !killed(time.Duration(n)*step, "backup", "--dir", dir, "--out", archive) {
			break
		}
		strikes["backup"]++
		if _, err := os.Stat(archive); err == nil { // killed behind the last step
			q.does("backup", "verify", archive)
		}
	}
	archive := filepath.Join(out, "whole")
	q.does("backup", "--dir", dir, "--out", archive)
	for n := 1; n < 200; n++ {
		restored := filepath.Join(t.TempDir(), "state")
		if !killed(time.Duration(n)*step, "restore", archive, "--dir", restored) {
			break
		}
		strikes["restore"]++
		if _, err := os.Stat(filepath.Join(restored, "authority")); err == nil {
			// In place already: either shut still, or whole.
			if said, err := q.certhall("fsck", "--dir", restored); err != nil && !strings.Contains(said, "restore-unfinished") {
				t.Fatalf("after %v: %v\n%s", time.Duration(n)*step, err, said)
			}
			continue
		}
		if said, err := q.certhall("restore", archive, "--dir", restored); err != nil && !strings.Contains(said, "restore-not-empty") {
			t.Fatalf("again after %v: %v\n%s", time.Duration(n)*step, err, said)
		}
	}
	if strikes["backup"] < 3 || strikes["restore"] < 10 {
		t.Errorf("killed only %v times", strikes)
	}
	t.Log(strikes)
}

// TestBackupWithoutRoom: a backup that finds no room says so and leaves nothing.
func TestBackupWithoutRoom(t *testing.T) {
	t.Parallel()
	dir, out := firstRelease(t), t.TempDir()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	// ulimit counts in blocks of 1024 bytes: room for SQLite's own files, not for the archive.
	command := exec.Command("bash", "-c", `ulimit -f 40; exec "$0" backup --dir "$1" --out "$2"`, filepath.Join(bin, "certhall"), dir, filepath.Join(out, "archive"))
	command.Env = append(os.Environ(), english, "LC_ALL=", "LC_MESSAGES=")
	said, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "[backup-not-written]") {
		t.Errorf("%v\n%s", err, said)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
