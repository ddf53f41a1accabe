package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"till/internal/operator/client"
)

// userImport adds users of a merchant's own: customers who log in at his applications, and never here.
type userImport struct {
	remote   `embed:""`
	Merchant string `default:"default" help:"Whose users."`
	Mode     string `required:"" enum:"live,sandbox" help:"live or sandbox."`
	Dialect  string `default:"baanx" help:"The API they log in through."`
	File     string `arg:"" type:"path" help:"A CSV whose first line names its columns: email, and any of password, phone, otp, verification, country, region, holds (words with spaces between). - is standard input."`
}

// usersAtOnce is how many users one request adds: each password takes the server its time.
const usersAtOnce = 20

func (c *userImport) Run(t *terminal) error {
	in, err := openInput(t, c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	list, err := readUsers(in, c.File)
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	var all client.UsersImported
	for begin := 0; begin < len(list); begin += usersAtOnce {
		part := list[begin:min(begin+usersAtOnce, len(list))]
		ask := client.UserImport{Merchant: c.Merchant, Mode: c.Mode, Dialect: c.Dialect}
		for _, u := range part {
			ask.Users = append(ask.Users, u.user)
		}
		got, err := api.ImportUsers(t, ask)
		if err != nil {
			return fmt.Errorf("%s: %w (of this file at least %d are there; to import it again is safe)", lineOfUser(c.File, part, err), err, begin)
		}
		all.Added += got.Added
		all.Present += got.Present
		if len(list) > usersAtOnce {
			fmt.Fprintf(t.err, "\r%d of %d", begin+len(part), len(list))
		}
	}
	if len(list) > usersAtOnce {
		fmt.Fprintln(t.err)
	}
	return c.show(t, all, func(w io.Writer) { row(w, all.Added, "users added, "+strconv.Itoa(all.Present)+" were there") })
}

// listedUser is a user of a file.
type listedUser struct {
	line int
	user client.NewUser
}

// lineOfUser is the file and, where the refusal names one of the users, his line.
func lineOfUser(file string, part []listedUser, err error) string {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		var i int
		if _, err := fmt.Sscanf(p.Param, "users[%d]", &i); err == nil && i < len(part) {
			return file + ", line " + strconv.Itoa(part[i].line)
		}
	}
	return file
}

var userColumns = []string{"email", "password", "phone", "otp", "verification", "country", "region", "holds"}

// readUsers reads a CSV (RFC 4180). The whole file is read before anybody is added, so that one with a mistake in it adds
// nobody.
func readUsers(in io.Reader, name string) ([]listedUser, error) {
	read := csv.NewReader(in)
	read.TrimLeadingSpace = true
	head, err := read.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: the first line names the columns: %w", name, err)
	}
	at := map[string]int{}
	for i, column := range head {
		column = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(column, "\ufeff")))
		if !slices.Contains(userColumns, column) {
			return nil, fmt.Errorf("%s, line 1: there is no column %q; there are %s", name, column, strings.Join(userColumns, ", "))
		}
		if _, twice := at[column]; twice {
			return nil, fmt.Errorf("%s, line 1: the column %s is there twice", name, column)
		}
		at[column] = i
	}
	if _, there := at["email"]; !there {
		return nil, fmt.Errorf("%s, line 1: the column email is missing", name)
	}
	var list []listedUser
	for {
		cells, err := read.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := read.FieldPos(0)
		cell := func(column string) string {
			if i, there := at[column]; there {
				return strings.TrimSpace(cells[i])
			}
			return ""
		}
		u := client.NewUser{
			Email: cell("email"), Phone: cell("phone"), Verification: strings.ToLower(cell("verification")), Country: strings.ToUpper(cell("country")),
			Region: strings.ToLower(cell("region")), Holds: strings.Fields(cell("holds")),
		}
		if i, there := at["password"]; there {
			u.Password = cells[i] // a password may begin with a space
		}
		if otp := cell("otp"); otp != "" {
			if u.OTP, err = strconv.ParseBool(otp); err != nil {
				return nil, fmt.Errorf("%s, line %d: otp is true or false", name, line)
			}
		}
		if u.Email == "" {
			return nil, fmt.Errorf("%s, line %d: no e-mail address", name, line)
		}
		list = append(list, listedUser{line, u})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no user", name)
	}
	return list, nil
}
