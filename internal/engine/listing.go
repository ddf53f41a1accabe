package engine

import "till/internal/money"

// Listing is what the page of an offer shows. The engine does not read it: a dialect, which knows what is sold,
// tells it to whatever makes the page.
type Listing struct {
	Title       string // plain text of one line
	Description string // plain text of several lines; "" for none
	Ways        []Way  // of paying; the one that is proposed first. None: nothing it names is served at the moment
}

// Way is one token on one network, and what is paid with it.
type Way struct {
	Network Network
	Price   money.Amount // in the token; zero: the payer chooses
}

// Choice is what a payer filled in on the page of an offer. Nothing of it was checked.
type Choice struct {
	Email    string
	Currency string // the token's code
	Network  string // its id
	Amount   string // a decimal: the price that was shown, or what the payer chose

	// Once is a text that the page made for one form, which nobody can guess: the same one again is the same
	// payer, who pressed twice. "": nobody can tell.
	Once string
}

// PageEvent is what the page of a payer says to the page around it, where it stands in a frame. The engine does not read
// it: a dialect, which knows what merchants' pages understand, tells it to whatever makes the page.
type PageEvent struct {
	ID    string // the same one is the same event, however often it is said
	Name  string
	Data  any  // becomes JSON
	Claim bool // nobody knows it but the payer, who says it by a button
}
