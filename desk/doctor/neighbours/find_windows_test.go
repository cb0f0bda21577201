package neighbours

import (
	"encoding/binary"
	"maps"
	"testing"
)

func TestOwners(t *testing.T) {
	table := make([]byte, 4+3*24)
	binary.LittleEndian.PutUint32(table, 3)
	for i, r := range []struct {
		ip   [4]byte
		port uint16
		pid  uint32
	}{{[4]byte{127, 0, 0, 1}, 17083, 11}, {[4]byte{10, 0, 0, 1}, 27083, 12}, {[4]byte{}, 37083, 13}} {
		row := table[4+i*24:]
		copy(row[4:], r.ip[:])
		binary.BigEndian.PutUint16(row[8:], r.port)
		binary.LittleEndian.PutUint32(row[20:], r.pid)
	}
	if got := owners(table, []int{17083, 27083, 37083}); !maps.Equal(got, map[int]uint32{17083: 11, 37083: 13}) {
		t.Error(got)
	}
	if got := owners(table[:9], []int{17083}); len(got) != 0 {
		t.Error(got)
	}
}
