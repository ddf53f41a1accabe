package checkout

import (
	"net/http"
	"strconv"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

// The page that stands for the far side of a method in the sandbox: whoever tries the server out says there how the
// payment ends. A live order has none, and neither has a network whose payments are real.

// Played is a payment to make up.
type Played struct {
	ID        string // the same id again is the same payment; "": a new one
	Reference string
	Amount    money.Amount
	Document  string // the payer's, as the far side reports it; "": it reports none
}

// The test cards.
const (
	cardGood     = "4242424242424242"
	cardDeclined = "4000000000000002"
	cardNoFunds  = "4000000000009995"
)

// cardMethod is the method that is paid by the number of a card.
const cardMethod = "CARD"

// sandboxView is the page of a made-up far side.
type sandboxView struct {
	view
	Card     bool
	Number   string // as it was typed
	Document string
	Asks     bool // whose document pays
	Attempt  int  // which choice of the payer this is
	Problem  string
}

// stage is the page of an order's present attempt; not_found where there is none to play.
func (c *Checkout) stage(v view) (s sandboxView, id string, err error) {
	o := v.order
	id, chosen, open := o.Current()
	n, known := c.engine.Network(chosen.Network, o.Scope.Mode)
	if !open || known != nil || !n.Simulated || o.Scope.Mode != engine.Sandbox || v.Far == "" {
		return s, "", fault.New(fault.CodeNotFound, "there is nothing to play")
	}
	return sandboxView{
		view: v, Card: v.Chosen.Code == cardMethod, Asks: v.Chosen.Reports && o.Enforced.Document != "", Attempt: len(o.Attempts),
	}, id, nil
}

func (c *Checkout) showSandbox(w http.ResponseWriter, r *http.Request, face string) {
	v, err := c.paying(r, face)
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	s, _, err := c.stage(v)
	if err != nil {
		toOrder(w, r)
		return
	}
	c.write(w, r, http.StatusOK, "sandbox", v, s)
}

// played ends the attempt as it was said. A form of an earlier attempt does nothing.
func (c *Checkout) played(w http.ResponseWriter, r *http.Request, face string) {
	v, err := c.posted(w, r, face)
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	s, id, err := c.stage(v)
	if err != nil || r.PostForm.Get("attempt") != strconv.Itoa(s.Attempt) {
		toOrder(w, r)
		return
	}
	s.Number, s.Document = strings.TrimSpace(r.PostForm.Get("card")), strings.TrimSpace(r.PostForm.Get("document"))
	pays := r.PostForm.Get("outcome") == "success"
	if s.Card {
		switch strings.ReplaceAll(s.Number, " ", "") {
		case cardGood:
			pays = true
		case cardDeclined, cardNoFunds:
			pays = false
		default:
			s.Problem = "card"
			c.write(w, r, http.StatusUnprocessableEntity, "sandbox", v, s)
			return
		}
	}
	if pays {
		err = c.play(r.Context(), s.payment(id))
	} else {
		_, err = c.engine.Declined(r.Context(), v.order.ID, id)
	}
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	toOrder(w, r)
}

// payment is what the payer of a made-up far side pays: all that is due. Left empty, the document is the right one.
// Pressed twice it is one payment; one from another document is another.
func (s sandboxView) payment(attempt string) Played {
	p := Played{ID: "sbx-" + attempt, Reference: s.Mention, Amount: s.order.Terms.Due}
	if s.Chosen.Reports {
		p.Document = s.order.Enforced.Document
	}
	if s.Asks && s.Document != "" {
		p.ID, p.Document = "", s.Document
	}
	return p
}
