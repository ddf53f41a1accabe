package koywe

import "till/internal/engine"

// The rest of what providedActionType can be. Koywe shows QR; the others are ours, after its methods' responseType.
const (
	actionQR       = "QR"
	actionLink     = "PAYMENT_LINK"
	actionTransfer = "BANK_TRANSFER"
)

// actionOf is what a method gives its payer.
var actionOf = map[engine.Prompt]string{
	engine.PromptQR: actionQR, engine.PromptLink: actionLink, engine.PromptTransfer: actionTransfer, engine.PromptAddress: actionAddress,
	engine.PromptNone: actionNone,
}

// methodAction is what the payer of an order acts on who pays by a method: the page that shows it, in every case but
// that of an address. Nobody has chosen yet: the page where he does.
func (d *Dialect) methodAction(o *engine.Order) (action, kind string) {
	kind = actionLink
	if _, chosen, ok := o.Current(); ok {
		if m, served := d.engine.MethodOf(o, chosen); served {
			kind = actionOf[m.Prompt]
		}
	}
	switch kind {
	case actionAddress:
		return o.Instrument.Value, kind
	case actionNone:
		return "", kind
	}
	return d.pageURL(o), kind
}

// pageURL is where an order is paid; "" where nobody said how browsers reach this server.
func (d *Dialect) pageURL(o *engine.Order) string {
	if d.publicURL == "" {
		return ""
	}
	return d.publicURL + "/pay/order/" + o.PublicID
}
