package demo

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"till/internal/app/dev"
	"till/internal/operator/client"
)

// GlomoResult is what the demo of the Glomo API verified. It is the last line it prints.
type GlomoResult struct {
	BankTransfer       int  `json:"bank_transfer"`
	Card               int  `json:"card"`
	DeclinedThenPaid   int  `json:"declined_then_paid"`
	RFIPaid            int  `json:"rfi_paid"`
	Refused            int  `json:"refused"`
	Expired            int  `json:"expired"`
	Refunded           int  `json:"refunded"`
	WebhooksVerified   int  `json:"webhooks_verified"`
	SignaturesVerified int  `json:"signatures_verified"`
	LedgerBalanced     bool `json:"ledger_balanced"` // the balances that the API shows are the ledger's, and add up to what was paid
}

// The test cards that are used, and the reference numbers by which the sandbox decides about an order.
const (
	goodCard     = "4532491111111111"
	declinedCard = "4532271111111112"
	askDocuments = "SANDBOX_DOCUMENTS"
	askReview    = "SANDBOX_REVIEW"
)

// glomo is one run of the demo of the Glomo API.
type glomo struct {
	*demo
	browser browser // a payer's
	paid    int64   // what came in and was not given back, in cents
	told    map[string]string
	result  GlomoResult
}

// Glomo plays a business that has its customers pay on a hosted checkout: by bank transfer and by card, once declined and paid then;
// an order that must show documents first, one that is refused, one that nobody pays, and one whose money is given back.
func Glomo(ctx context.Context, info dev.Info, out io.Writer) (line string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d, err := start(ctx, info, out)
	if err != nil {
		return "", err
	}
	defer d.payer.close()
	run := &glomo{demo: d, browser: browser{http.DefaultClient}, told: map[string]string{}}
	for _, step := range []func(context.Context) error{
		run.open, run.transfers, run.cards, run.documents, run.refused, run.expires, run.settled,
	} {
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	return closing(run.result), nil
}

// glomoOrder is an order as the API shows it.
type glomoOrder struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"`
	Asked    []struct {
		ID   string `json:"rfi_doc_id"`
		Name string `json:"name"`
	} `json:"rfi_documents"`
}

// open lets the shop's pages show the checkout: only then is the page around told what becomes of an order.
func (d *glomo) open(ctx context.Context) error {
	d.title("A business and its customer")
	_, err := d.operator.SaveSetting(ctx, d.merchant, "checkout_origins", client.NewSetting{Mode: "sandbox", Value: `["https://shop.example"]`})
	if err != nil {
		return err
	}
	d.say("customer %s; pages of https://shop.example may show the checkout", d.info.Glomo.CustomerID)
	return nil
}

// transfers is an order that is paid at the payer's bank, with the reference that the checkout shows.
func (d *glomo) transfers(ctx context.Context) error {
	d.title("1. Paid by bank transfer")
	o, err := d.order(ctx, fields{"payment_methods": []string{"bank_transfer", "card"}, "notes": fields{"project": "apollo"}})
	if err != nil {
		return err
	}
	if err := d.transfer(ctx, o); err != nil {
		return err
	}
	d.result.BankTransfer++
	return nil
}

var mention = regexp.MustCompile(`<span class="mono mention">([^<]*)</span>`)

// transfer chooses the bank transfer on the order's page and has a bank transfer what the page says.
func (d *glomo) transfer(ctx context.Context, o glomoOrder) error {
	if err := d.browser.press(ctx, d.page(o), "method", "bank_transfer"); err != nil {
		return err
	}
	text, _, err := d.browser.open(ctx, d.page(o))
	if err != nil {
		return err
	}
	shown := mention.FindStringSubmatch(text)
	if shown == nil {
		return fmt.Errorf("the page of %s shows no reference", o.ID)
	}
	reference := html.UnescapeString(shown[1])
	d.say("the page asks for a transfer with the reference %s", reference)
	amount := fmt.Sprintf("%d.%02d", o.Amount/100, o.Amount%100)
	if _, err := d.operator.SimulatePayment(ctx, client.SimulatedPayment{ID: "demo-" + o.ID, Reference: reference, Amount: amount, Currency: o.Currency, Name: "Asha Rao"}); err != nil {
		return err
	}
	return d.isPaid(ctx, o)
}

// cards are an order that is paid by card and given back, and one whose first card is declined.
func (d *glomo) cards(ctx context.Context) error {
	d.title("2. Paid by card, and given back")
	back, err := d.order(ctx, fields{"amount": 4999, "payment_methods": []string{"card"}})
	if err != nil {
		return err
	}
	if err := d.card(ctx, back, goodCard); err != nil {
		return err
	}
	if err := d.isPaid(ctx, back); err != nil {
		return err
	}
	d.result.Card++
	if err := d.refund(ctx, back); err != nil {
		return err
	}

	d.title("3. Declined, and paid with another card")
	again, err := d.order(ctx, fields{"amount": 2550})
	if err != nil {
		return err
	}
	if err := d.card(ctx, again, declinedCard); err != nil {
		return err
	}
	if err := d.reaches(ctx, again, "active"); err != nil {
		return err
	}
	d.say("declined: the order stays active")
	if err := d.card(ctx, again, goodCard); err != nil {
		return err
	}
	if err := d.isPaid(ctx, again); err != nil {
		return err
	}
	d.result.DeclinedThenPaid++
	return nil
}

// card chooses the card on the order's page and types its number where the sandbox stands for the far side.
func (d *glomo) card(ctx context.Context, o glomoOrder, number string) error {
	if err := d.browser.press(ctx, d.page(o), "method", "card"); err != nil {
		return err
	}
	d.say("the payer types the card ... %s", number[len(number)-4:])
	return d.browser.fill(ctx, d.page(o)+"/sandbox", "outcome", "success", url.Values{"card": {number}})
}

// refund gives the money of an order back.
func (d *glomo) refund(ctx context.Context, o glomoOrder) error {
	var payments struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := d.ask(ctx, http.MethodGet, "/payment?payin_id="+o.ID, nil, &payments); err != nil {
		return err
	}
	if len(payments.Data) != 1 {
		return fmt.Errorf("order %s has %d payments", o.ID, len(payments.Data))
	}
	var r struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	asked := fields{"payment_id": payments.Data[0].ID, "reason": "Requested By Customer"}
	if err := d.ask(ctx, http.MethodPost, "/refunds", asked, &r); err != nil {
		return err
	}
	for was := ""; r.Status != "success"; {
		if r.Status != was {
			d.say("refund %s: %s", r.ID, r.Status)
			was = r.Status
		}
		if r.Status == "failed" || r.Status == "cancelled" {
			return fmt.Errorf("refund %s is %s", r.ID, r.Status)
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("refund %s stayed %s: %w", r.ID, r.Status, err)
		}
		if err := d.ask(ctx, http.MethodGet, "/refunds/"+r.ID, nil, &r); err != nil {
			return err
		}
	}
	d.say("refund %s: success", r.ID)
	d.paid -= o.Amount
	d.result.Refunded++
	return d.reaches(ctx, o, "paid") // which a refund does not change
}

// documents is an order that asks for documents before it can be paid.
func (d *glomo) documents(ctx context.Context) error {
	d.title("4. Documents are asked for, looked at, and the order is paid")
	o, err := d.order(ctx, fields{"reference_number": askDocuments})
	if err != nil {
		return err
	}
	if o.Status != "action_required" || len(o.Asked) == 0 {
		return fmt.Errorf("order %s is %s and asks for %d documents", o.ID, o.Status, len(o.Asked))
	}
	var pairs []fields
	for _, slot := range o.Asked {
		id, err := d.upload(ctx, slot.Name)
		if err != nil {
			return err
		}
		d.say("%s: %s for %s", slot.Name, id, slot.ID)
		pairs = append(pairs, fields{"id": id, "rfi_doc_id": slot.ID})
	}
	if err := d.ask(ctx, http.MethodPatch, "/orders/"+o.ID+"/update-rfi", fields{"documents": pairs}, &o); err != nil {
		return err
	}
	if o.Status != "under_review" {
		return fmt.Errorf("order %s is %s when its documents are in", o.ID, o.Status)
	}
	if _, err := d.operator.ApproveReview(ctx, o.ID, "screening"); err != nil {
		return err
	}
	if err := d.reaches(ctx, o, "active"); err != nil {
		return err
	}
	d.say("looked at and approved")
	if err := d.transfer(ctx, o); err != nil {
		return err
	}
	d.result.RFIPaid++
	return nil
}

// upload sends a document.
func (d *glomo) upload(ctx context.Context, name string) (id string, err error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("document_name", name); err != nil {
		return "", err
	}
	file, err := form.CreateFormFile("file", "document.pdf")
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(file, "%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"); err != nil {
		return "", err
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.info.Glomo.BaseURL+"/api/v1/document", &body)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+d.info.Glomo.SecretKey)
	var made struct {
		ID string `json:"id"`
	}
	err = do(d.shop.client, r, &made)
	return made.ID, err
}

// refused is an order that somebody looks at and refuses.
func (d *glomo) refused(ctx context.Context) error {
	d.title("5. Looked at, and refused")
	o, err := d.order(ctx, fields{"reference_number": askReview})
	if err != nil {
		return err
	}
	if o.Status != "under_review" {
		return fmt.Errorf("order %s is %s", o.ID, o.Status)
	}
	if _, err := d.operator.RefuseReview(ctx, o.ID, "screening", "listed"); err != nil {
		return err
	}
	if err := d.reaches(ctx, o, "failed"); err != nil {
		return err
	}
	d.told[o.ID] = "failed"
	d.result.Refused++
	return nil
}

// expires is an order that nobody pays in its three months.
func (d *glomo) expires(ctx context.Context) error {
	d.title("6. Nobody pays")
	o, err := d.order(ctx, nil)
	if err != nil {
		return err
	}
	const days = 100
	if _, err := d.operator.AdvanceClock(ctx, "sandbox", days*24*3600); err != nil {
		return err
	}
	d.say("the sandbox's clock is moved by %d days", days)
	if err := d.reaches(ctx, o, "expired"); err != nil {
		return err
	}
	d.told[o.ID] = "expired"
	d.result.Expired++
	return nil
}

// settled holds the balances that the API shows against the ledger's and against what was paid, and checks every webhook that came.
func (d *glomo) settled(ctx context.Context) error {
	d.title("The books, and what the business was told")
	var shown struct {
		Available []struct {
			Currency string `json:"currency"`
			Amount   int64  `json:"amount"`
		} `json:"available"`
	}
	if err := d.ask(ctx, http.MethodGet, "/balances", nil, &shown); err != nil {
		return err
	}
	list, err := d.operator.Balances(ctx, d.merchant, "sandbox")
	if err != nil {
		return err
	}
	booked := map[string]string{}
	for _, b := range list {
		if b.Role == "merchant" && !strings.HasPrefix(b.Account, "wallet/") {
			booked[b.Amount.Currency] = b.Amount.Units
		}
	}
	for _, a := range shown.Available {
		if units := booked[a.Currency]; units != fmt.Sprint(a.Amount) {
			return fmt.Errorf("%s: the API says %d, the ledger says %s", a.Currency, a.Amount, units)
		}
		if a.Currency == currency && a.Amount != d.paid {
			return fmt.Errorf("%s: %d were paid, %d are there", currency, d.paid, a.Amount)
		}
	}
	d.say("%d.%02d %s were paid and are there", d.paid/100, d.paid%100, currency)
	d.result.LedgerBalanced = true
	return d.heard(ctx)
}

// heard checks the signature of every webhook, and that the end of every order was told.
func (d *glomo) heard(ctx context.Context) error {
	for {
		all, err := d.shop.log(ctx)
		if err != nil {
			return err
		}
		missing := map[string]string{}
		for id, event := range d.told {
			missing[id] = event
		}
		verified := 0
		for _, w := range all {
			if w.Path != "/hook/glomo" {
				continue
			}
			var e struct {
				Entity string `json:"entity_type"`
				Event  string `json:"event_type"`
				Data   struct {
					ID string `json:"id"`
				} `json:"data"`
			}
			if err := json.Unmarshal([]byte(w.Body), &e); err != nil {
				return err
			}
			if !fits(d.info.Glomo.WebhookSecret, w.Body, w.Headers["X-Glomopay-Signature"]) {
				return fmt.Errorf("the signature %q of the webhook %s.%s does not fit", w.Headers["X-Glomopay-Signature"], e.Entity, e.Event)
			}
			if !w.Verified {
				return fmt.Errorf("the receiver did not verify the webhook %s.%s", e.Entity, e.Event)
			}
			verified++
			if e.Entity == "orders" && missing[e.Data.ID] == e.Event {
				delete(missing, e.Data.ID)
			}
		}
		if len(missing) == 0 {
			d.say("%d webhooks came; every signature fits, and the end of each of %d orders was told", verified, len(d.told))
			d.result.WebhooksVerified = verified
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the ends of %v were not told: %w", missing, err)
		}
	}
}

// fits checks the HMAC-SHA256 of a text, as anybody can who has the key.
func fits(key, text, signature string) bool {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return key != "" && hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(signature))
}

// What every step does.

// currency is what orders are sold in.
const currency = "EUR"

// order makes an order of the customer.
func (d *glomo) order(ctx context.Context, more fields) (o glomoOrder, err error) {
	asked := fields{"customer_id": d.info.Glomo.CustomerID, "currency": currency, "amount": 29900, "product": fields{"name": "A chair"}}
	for name, value := range more {
		asked[name] = value
	}
	if err := d.ask(ctx, http.MethodPost, "/orders", asked, &o); err != nil {
		return o, err
	}
	d.say("order %s: %d %s, %s", o.ID, o.Amount, o.Currency, o.Status)
	return o, nil
}

// isPaid waits until an order is paid, and checks what the page around the checkout is told of it.
func (d *glomo) isPaid(ctx context.Context, o glomoOrder) error {
	if err := d.reaches(ctx, o, "paid"); err != nil {
		return err
	}
	d.paid += o.Amount
	d.told[o.ID] = "paid"
	return d.signed(ctx, o)
}

var saying = regexp.MustCompile(`<span data-tell="([^"]*)">`)

// signed reads what the order's page says to the page around, as the shop's page would, and checks it as the shop's server would.
func (d *glomo) signed(ctx context.Context, o glomoOrder) error {
	text, _, err := d.browser.open(ctx, d.page(o))
	if err != nil {
		return err
	}
	for _, m := range saying.FindAllStringSubmatch(text, -1) {
		var said struct {
			Event string `json:"event"`
			Data  struct {
				Order     string `json:"orderId"`
				Payment   string `json:"paymentId"`
				Status    string `json:"status"`
				Signature string `json:"signature"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &said); err != nil {
			return err
		}
		if said.Event != "payment.success" {
			continue
		}
		if said.Data.Order != o.ID || !fits(d.info.Glomo.SecretKey, o.ID+"|"+said.Data.Payment+"|"+said.Data.Status, said.Data.Signature) {
			return errors.New("the signature of the result does not fit: " + m[1])
		}
		d.say("paid by %s; the signature that the browser brings fits", said.Data.Payment)
		d.result.SignaturesVerified++
		return nil
	}
	return fmt.Errorf("the page of %s tells of no success", o.ID)
}

// reaches waits until an order has a status.
func (d *glomo) reaches(ctx context.Context, o glomoOrder, status string) error {
	for {
		var now glomoOrder
		if err := d.ask(ctx, http.MethodGet, "/orders/"+o.ID, nil, &now); err != nil {
			return err
		}
		if now.Status == status {
			d.say("order %s: %s", o.ID, now.Status)
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("order %s stayed %s and did not become %s: %w", o.ID, now.Status, status, err)
		}
	}
}

// page is where an order is paid.
func (d *glomo) page(o glomoOrder) string { return d.info.Glomo.BaseURL + "/pay/order/" + o.ID }

func (d *glomo) ask(ctx context.Context, method, path string, body, answer any) error {
	r, err := request(ctx, method, d.info.Glomo.BaseURL+"/api/v1"+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+d.info.Glomo.SecretKey)
	return do(d.shop.client, r, answer)
}
