package checkout

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"till/internal/engine"
)

// How the page of an order stands in a frame of the merchant's own page, and what that page is told. Only origins that
// the merchant registered (engine.CheckoutOrigins) may show it, and only they can hear it: the browser holds to both.

// Embedded is a [Face] whose pages may stand in a frame.
type Embedded interface {
	Face
	// Tells is what the page around is told of an order by now, oldest first. It is asked again and again: what was
	// told once is told again in the same words, and the page around leaves out what it knows by its id.
	Tells(ctx context.Context, o *engine.Order) ([]engine.PageEvent, error)
}

// message is what the page around gets.
type message struct {
	From  string `json:"from"` // what tells our messages from others'
	ID    string `json:"id"`
	Event string `json:"event"`
	Data  any    `json:"data"`
}

const fromCheckout = "till-checkout"

// around is what the page shows of the page around.
type around struct {
	Origins string   // that may frame it, with spaces between
	Tells   []string // as JSON
	Claims  []string // the same, of what the payer says himself

	origins []string
}

// addAround finds out who may frame the page, and what they are told.
func (c *Checkout) addAround(ctx context.Context, v *view, f Face) error {
	e, can := f.(Embedded)
	if !can {
		return nil
	}
	o := v.order
	settings, err := c.engine.Settings(ctx, engine.SettingScope{Merchant: o.Scope.Merchant, Mode: o.Scope.Mode})
	if err != nil {
		return err
	}
	if v.origins, err = engine.ParseOrigins(settings[engine.CheckoutOrigins]); err != nil || len(v.origins) == 0 {
		return err
	}
	v.Origins = strings.Join(v.origins, " ")
	tells, err := e.Tells(ctx, o)
	if err != nil {
		return err
	}
	for _, t := range tells {
		text, err := json.Marshal(message{fromCheckout, t.ID, t.Name, t.Data})
		if err != nil {
			return err
		}
		if t.Claim {
			v.Claims = append(v.Claims, string(text))
		} else {
			v.Tells = append(v.Tells, string(text))
		}
	}
	return nil
}

// write shows a page of an order, in the frames that it may stand in.
func (c *Checkout) write(w http.ResponseWriter, r *http.Request, status int, name string, v view, data any) {
	c.kit.Frame(w, v.origins)
	c.pages.Write(w, r, status, name, data)
}

// Abroad says that the far side's page is not ours, and so not for a frame.
func (v view) Abroad() bool { return strings.Contains(v.Far, "://") }
