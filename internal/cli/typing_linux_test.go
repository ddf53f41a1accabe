package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// On a terminal the password is asked for twice, and what is typed is not shown.
func TestPasswordOnATerminal(t *testing.T) {
	for what, c := range map[string]struct{ typed, want string }{
		"the same":     {"correct horse\ncorrect horse\n", ""},
		"not the same": {"correct horse\ncorrect house\n", "not the same"},
	} {
		keyboard, screen := openTerminal(t)
		var said bytes.Buffer
		terminal := &terminal{Context: context.Background(), in: screen, out: &bytes.Buffer{}, err: &said}
		if _, err := keyboard.WriteString(c.typed); err != nil {
			t.Fatal(err)
		}
		got, err := passwordFlags{}.password(terminal, false)
		if c.want == "" && (err != nil || got != "correct horse") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q %v", what, got, err)
		}
		if said.String() != "Password: \nAgain: \n" {
			t.Errorf("%s: %q", what, said.String())
		}
		if echoes(t, screen) != true {
			t.Errorf("%s: the terminal stays silent", what)
		}
	}

	// A password that was made is printed where a person sees it.
	_, screen := openTerminal(t)
	made, err := passwordFlags{Generate: true}.password(&terminal{Context: context.Background(), out: screen}, false)
	if err != nil || len(made) < 26 {
		t.Errorf("%q %v", made, err)
	}
	// Who gives up gets his terminal back.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (passwordFlags{}).password(&terminal{Context: ctx, in: screen, err: &bytes.Buffer{}}, false); err == nil || !echoes(t, screen) {
		t.Errorf("given up: %v", err)
	}
}

// openTerminal opens a pseudo terminal: what is written to the keyboard is typed on the screen.
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	fd := int(keyboard.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	return keyboard, screen
}

func echoes(t *testing.T, screen *os.File) bool {
	t.Helper()
	is, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return is.Lflag&unix.ECHO != 0
}
