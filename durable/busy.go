package durable

import (
	"os"
	"time"
)

// On Windows a file cannot be replaced while somebody reads it, nor opened at
// the moment in which it is replaced: another program's look at a key, or a
// virus scanner's, would be an error. Both are over soon.
const (
	busyWait  = 2 * time.Second
	busyAgain = 5 * time.Millisecond
)

// Open is os.Open for a file that Replace may be replacing.
func Open(path string) (file *os.File, err error) {
	err = patiently(func() error {
		file, err = os.Open(path)
		return err
	}, busy, time.Sleep)
	return file, err
}

// Read is os.ReadFile for such a file.
func Read(path string) (data []byte, err error) {
	err = patiently(func() error {
		data, err = os.ReadFile(path)
		return err
	}, busy, time.Sleep)
	return data, err
}

// rename is os.Rename where somebody may be reading the file that goes.
func rename(from, to string) error {
	return patiently(func() error { return os.Rename(from, to) }, busy, time.Sleep)
}

// patiently tries again for a while, if others are in the way.
func patiently(try func() error, busy func(error) bool, sleep func(time.Duration)) error {
	err := try()
	for waited := time.Duration(0); err != nil && busy(err) && waited < busyWait; waited += busyAgain {
		sleep(busyAgain)
		err = try()
	}
	return err
}
