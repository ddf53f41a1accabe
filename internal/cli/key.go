package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"till/internal/app"
	"till/internal/operator/client"
)

type keyCommand struct {
	List   keyList   `cmd:"" help:"List API keys and operators' tokens."`
	Add    keyAdd    `cmd:"" help:"Make an API key, or an operator's token. Prints it, this once."`
	Rotate keyRotate `cmd:"" help:"Make a key in place of another, which goes on for a while. Prints the new one, this once."`
	Revoke keyRevoke `cmd:"" help:"End a key for good, within a second."`

	Signing       keySigning       `cmd:"" help:"List the key pairs that APIs sign their keys with."`
	RotateSigning keyRotateSigning `cmd:"" help:"Make another key pair for an API to sign its keys with. Keys that there are go on."`

	RotateMaster keyRotateMaster `cmd:"" help:"Replace the master key that seals webhook secrets. The server must be stopped."`
}

type keyList struct {
	remote   `embed:""`
	Merchant string `help:"Of this merchant."`
	Mode     string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Limit    int    `default:"100" help:"At most as many."`
}

func (c *keyList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Key{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Keys(t, client.KeyQuery{Merchant: c.Merchant, Mode: c.Mode, After: after, Limit: n})
		list = append(list, page.Keys...)
		return len(page.Keys), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "KEY", "BEGINS", "ACTIVE", "MERCHANT", "MODE", "API", "SCOPES", "EXPIRES", "NAME")
		for _, k := range list {
			merchant, api, scopes := k.Merchant, k.Dialect, "everything"
			switch {
			case k.Organisation != "":
				merchant = "(all of " + k.Organisation + ")"
			case merchant == "":
				merchant, api = "(operator)", "operator"
			}
			if len(k.Scopes) > 0 {
				scopes = strings.Join(k.Scopes, ",")
			}
			row(w, k.ID, k.Shown+"...", k.Active, merchant, dash(k.Mode), api, scopes, momentOf(k.ExpiresAt), dash(k.Name))
		}
	})
}

type keyAdd struct {
	remote       `embed:""`
	Operator     bool          `help:"An operator's token instead of a merchant's key."`
	Merchant     string        `default:"default" help:"Whose key."`
	Organisation string        `help:"A key for all merchants of this organisation, where the API has such keys, instead of one merchant's."`
	Mode         string        `enum:",live,sandbox" default:"" help:"live or sandbox; an operator's token without it is for both."`
	Dialect      string        `help:"The API it opens."`
	Name         string        `help:"For people."`
	Scopes       []string      `name:"scope" help:"What it may do, like orders:read; may be repeated. Default: everything."`
	Publishable  bool          `help:"A key for pages that everybody reads, where the API has such keys."`
	For          time.Duration `name:"for" placeholder:"DURATION" help:"How long it is valid, like 720h. Default: until it is revoked."`
}

func (c *keyAdd) Run(t *terminal) error {
	ask := client.NewKey{Name: c.Name, Merchant: c.Merchant, Mode: c.Mode, Dialect: c.Dialect, Scopes: c.Scopes, Publishable: c.Publishable}
	switch {
	case c.Operator && c.Organisation != "":
		return errors.New("an operator's token is no organisation's: leave --organisation out")
	case c.Operator && c.Dialect != "":
		return errors.New("an operator's token opens the operator API and no other: leave --dialect out")
	case c.Operator:
		ask.Merchant = ""
	case c.Organisation != "":
		ask.Merchant, ask.Organisation = "", c.Organisation
	}
	switch {
	case c.Operator:
	case c.Dialect == "" || c.Mode == "":
		return errors.New("say which API the key opens (--dialect) and in which mode (--mode), or --operator")
	}
	if c.For < 0 {
		return errors.New("--for must be more than zero")
	}
	if c.For > 0 {
		ask.ExpiresAt = new(time.Now().Add(c.For))
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	k, err := api.AddKey(t, ask)
	if err != nil {
		return err
	}
	return c.showKey(t, k)
}

// showKey shows a key that was just made.
func (c remote) showKey(t *terminal, k client.Key) error {
	return c.show(t, k, func(w io.Writer) {
		row(w, "id", k.ID)
		if k.Secret != "" {
			row(w, "api key", k.Key)
			row(w, "secret", k.Secret)
			row(w, "", "Keep the secret: it is not shown again.")
			return
		}
		row(w, "key", k.Key)
		row(w, "", "Keep the key: it is not shown again.")
	})
}

type keyRotate struct {
	remote  `embed:""`
	ID      string        `arg:"" help:"The key's id, as till key list shows it."`
	Overlap time.Duration `default:"24h" help:"How long the old key goes on, at most 2160h. Default: ${default}."`
}

func (c *keyRotate) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	k, err := api.RotateKey(t, c.ID, client.KeyRotation{OverlapSeconds: int64(c.Overlap / time.Second)})
	if err != nil {
		return err
	}
	return c.showKey(t, k)
}

type keyRevoke struct {
	remote `embed:""`
	ID     string `arg:"" help:"The key's id, as till key list shows it."`
}

func (c *keyRevoke) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	k, err := api.RevokeKey(t, c.ID)
	if err != nil {
		return err
	}
	return c.show(t, k, func(w io.Writer) { row(w, "key", k.ID, "is revoked") })
}

type keySigning struct {
	remote `embed:""`
}

func (c *keySigning) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list, err := api.SigningKeys(t)
	if err != nil {
		return err
	}
	return c.show(t, list.SigningKeys, func(w io.Writer) {
		row(w, "KEY PAIR", "API", "SIGNS", "SINCE")
		for _, k := range list.SigningKeys {
			row(w, k.ID, k.Dialect, k.Signs, moment(k.CreatedAt))
		}
	})
}

type keyRotateSigning struct {
	remote  `embed:""`
	Dialect string `required:"" help:"The API whose keys are signed."`
}

func (c *keyRotateSigning) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	k, err := api.RotateSigningKey(t, client.SigningKeyRotation{Dialect: c.Dialect})
	if err != nil {
		return err
	}
	return c.show(t, k, func(w io.Writer) {
		row(w, "key pair", k.ID)
		row(w, "", "Keys of "+k.Dialect+" that are made now are signed with it. Those of before go on until they are revoked.")
	})
}

// keyRotateMaster works on the database and the key file, not on the operator API.
type keyRotateMaster struct {
	Config string `type:"path" placeholder:"FILE" help:"The config file of the server. Default: till.toml in this folder, or every default when there is none."`
}

func (c *keyRotateMaster) Run(t *terminal) error {
	done, err := app.RotateMaster(t, c.Config, os.Getenv, t.err)
	if err != nil {
		return err
	}
	made := "is new"
	if done.Resumed {
		made = "was made by a rotation that did not finish; it is finished now"
	}
	fmt.Fprintf(t.out, "master key %s in %s %s. It alone seals the secrets of %d endpoints.\n", done.KeyID, done.KeyFile, made, done.Endpoints)
	fmt.Fprintln(t.out, "Keep a copy of the file. Copies of the database from before open with the old key only.")
	return nil
}
