package neighbours

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Find looks through the processes of this PC: the table of TCP listeners with
// their owners (GetExtendedTcpTable) and the modules of each process (tool help
// snapshots). Processes of other users show no modules.
func Find(ctx context.Context, w Wanted) ([]Neighbour, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	listening, err := listeners(w.Ports)
	if err != nil {
		return nil, err
	}
	var found []Neighbour
	for port, pid := range listening {
		n := Neighbour{}
		if p, ok := all[pid]; ok {
			n = p.neighbour("")
		}
		n.Port = port
		found = append(found, n)
	}
	for pid, p := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, module := range modules(pid) {
			if w.wants(module) {
				found = append(found, p.neighbour(module))
			}
		}
	}
	return told(found), nil
}

// processes are all of this PC, by their ids.
func processes() (map[uint32]process, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(snapshot)
	all := map[uint32]process{}
	e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
		all[e.ProcessID] = process{int(e.ProcessID), windows.UTF16ToString(e.ExeFile[:])}
	}
	if err != windows.ERROR_NO_MORE_FILES {
		return nil, err
	}
	return all, nil
}

// modules are the names of the libraries that a process has loaded, 32-bit ones
// too; none where this user may not look.
func modules(pid uint32) []string {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPMODULE|windows.TH32CS_SNAPMODULE32, pid)
	if err != nil {
		return nil
	}
	defer windows.CloseHandle(snapshot)
	var names []string
	e := windows.ModuleEntry32{Size: uint32(unsafe.Sizeof(windows.ModuleEntry32{}))}
	for err = windows.Module32First(snapshot, &e); err == nil; err = windows.Module32Next(snapshot, &e) {
		names = append(names, windows.UTF16ToString(e.Module[:]))
	}
	return names
}

// tcpTableOwnerPIDListener is TCP_TABLE_OWNER_PID_LISTENER (iprtrmib.h).
const tcpTableOwnerPIDListener = 3

var getExtendedTCPTable = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")

// listeners are the processes that listen on these ports of the IPv4 loopback
// address, or of all.
func listeners(ports []int) (map[int]uint32, error) {
	if err := getExtendedTCPTable.Find(); err != nil {
		return nil, err
	}
	table := make([]byte, 16<<10)
	for {
		size := uint32(len(table))
		code, _, _ := getExtendedTCPTable.Call(uintptr(unsafe.Pointer(&table[0])), uintptr(unsafe.Pointer(&size)), 0, windows.AF_INET, tcpTableOwnerPIDListener, 0)
		if code == uintptr(windows.ERROR_INSUFFICIENT_BUFFER) {
			table = make([]byte, size+4<<10) // it may grow meanwhile
			continue
		}
		if code != 0 {
			return nil, windows.Errno(code)
		}
		return owners(table, ports), nil
	}
}

// owners reads a MIB_TCPTABLE_OWNER_PID: the number of rows, then rows of state,
// local address and port, remote address and port, process.
func owners(table []byte, ports []int) map[int]uint32 {
	const row = 24
	found := map[int]uint32{}
	n := int(binary.LittleEndian.Uint32(table))
	for at := 4; n > 0 && at+row <= len(table); n, at = n-1, at+row {
		ip := net.IP(table[at+4 : at+8])
		port := int(binary.BigEndian.Uint16(table[at+8:]))
		if slices.Contains(ports, port) && (ip.IsLoopback() || ip.IsUnspecified()) {
			found[port] = binary.LittleEndian.Uint32(table[at+20:])
		}
	}
	return found
}
