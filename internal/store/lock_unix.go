//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ownerLock is the right to write the database: a lock on the side file "<path>.lock". The kernel frees it
// when the process ends, however it ends. The file holds the owner's process id while the database is open,
// and stays behind: to remove it would let two processes lock two files of one name.
type ownerLock struct {
	file    *os.File
	crashed bool // the last owner did not close the database
}

// lockOwner takes the lock or says who has it.
func lockOwner(path string) (*ownerLock, error) {
	file, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	pid := readPID(file)
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("cannot lock %s: %w", file.Name(), err)
		}
		return nil, fmt.Errorf("%s is in use by another process (pid %s): only one may write it", path, pid)
	}
	return &ownerLock{file: file, crashed: pid != ""}, nil
}

// begin notes this process as the owner.
func (l *ownerLock) begin() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// release frees the lock after the database was closed. It unlocks before it closes: a child process that is
// just being started has the file open too.
func (l *ownerLock) release() error {
	return errors.Join(l.file.Truncate(0), syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

func readPID(file *os.File) string {
	text := make([]byte, 32)
	n, _ := file.ReadAt(text, 0)
	return strings.TrimSpace(string(text[:n]))
}
