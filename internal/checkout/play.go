package checkout

import (
	"net/http"
	"net/url"
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

// bankLogin is the method whose payer logs in at his bank and authorises the payment there.
const bankLogin = "pay_via_bank"

// sandboxView is the page of a made-up far side.
type sandboxView struct {
	view
	Bank     bool   // the far side is the payer's bank
	Ends     string // the card was taken, and its one-time code is asked for: how it ends then; "" where the card is asked for
	Document string
	Asks     bool // whose document pays
	Attempt  int  // which choice of the payer this is
	Problem  string
}

// How a payment ends whose payer gives the one-time code. Nothing of the card goes on to that page.
const (
	endsPaid    = "paid"
	endsRefused = "refused"
)

// The words that a made-up far side gives for a refusal.
const (
	refusedCard  = "card_declined"
	refusedPayer = "authorisation_declined"
)

// maxCode is how long a one-time code may be. Any digits are the right ones.
const maxCode = 8

// Card says that the payer is asked for the number of a card.
func (s sandboxView) Card() bool { return len(s.Chosen.Cards) > 0 }

// card finds a test card by what was typed: digits, with spaces or hyphens between them. What is no test card's number is
// forgotten here; a page that shows the form again does not repeat it.
func (s sandboxView) card(typed string) (engine.TestCard, bool) {
	typed = strings.NewReplacer(" ", "", "-", "").Replace(typed)
	for _, c := range s.Chosen.Cards {
		if c.Number == typed {
			return c, true
		}
	}
	return engine.TestCard{}, false
}

// Spaced is a card's number for people.
func (sandboxView) Spaced(number string) string {
	var groups []string
	for ; len(number) > 4; number = number[4:] {
		groups = append(groups, number[:4])
	}
	return strings.Join(append(groups, number), " ")
}

// isCode says that what was typed may be a one-time code.
func isCode(typed string) bool {
	return typed != "" && len(typed) <= maxCode && strings.Trim(typed, "0123456789") == ""
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
		view: v, Bank: v.Chosen.Code == bankLogin, Asks: v.Chosen.Reports && o.Enforced.Document != "", Attempt: len(o.Attempts),
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
	s.Document = strings.TrimSpace(r.PostForm.Get("document"))
	why, again := s.decide(r.PostForm)
	if again {
		status := http.StatusOK
		if s.Problem != "" {
			status = http.StatusUnprocessableEntity
		}
		c.write(w, r, status, "sandbox", v, s)
		return
	}
	if why == "" {
		err = c.play(r.Context(), s.payment(id))
	} else {
		_, err = c.engine.Declined(r.Context(), v.order.ID, id, why)
	}
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	toOrder(w, r)
}

// decide reads how the payment ends: why it is refused, "" when it is paid. again says that the payer must say more first.
func (s *sandboxView) decide(form url.Values) (why string, again bool) {
	switch {
	case !s.Card():
		if form.Get("outcome") == "success" {
			return "", false
		}
		return refusedPayer, false
	case form.Get("ends") != "":
		if !isCode(strings.TrimSpace(form.Get("code"))) {
			s.Ends, s.Problem = endsRefused, "code"
			if form.Get("ends") == endsPaid {
				s.Ends = endsPaid
			}
			return "", true
		}
		if form.Get("ends") == endsPaid {
			return "", false
		}
		return refusedCard, false
	}
	card, known := s.card(form.Get("card"))
	switch {
	case !known:
		s.Problem = "card"
		return "", true
	case card.Code:
		s.Ends = endsPaid
		if card.Declines != "" {
			s.Ends = endsRefused
		}
		return "", true
	}
	return card.Declines, false
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
