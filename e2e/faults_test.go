package e2e

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/store/storetest"
)

// stream is how many holders renew at the same time; faults is how often
// something strikes them.
const stream, faults = 10, 12

// through renews every pair at once while fault strikes again and again: each
// time after some answers more have been heard.
func (q *quarter) through(seed uint64, fault func(n int)) {
	q.t.Helper()
	ctx, stop := context.WithCancel(q.t.Context())
	defer stop()
	var group errgroup.Group
	for _, h := range q.holders {
		group.Go(func() error {
			if err := h.renew(ctx); err != nil {
				return fmt.Errorf("%s: %s", h.serial, certhall.CauseText(err))
			}
			return nil
		})
	}
	struck := make(chan int)
	go func() {
		random := mathrand.New(mathrand.NewPCG(seed, 5))
		n, left := 0, 3
		for {
			select {
			case <-ctx.Done():
				struck <- n
				return
			case <-q.heard:
			}
			if left--; left == 0 && n < faults {
				n++
				fault(n)
				left = 4 + random.IntN(20)
			}
		}
	}()
	err := group.Wait()
	stop()
	n := <-struck
	if err != nil {
		for _, p := range q.servers {
			q.t.Logf("%v:\n%s", p.args, p.said)
		}
		q.t.Fatal(err)
	}
	if n < 3 {
		q.t.Errorf("only %d faults struck", n)
	}
	q.t.Logf("%d renewals, %d faults", len(q.holders), n)
}

// end stops the servers and judges what they leave.
func (q *quarter) end() {
	q.t.Helper()
	for _, p := range q.servers {
		p.stop(syscall.SIGTERM)
	}
	q.sound()
}

func sqliteFiles(dir string) (authority, hall string) {
	return "sqlite:" + filepath.Join(dir, "authority.db"), "sqlite:" + filepath.Join(dir, "hall.db")
}

func schemas(address string) (authority, hall string) {
	return address + "&search_path=authority", address + "&search_path=hall"
}

// TestKilledDuringRenewals: SIGKILL of the server during a stream of renewals.
func TestKilledDuringRenewals(t *testing.T) {
	t.Parallel() // mostly they wait for jobs of the killed to be taken up again
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		authority, hall := sqliteFiles(t.TempDir())
		q := newQuarter(t, authority, hall, stream)
		p := q.serve()
		q.through(1, func(int) { p.fault() })
		q.end()
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		authority, hall := schemas(storetest.Postgres(t))
		q := newQuarter(t, authority, hall, stream)
		p := q.serve()
		q.through(2, func(int) { p.fault() })
		q.end()
	})
}

// TestPostgresRestartedDuringRenewals: the database goes away under the server,
// as in a power cut of its machine, and comes back.
func TestPostgresRestartedDuringRenewals(t *testing.T) {
	t.Parallel() // mostly they wait for jobs of the killed to be taken up again
	cluster, err := storetest.StartCluster(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	authority, hall := schemas(cluster.URL("postgres"))
	q := newQuarter(t, authority, hall, stream)
	q.serve()
	q.through(3, func(int) {
		if err := cluster.Restart(); err != nil {
			t.Error(err)
		}
	})
	q.end()
}

// TestDiskFullDuringRenewals: the disk of both databases fills up and is made
// room on again.
func TestDiskFullDuringRenewals(t *testing.T) {
	t.Parallel() // mostly they wait for jobs of the killed to be taken up again
	disk := smallDisk(t, "24m")
	authority, hall := sqliteFiles(disk)
	q := newQuarter(t, authority, hall, stream)
	q.serve()
	ballast := filepath.Join(disk, "ballast")
	q.through(4, func(n int) {
		if n%2 == 1 {
			fill(t, ballast)
		} else if err := os.Remove(ballast); err != nil {
			t.Error(err)
		}
	})
	if err := os.RemoveAll(ballast); err != nil {
		t.Error(err)
	}
	q.end()
}

// smallDisk mounts a file system in memory.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if said, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "certhall-test", dir).CombinedOutput(); err != nil {
		t.Fatalf("CANNOT MOUNT a small disk (this test wants to run as root): %v\n%s", err, said)
	}
	t.Cleanup(func() {
		if said, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, said)
		}
	})
	return dir
}

// fill writes until nothing fits any more.
func fill(t *testing.T, path string) {
	file, err := os.Create(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	block := make([]byte, 64<<10)
	for size := len(block); size > 0; {
		if _, err := file.Write(block[:size]); err != nil {
			size /= 2
		}
	}
}

// TestRolesKilledDuringRenewals: each role in processes of its own over
// PostgreSQL, two of them issuing, and any of them may be killed.
func TestRolesKilledDuringRenewals(t *testing.T) {
	t.Parallel() // mostly they wait for jobs of the killed to be taken up again
	authority, hall := schemas(storetest.Postgres(t))
	q := newQuarter(t, authority, hall, stream)
	var issuers []string
	for n := range 2 {
		internal := freePort(t)
		issuers = append(issuers, internal)
		q.start("serve", "--roles", "issue", "--dir", q.node("issue", n), "--listen", freePort(t), "--internal-listen", internal,
			"--authority-db", authority, "--passphrase-fd", "3")
	}
	status := freePort(t)
	q.start("serve", "--roles", "publish", "--dir", q.node("publish", 0), "--listen", status, "--authority-db", authority)
	q.start("serve", "--roles", "hall", "--dir", q.node("hall", 0), "--listen", q.address, "--authority-nodes", strings.Join(issuers, ","),
		"--hall-db", hall, "--sms", "outbox", "--proxy", "127.0.0.1/32")
	q.through(5, func(n int) { q.servers[n%len(q.servers)].fault() })
	q.end()
}

// node makes the folder of a machine with one role, as an operator does.
func (q *quarter) node(role string, n int) string {
	q.t.Helper()
	bin, err := binaries()
	if err != nil {
		q.t.Fatal(err)
	}
	out := filepath.Join(q.t.TempDir(), role)
	make := exec.Command(filepath.Join(bin, "certhall"), "admin", "node-certificate", "--dir", q.dir, "--role", role,
		"--name", fmt.Sprint(role, n), "--out", out, "--passphrase-fd", "3")
	make.ExtraFiles = []*os.File{passphrase(q.t)}
	if said, err := make.CombinedOutput(); err != nil {
		q.t.Fatalf("%v\n%s", err, said)
	}
	return out
}
