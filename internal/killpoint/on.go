//go:build killpoint

package killpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// passes counts down to the pass that kills.
var (
	victim string
	passes atomic.Int64
)

func init() {
	name, count, counted := strings.Cut(os.Getenv("TILL_KILLPOINT"), ":")
	n := int64(1)
	if counted {
		var err error
		if n, err = strconv.ParseInt(count, 10, 64); err != nil || n < 1 {
			panic("TILL_KILLPOINT must be name or name:n with n from 1 on")
		}
	}
	victim = name
	passes.Store(n)
}

// Here kills the process when TILL_KILLPOINT names this place and its pass has come.
func Here(name string) {
	if name != victim || passes.Add(-1) != 0 {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic("killpoint " + name + ": " + err.Error())
	}
	select {} // the signal may take a moment; nothing more happens here
}
