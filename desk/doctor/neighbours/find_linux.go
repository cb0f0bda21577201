package neighbours

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Find looks through the processes of this PC.
func Find(ctx context.Context, w Wanted) ([]Neighbour, error) {
	return system{"/proc", "/sys"}.find(ctx, w)
}

// system is where Linux shows itself (proc(5), sysfs(5)).
type system struct{ proc, sys string }

func (s system) find(ctx context.Context, w Wanted) ([]Neighbour, error) {
	sockets, err := s.listening(w.Ports)
	if err != nil {
		return nil, err
	}
	files := slices.Concat(s.devices(), w.Files)
	entries, err := os.ReadDir(s.proc)
	if err != nil {
		return nil, err
	}
	var found []Neighbour
	seen := map[int]bool{} // ports whose program is known
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := process{pid: pid}
		if p.path, err = os.Readlink(filepath.Join(s.proc, e.Name(), "exe")); err != nil {
			continue // of the kernel, of another user, or gone
		}
		p.path = strings.TrimSuffix(p.path, " (deleted)")
		for _, opened := range s.opened(e.Name()) {
			n := p.neighbour("")
			if port := sockets[opened]; port != 0 {
				n.Port, seen[port] = port, true
				found = append(found, n)
			} else if slices.Contains(files, opened) {
				n.File = shown(opened)
				found = append(found, n)
			}
		}
		for _, loaded := range s.mapped(e.Name()) {
			if w.wants(loaded) {
				found = append(found, p.neighbour(filepath.Base(loaded)))
			}
		}
	}
	for _, port := range sockets {
		if !seen[port] {
			found = append(found, Neighbour{Port: port})
			seen[port] = true
		}
	}
	return told(found), nil
}

// opened are the files and sockets that a process has open.
func (s system) opened(pid string) []string {
	dir := filepath.Join(s.proc, pid, "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			all = append(all, target)
		}
	}
	return all
}

// mapped are the files that a process has mapped.
func (s system) mapped(pid string) []string {
	file, err := os.Open(filepath.Join(s.proc, pid, "maps"))
	if err != nil {
		return nil
	}
	defer file.Close()
	var all []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// address perms offset dev inode path
		if at := strings.IndexByte(lines.Text(), '/'); at >= 0 {
			if path := strings.TrimSuffix(lines.Text()[at:], " (deleted)"); !slices.Contains(all, path) {
				all = append(all, path)
			}
		}
	}
	return all
}

// listenState is TCP_LISTEN as /proc/net/tcp writes it.
const listenState = "0A"

// listening are the sockets that keep the agent from these ports, as their
// processes have them open, with their ports.
func (s system) listening(ports []int) (map[string]int, error) {
	found := map[string]int{}
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		data, err := os.ReadFile(filepath.Join(s.proc, name))
		if os.IsNotExist(err) {
			continue // no IPv6 here
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			// sl local_address rem_address st … uid timeout inode
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != listenState {
				continue
			}
			if ip, port := socketAddress(f[1]); slices.Contains(ports, port) && (ip.IsLoopback() || ip.IsUnspecified()) {
				found["socket:["+f[9]+"]"] = port
			}
		}
	}
	return found, nil
}

// socketAddress reads an address as /proc/net/tcp writes it: words of the
// machine's own order in hex, a colon, the port.
func socketAddress(text string) (net.IP, int) {
	words, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(raw)%4 != 0 {
		return nil, 0
	}
	for at := 0; at < len(raw); at += 4 {
		binary.BigEndian.PutUint32(raw[at:], binary.NativeEndian.Uint32(raw[at:]))
	}
	return net.IP(raw), int(n)
}

// smartCardClass is the class of USB interfaces that are smart cards (USB-IF).
const smartCardClass = "0b"

// keyMakers are USB vendor ids of makers of keys whose devices have no class of
// their own: Feitian, Longmai, SafeNet (Aladdin).
var keyMakers = []string{"096e", "055c", "0529"}

// devices are the nodes of keys on the USB.
func (s system) devices() []string {
	dir := filepath.Join(s.sys, "bus/usb/devices")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var nodes []string
	for _, e := range entries {
		device, _, isInterface := strings.Cut(e.Name(), ":")
		read := func(of, name string) string {
			data, _ := os.ReadFile(filepath.Join(dir, of, name))
			return strings.TrimSpace(string(data))
		}
		isKey := isInterface && read(e.Name(), "bInterfaceClass") == smartCardClass || !isInterface && slices.Contains(keyMakers, read(device, "idVendor"))
		bus, err := strconv.Atoi(read(device, "busnum"))
		number, err2 := strconv.Atoi(read(device, "devnum"))
		if isKey && err == nil && err2 == nil {
			nodes = append(nodes, "/dev/bus/usb/"+three(bus)+"/"+three(number))
		}
		if isKey {
			hidden, _ := filepath.Glob(filepath.Join(dir, device+":*", "*", "hidraw", "hidraw*"))
			for _, path := range hidden {
				nodes = append(nodes, "/dev/"+filepath.Base(path))
			}
		}
	}
	return nodes
}

// shown is a file as people are told of it: a device by its path, others by
// their name.
func shown(path string) string {
	if strings.HasPrefix(path, "/dev/") {
		return path
	}
	return filepath.Base(path)
}

func three(n int) string {
	text := strconv.Itoa(n)
	return strings.Repeat("0", max(0, 3-len(text))) + text
}
