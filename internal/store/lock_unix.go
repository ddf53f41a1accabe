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

// lockOwner takes the right to write the database: a lock on the side file "<path>.lock", which holds the
// owner's process id for people. The kernel frees the lock when the process ends, however it ends. The
// file itself stays: to remove it would let two processes lock two files of one name.
func lockOwner(path string) (release func() error, err error) {
	file, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("cannot lock %s: %w", file.Name(), err)
		}
		return nil, fmt.Errorf("%s is in use by another process (%s): only one may write it", path, ownerOfLock(file))
	}
	if err := errors.Join(file.Truncate(0), writePID(file)); err != nil {
		file.Close()
		return nil, err
	}
	return file.Close, nil
}

func writePID(file *os.File) error {
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func ownerOfLock(file *os.File) string {
	text := make([]byte, 32)
	n, _ := file.ReadAt(text, 0)
	if pid := strings.TrimSpace(string(text[:n])); pid != "" {
		return "pid " + pid
	}
	return "pid unknown"
}
