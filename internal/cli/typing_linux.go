package cli

import (
	"os"

	"golang.org/x/sys/unix" // BSD-3-Clause
)

// hideTyping makes a terminal not show what is typed; show undoes it.
func hideTyping(terminal *os.File) (show func(), err error) {
	fd := int(terminal.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	silent := *was
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ICANON | unix.ISIG
	return func() { unix.IoctlSetTermios(fd, unix.TCSETS, was) }, unix.IoctlSetTermios(fd, unix.TCSETS, &silent)
}
