package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestReadUsers(t *testing.T) {
	list, err := readUsers(strings.NewReader("\ufeffEmail, password,holds,otp,country\nana@example.com,\" a, password\",VIRTUAL METAL,true,us\nbob@example.com,,,,\n"), "users.csv")
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v %v", list, err)
	}
	ana := list[0].user
	if list[0].line != 2 || ana.Email != "ana@example.com" || ana.Password != " a, password" || !slices.Equal(ana.Holds, []string{"VIRTUAL", "METAL"}) || !ana.OTP || ana.Country != "US" {
		t.Errorf("%+v", list[0])
	}
	for text, want := range map[string]string{
		"":                           "first line",
		"email,shoe\na@b.c,43\n":     `no column "shoe"`,
		"email,email\na@b.c,a@b.c\n": "twice",
		"phone\n1\n":                 "email is missing",
		"email\n":                    "holds no user",
		"email,otp\na@b.c,perhaps\n": "line 2: otp",
		"email,otp\n,true\n":         "line 2: no e-mail",
		"email,otp\na@b.c\n":         "wrong number of fields",
		"email\na@b.c\n\n\"b@c.d\n":  "line 4",
	} {
		if _, err := readUsers(strings.NewReader(text), "users.csv"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
