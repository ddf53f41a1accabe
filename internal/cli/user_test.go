package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"till/internal/operator/client"
)

// typing gives the commands of a test a standard input.
func typing(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "typed")
	writeFile(t, path, text)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdin
	os.Stdin = file
	t.Cleanup(func() { os.Stdin = was; file.Close() })
}

// Nobody is there of himself; a person gets the password that is given, and none is ever printed.
func TestUserCommands(t *testing.T) {
	devServer(t)
	if list := answer[[]client.Person](t, "user", "list"); len(list) != 0 || list == nil {
		t.Fatalf("%+v", list)
	}
	const password, other = "correct horse battery", "another horse battery"
	typing(t, password+"\r\n"+other+"\nshort\n")
	wants(t, []string{"ann@example.com", "operator, default=owner"}, "user", "add", "Ann@example.com", "--operator", "--role=default=owner")
	wants(t, []string{"ann@example.com", "another password", "ended"}, "user", "passwd", "ann@example.com")
	fails(t, 1, "invalid_value", "user", "add", "bob")
	fails(t, 1, "standard input", "user", "add", "bob") // there is no further line
	typing(t, "")
	fails(t, 1, "standard input", "user", "passwd", "ann@example.com")
	typing(t, strings.Repeat("x", 5000))
	fails(t, 1, "too long", "user", "passwd", "ann@example.com")
	fails(t, 1, "no terminal", "user", "add", "bob", "--generate")
	fails(t, 1, "leave --json out", "user", "add", "bob", "--generate", "--json")
	fails(t, 1, "duplicate_reference", addWith(t, password, "ann@EXAMPLE.com")...)
	fails(t, 1, "no merchant 'none'", addWith(t, password, "bob", "--role=none=owner")...)
	fails(t, 1, "invalid_value", addWith(t, password, "bob", "--role=default=boss")...)

	list := command(t, "user", "list")
	if !strings.Contains(list, "ann@example.com") || strings.Contains(list, password) || strings.Contains(list, other) || strings.Contains(list, "argon2") {
		t.Errorf("%s", list)
	}
	wants(t, []string{"is now: default=viewer"}, "user", "roles", "ann@example.com", "--role=default=viewer")
	wants(t, []string{"is now: -"}, "user", "roles", "ann@example.com", "--none")
	fails(t, 1, "--none", "user", "roles", "ann@example.com")
	fails(t, 1, "--none", "user", "roles", "ann@example.com", "--none", "--operator")
	wants(t, []string{"is kept out"}, "user", "disable", "ann@example.com")
	if list := answer[[]client.Person](t, "user", "list"); len(list) != 1 || list[0].Active {
		t.Errorf("%+v", list)
	}
	wants(t, []string{"may log in"}, "user", "enable", "ann@example.com")
	fails(t, 1, "not_found", "user", "disable", "nobody")

	wants(t, []string{"SESSION"}, "user", "sessions", "ann@example.com")
	fails(t, 1, "not_found", "user", "sessions", "ann@example.com", "--end=log_none")
}

// addWith is the arguments that add a person, with the password typed.
func addWith(t *testing.T, password, name string, more ...string) []string {
	t.Helper()
	typing(t, password+"\n")
	return append([]string{"user", "add", name}, more...)
}
