//go:build unix && !linux

package e2e

import "syscall"

// ownGroup gives a child a process group, so that what it leaves behind is found.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
