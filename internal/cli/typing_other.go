//go:build !linux

package cli

import (
	"errors"
	"os"
)

// hideTyping is known for Linux only: elsewhere a password is given on standard input.
func hideTyping(*os.File) (show func(), err error) {
	return nil, errors.New("not known on this system")
}
