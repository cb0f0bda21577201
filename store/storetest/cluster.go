package storetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Cluster is a throwaway PostgreSQL server that listens on a socket in its own
// folder. It stops and removes itself when the process that started it ends,
// however that ends.
type Cluster struct {
	folder string
	alive  io.WriteCloser // the watchdog stops the server once this is closed
	says   *bufio.Reader
	done   chan error
	log    *bytes.Buffer
}

// The watchdog runs beside the server, as its user: it says "ready", restarts
// the server for every line it reads, and stops it at the end of its input,
// which comes with the end of our process.
const watchdog = `
"$1/initdb" -D "$2/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >&2 &&
"$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 60 -o "$3" start >&2 || { cat "$2/log" >&2; rm -rf "$2"; exit 1; }
echo ready
while read -r how; do
	"$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 60 -m "$how" -o "$3" restart >&2 && echo ready || echo failed
done
"$1/pg_ctl" -D "$2/data" -m immediate stop >&2
rm -rf "$2"
`

// StartCluster starts a server. A durable one flushes every commit, for
// measuring; tests do without. PostgreSQL is installed if it is missing.
func StartCluster(durable bool) (*Cluster, error) {
	binaries, err := findPostgres()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("/tmp", "certhall-pg-") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	attributes, err := unprivileged(folder)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	options := "-c listen_addresses='' -c max_connections=200 -k " + folder
	if durable {
		options += " -c shared_buffers=512MB -c max_wal_size=4GB"
	} else {
		options += " -c fsync=off -c full_page_writes=off"
	}
	c := &Cluster{folder: folder, done: make(chan error, 1), log: new(bytes.Buffer)}
	command := exec.Command("/bin/sh", "-c", watchdog, "watchdog", binaries, folder, options)
	command.Dir, command.SysProcAttr, command.Stderr = folder, attributes, c.log
	command.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	if c.alive, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	c.says = bufio.NewReader(output)
	if err := c.ready(); err != nil {
		_ = c.alive.Close()
		go func() { c.done <- command.Wait() }()
		<-c.done
		return nil, err
	}
	go func() { c.done <- command.Wait() }()
	return c, nil
}

func (c *Cluster) ready() error {
	if line, err := c.says.ReadString('\n'); err != nil || line != "ready\n" {
		return fmt.Errorf("storetest: PostgreSQL did not start: %v\n%s", err, c.log)
	}
	return nil
}

// Restart stops the server the hard way (pg_ctl's mode immediate: connections
// break off, and recovery runs at the start) and starts it again.
func (c *Cluster) Restart() error {
	if _, err := io.WriteString(c.alive, "immediate\n"); err != nil {
		return err
	}
	return c.ready()
}

// URL is the address of a database of the cluster.
func (c *Cluster) URL(database string) string {
	return "postgres:///" + database + "?host=" + c.folder + "&user=postgres"
}

// Stop stops the server and removes its folder.
func (c *Cluster) Stop() error {
	return errors.Join(c.alive.Close(), <-c.done)
}

// unprivileged gives the folder to a user that PostgreSQL accepts: it refuses
// to run as root.
func unprivileged(folder string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{Setpgid: true}, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err1 := strconv.Atoi(account.Uid)
	gid, err2 := strconv.Atoi(account.Gid)
	return &syscall.SysProcAttr{
		Setpgid:    true, // an interrupt at the terminal is ours; the server follows when we end
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
	}, errors.Join(err1, err2, os.Chown(folder, uid, gid))
}

var install sync.Once

func findPostgres() (string, error) {
	if folder, ok := installed(); ok {
		return folder, nil
	}
	var output []byte
	var err error
	install.Do(func() {
		command := "apt-get update && apt-get install -y --no-install-recommends postgresql"
		if os.Geteuid() != 0 {
			command = "sudo -n sh -c '" + command + "'"
		}
		apt := exec.Command("/bin/sh", "-c", command)
		apt.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		output, err = apt.CombinedOutput()
	})
	if folder, ok := installed(); ok {
		return folder, nil
	}
	return "", fmt.Errorf("storetest: PostgreSQL's server is missing and could not be installed: %v\n%s", err, output)
}

// installed finds the folder with initdb and pg_ctl: the newest Debian one, or
// the one in PATH.
func installed() (string, bool) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	for _, folder := range append(folders, filepath.SplitList(os.Getenv("PATH"))...) {
		if executable(folder+"/initdb") && executable(folder+"/pg_ctl") && executable(folder+"/postgres") {
			return folder, true
		}
	}
	return "", false
}

func version(folder string) int {
	n, _ := strconv.Atoi(strings.Split(folder, "/")[4])
	return n
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0 && !info.IsDir()
}
