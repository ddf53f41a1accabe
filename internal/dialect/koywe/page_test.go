package koywe

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/rail"
)

// asked asks for a PAYIN of 120,000 COP by NEQUI, with what more says, and returns the order's id and the answer.
func (k *kit) asked(more ...string) (id string, got reply) {
	k.Helper()
	base := []string{"type", `"PAYIN"`, "originCurrencySymbol", `"COP"`, "destinationCurrencySymbol", `"COP"`, "amountIn", "120000",
		"paymentMethods", `[{"method":"NEQUI"}]`}
	got = k.post(shopKey, m("/orders"), body(append(base, more...)...))
	if got.status == 201 {
		id = parse[made](k, got).ID
	}
	return id, got
}

func (k *kit) onRecord(id string) *engine.Order {
	k.Helper()
	o, _, err := k.engine.ForPayer(context.Background(), id, k.clock.Now())
	k.must(err)
	return o
}

// A method that needs a bank is told one of its banks when the order is made, as an object or as a text.
func TestMethodNeedsItsBank(t *testing.T) {
	k := withMethods(t)
	for extra, want := range map[string]string{
		``:                                     "PSE needs a bank",
		`,"extra":{"email":"ana@example.com"}`: "PSE needs a bank",
		`,"extra":"BANCO_DE_MARTE"`:            "not one of the banks",
		`,"extra":{"bankAccount":{"name":"bancolombia"}}`:             "not one of the banks",
		`,"extra":{"bankAccount":{"name":"DAVIVIENDA"},"email":"no"}`: "Email",
		`,"extra":"DAVIVIENDA"`:                                       "",
		`,"extra":{"bankAccount":{"name":"BANCOLOMBIA"}}`:             "",
	} {
		_, got := k.asked("paymentMethods", `[{"method":"PSE"`+extra+`}]`)
		switch {
		case want == "" && got.status != 201:
			t.Errorf("%s: %d %s", extra, got.status, got.body)
		case want != "" && (got.status != 400 || !strings.Contains(got.body, want) || !strings.Contains(got.body, `"field":"paymentMethods[0].extra"`)):
			t.Errorf("%s: %d %s", extra, got.status, got.body)
		}
	}
	// The payer of a link names his own.
	if _, got := k.asked("type", `"PAYMENT_LINK"`, "paymentMethods", `[{"method":"PSE"}]`); got.status != 201 {
		t.Errorf("a link: %d %s", got.status, got.body)
	}
}

// The amount is inside the method's limits, both included.
func TestMethodLimits(t *testing.T) {
	k := withMethods(t)
	for amount, want := range map[string]int{"999.99": 400, "1000": 201, "50000000.5": 201, "50000000.51": 400} {
		_, got := k.asked("amountIn", amount, "paymentMethods", `[{"method":"PSE","extra":"DAVIVIENDA"}]`)
		if got.status != want || want == 400 && !strings.Contains(got.body, `"field":"amountIn"`) {
			t.Errorf("%s: %d %s", amount, got.status, got.body)
		}
	}
}

func TestPageOfAnOrder(t *testing.T) {
	k := withMethods(t)
	id, got := k.asked("description", `"Two tickets \u202egpj.exe"`, "successUrl", `"https://shop.example/ok?a=1#b"`, "failedUrl", `"https://shop.example/no"`)
	if got.status != 201 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	o := k.onRecord(id)
	if title := k.dialect.PageTitle(o); title != "Two tickets gpj.exe" {
		t.Errorf("the title is %q", title)
	}
	if end := k.dialect.PageWindow(o); !end.Equal(o.Terms.Deadline) || end.IsZero() {
		t.Errorf("the end is %v", end)
	}
	for state, want := range map[order.State]string{
		order.Waiting: "", order.Seen: "", order.Paid: "", order.Completed: "https://shop.example/ok?a=1#b",
		order.Failed: "https://shop.example/no", order.Expired: "https://shop.example/no", order.Cancelled: "https://shop.example/no",
	} {
		o.State = state
		if got := k.dialect.ReturnURL(o); got != want {
			t.Errorf("%s: the browser goes to %q", state, got)
		}
		if state.Terminal() && k.dialect.PageTitle(o) != "" {
			t.Errorf("%s: there is a title", state)
		}
	}
	o.State, o.Doc = order.Waiting, json.RawMessage(`{"description":"`+strings.Repeat("ñ", 300)+`"}`)
	if title := []rune(k.dialect.PageTitle(o)); len(title) != maxTitle || title[maxTitle-1] != '…' {
		t.Errorf("the title has %d characters", len(title))
	}
}

// An order that is declined at its far side has failed; the payer of a link tries again.
func TestDeclinedOrders(t *testing.T) {
	k := withMethods(t)
	for kind, want := range map[string]order.State{`"PAYIN"`: order.Failed, `"PAYMENT_LINK"`: order.Waiting} {
		id, got := k.asked("type", kind)
		if got.status != 201 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		o := k.onRecord(id)
		if want == order.Waiting {
			var err error
			o, err = k.engine.Choose(context.Background(), o.ID, engine.Pick{Method: "NEQUI"})
			k.must(err)
		}
		attempt, _, _ := o.Current()
		o, err := k.engine.Declined(context.Background(), o.ID, attempt, "")
		k.must(err)
		if o.State != want {
			t.Errorf("%s: %s", kind, o.State)
		}
	}
}

// Nobody but who has the document completes the order: not where the far side reports another one, and not where it
// reports none before the payer has shown his own.
func TestEnforcedDocumentIsNeeded(t *testing.T) {
	k := withMethods(t)
	pays := func(id, payment, document string) {
		t.Helper()
		o := k.onRecord(id)
		k.must(k.engine.Observe(context.Background(), pretend(), engine.Report{Progress: engine.Progress{Rail: pretend().Rail, Fence: 1}, Seen: []rail.Observation{{
			External: payment, Instrument: o.Instrument.Value, Rank: order.RankConfirmed, Amount: o.Terms.Due, Value: k.clock.Now(),
			Evidence: order.Evidence{Document: document},
		}}}))
	}
	status := func(id string) string {
		t.Helper()
		return parse[struct{ Status string }](k, k.get(shopKey, m("/orders/"+id))).Status
	}
	reported, got := k.asked("enforcedDocument", `"1.020.304.050"`)
	if got.status != 201 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	pays(reported, "one", "9988776")
	if s := status(reported); s != statusPending {
		t.Errorf("paid from another document it is %s", s)
	}
	pays(reported, "two", "1020304050")
	if s := status(reported); s != statusCompleted {
		t.Errorf("paid from the document it is %s", s)
	}

	silent, got := k.asked("originCurrencySymbol", `"MXN"`, "destinationCurrencySymbol", `"MXN"`, "enforcedDocument", `"GODE561231GR8"`, "paymentMethods", `[{"method":"SPEI"}]`)
	if got.status != 201 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	pays(silent, "three", "")
	if s := status(silent); s != statusPending {
		t.Errorf("paid before the document was shown it is %s", s)
	}
	_, err := k.engine.Give(context.Background(), k.onRecord(silent).ID, map[string]string{engine.FieldDocument: "gode 561231 gr8"})
	k.must(err)
	pays(silent, "four", "")
	if s := status(silent); s != statusCompleted {
		t.Errorf("paid after the document was shown it is %s", s)
	}
	if _, got := k.asked("enforcedDocument", `"12"`); got.status != 400 || !strings.Contains(got.body, `"field":"enforcedDocument"`) {
		t.Errorf("no document of the country: %d %s", got.status, got.body)
	}
}
