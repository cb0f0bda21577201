package durable

import (
	"errors"

	"golang.org/x/sys/windows"
)

// busy tells whether a file could not be opened, or not be replaced, because
// others have it open. Of the second Windows says that access is denied.
func busy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}
