package neighbours

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// played names what the test binary plays when it is run as a program.
const played = "NEIGHBOURS_PLAYED"

func TestMain(m *testing.M) {
	if folder := os.Getenv(played); folder != "" {
		play(folder)
		return
	}
	os.Exit(m.Run())
}

// play is a program that listens, has a key's library loaded and its lock file
// open, tells where it listens, and ends with its input.
func play(folder string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	lock, err := os.Open(filepath.Join(folder, "key.lock"))
	if err != nil {
		panic(err)
	}
	defer lock.Close()
	library, err := os.Open(filepath.Join(folder, "libgm3000.1.0.so"))
	if err != nil {
		panic(err)
	}
	if _, err := syscall.Mmap(int(library.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_PRIVATE); err != nil {
		panic(err)
	}
	library.Close()
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// start runs the test binary as a program of this name, and gives its id and
// the port that it listens on.
func start(t *testing.T, name, folder string) (pid, port int) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, name)
	for file, content := range map[string][]byte{program: self, filepath.Join(folder, "key.lock"): nil, filepath.Join(folder, "libgm3000.1.0.so"): make([]byte, 4096)} {
		if err := os.WriteFile(file, content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), program)
	c.Env = append(os.Environ(), played+"="+folder)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if port, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid, port
}

// TestRealProcess: a program of another name is found by its port, its library
// and the lock that it holds; ours is told as ours.
func TestRealProcess(t *testing.T) {
	for name, ours := range map[string]bool{"stranger": false, "certhall-agent": true} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			pid, port := start(t, name, folder)
			found, err := Find(t.Context(), Wanted{Ports: []int{port}, Files: []string{filepath.Join(folder, "key.lock")}})
			if err != nil {
				t.Fatal(err)
			}
			var has []string
			for _, n := range found {
				if n.PID != pid {
					continue // whatever else this machine does
				}
				if n.Program != name || n.Own != ours {
					t.Errorf("%+v", n)
				}
				switch {
				case n.Port == port:
					has = append(has, "port")
				case n.Library == "libgm3000.1.0.so" && n.Known != nil && n.Known.Stop == "tray":
					has = append(has, "library")
				case n.File == "key.lock":
					has = append(has, "lock")
				}
			}
			if slices.Sort(has); !slices.Equal(has, []string{"library", "lock", "port"}) {
				t.Errorf("%v of %+v", has, found)
			}
		})
	}
}

// TestOwnProcess: the program that looks is its own.
func TestOwnProcess(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	found, err := Find(t.Context(), Wanted{Ports: []int{port}})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(found, func(n Neighbour) bool { return n.Port == port })
	if at < 0 || !found[at].Own || found[at].PID != os.Getpid() {
		t.Errorf("%+v", found)
	}
}

// tree writes a system's files and links.
func tree(t *testing.T, files, links map[string]string) system {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range links {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	return system{filepath.Join(root, "proc"), filepath.Join(root, "sys")}
}

const tcpHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// TestSystem: what a system shows is read as it is written there.
func TestSystem(t *testing.T) {
	s := tree(t, map[string]string{
		// 127.0.0.1:17083 listens; 0.0.0.0:27083 listens, nobody's; a connection to 37083; 10.0.0.1:37083 listens
		"proc/net/tcp": tcpHead +
			"   0: 0100007F:42BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 501 1 0000000000000000 100 0 0 10 0\n" +
			"   1: 00000000:69CB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 502 1 0000000000000000 100 0 0 10 0\n" +
			"   2: 0100007F:90DB 0100007F:42BB 01 00000000:00000000 00:00000000 00000000  1000        0 503 1 0000000000000000 100 0 0 10 0\n" +
			"   3: 0100000A:90DB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 504 1 0000000000000000 100 0 0 10 0\n",
		"proc/71/maps":                                "7f00-7f10 r-xp 00000000 08:01 9 /usr/lib/libc.so.6\n7f20-7f30 r-xp 00000000 08:01 10 /opt/epass/libcastle.so.1.0.0\n7f30-7f40 r--p 00000000 08:01 10 /opt/epass/libcastle.so.1.0.0\n",
		"proc/72/maps":                                "7f20-7f30 r-xp 00000000 08:01 11 /opt/x/libunheardof.so (deleted)\n",
		"proc/73/maps":                                "",
		"sys/bus/usb/devices/1-2/idVendor":            "1234\n",
		"sys/bus/usb/devices/1-2/busnum":              "1\n",
		"sys/bus/usb/devices/1-2/devnum":              "7\n",
		"sys/bus/usb/devices/1-2:1.0/bInterfaceClass": "0b\n",
		"sys/bus/usb/devices/1-3/idVendor":            "096e\n",
		"sys/bus/usb/devices/1-3/busnum":              "1\n",
		"sys/bus/usb/devices/1-3/devnum":              "12\n",
		"sys/bus/usb/devices/1-3:1.0/0003:096E:0807.0001/hidraw/hidraw3/dev": "241:3\n",
		"sys/bus/usb/devices/1-4/idVendor":                                   "046d\n",
		"sys/bus/usb/devices/1-4/busnum":                                     "1\n",
		"sys/bus/usb/devices/1-4/devnum":                                     "13\n",
	}, map[string]string{
		"proc/71/exe": "/opt/epass/ePassManager", "proc/71/fd/3": "socket:[501]", "proc/71/fd/4": "/dev/hidraw3", "proc/71/fd/5": "/dev/bus/usb/001/013",
		"proc/72/exe": "/usr/bin/bidding (deleted)", "proc/72/fd/3": "/dev/bus/usb/001/007",
		"proc/73/exe": "/usr/sbin/pcscd", "proc/73/fd/9": "/dev/bus/usb/001/007", "proc/73/fd/10": "socket:[504]",
	})
	found, err := s.find(t.Context(), Wanted{Ports: []int{17083, 27083, 37083}, Libraries: []string{"/opt/y/LibUnheardOf.so"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range found {
		name := ""
		if n.Known != nil {
			name = n.Known.Names["en"]
		}
		got = append(got, fmt.Sprintf("%d %s %d%s%s %s", n.PID, n.Program, n.Port, n.Library, n.File, name))
	}
	want := []string{
		"0  27083 ", // nobody's that we may see
		"71 ePassManager 17083 Feitian ePass tools",
		"71 ePassManager 0libcastle.so.1.0.0 Feitian ePass tools",
		"71 ePassManager 0/dev/hidraw3 Feitian ePass tools",
		"72 bidding 0libunheardof.so ",
		"72 bidding 0/dev/bus/usb/001/007 ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s", strings.Join(got, "\n"))
	}
}

func TestSocketAddress(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:42BB": "127.0.0.1 17083", "00000000000000000000000001000000:0050": "::1 80", "0000000000000000FFFF00000100007F:0050": "127.0.0.1 80",
		"": "<nil> 0", "zz:1": "<nil> 0",
	} {
		ip, port := socketAddress(text)
		if got := fmt.Sprint(ip, " ", port); strings.Join(strings.Fields(got), " ") != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
