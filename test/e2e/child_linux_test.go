package e2e

import "syscall"

// ownGroup gives a child a process group, so that what it leaves behind is found. The kernel ends the child
// when the tests end in a way that lets them clean up nothing.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
