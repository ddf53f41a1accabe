package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/page"
	"till/internal/page/pagetest"
	"till/internal/rail"
	"till/internal/rail/bank"
	"till/internal/verify"
	"till/internal/worker"
)

const giroAccount = "DE89370400440532013000"

var (
	eur  = money.MustAsset("EUR", "", 2)
	giro = engine.Network{ID: "giro", Family: "bank:giro", Mode: engine.Sandbox, Rail: "bank:giro", Reference: bank.NewReference, Custodial: true, Tokens: []engine.Token{{Asset: eur}}}
)

// giroBank is an account at a bank, whose files go to nobody.
func giroBank(t *testing.T, h *house) (Bank, *bank.Rail) {
	t.Helper()
	r, err := bank.New(bank.Config{ID: "giro", Own: bank.Payee{Name: "Shop GmbH", Account: giroAccount}, Asset: eur, Version: bank.Pain001V09}, bank.Opts{State: h.engine.State(giro.Rail), Now: h.clock})
	if err != nil {
		t.Fatal(err)
	}
	account := worker.BankAccount{Network: giro, Number: giroAccount, Reader: func(head []byte) (rail.Reader, error) {
		format, err := bank.Detect(head)
		if err != nil {
			return nil, err
		}
		return bank.NewReader(format, bank.Settings{Accounts: map[string]money.Asset{giroAccount: eur}, Account: giroAccount}), nil
	}}
	return Bank{
		Network: giro, Account: giroAccount, Holder: "Shop GmbH",
		Import: func(ctx context.Context, file io.ReadSeeker) (client.ImportReport, error) {
			got, err := worker.ImportFile(ctx, h.engine, account, file, nil)
			if wrong, is := errors.AsType[*rail.FileError](err); is {
				err = fault.New(fault.CodeInvalidValue, wrong.Error())
			}
			return client.ImportReport{Booked: got.Booked, Matched: got.Matched, Proposed: got.Proposed, Suspense: got.Suspense, Repeated: got.Repeated}, err
		},
		Failed: func(int) ([]FailedFile, error) {
			return []FailedFile{{Name: "monday.xml", Report: "camt, line 7: is <no> date", At: h.clock()}}, nil
		},
		Waiting: func(ctx context.Context) (WaitingTransfers, error) {
			w := WaitingTransfers{Sum: money.Zero(eur)}
			list, err := r.Queue(ctx, "", 100)
			for _, t := range list {
				w.Count, w.Sum = w.Count+1, w.Sum.Add(t.Amount)
			}
			return w, err
		},
		Export: func(ctx context.Context) (int, error) {
			made, err := r.Export(ctx, h.clock())
			return len(made), err
		},
		Files: func(ctx context.Context, after string, limit int) (files []PaymentFile, err error) {
			list, err := r.Files(ctx, after, limit)
			for _, f := range list {
				files = append(files, PaymentFile{ID: f.ID, Made: f.Made, Day: "2026-01-20", Count: f.Count, Sum: f.Sum, Answer: f.Answer, Reason: f.Reason})
			}
			return files, err
		},
		File: r.Bytes,
	}, r
}

// invoice is an order that is paid to a reference on the account.
func (h *house) invoice(public string, cents int64) *engine.Order {
	h.Helper()
	h.must(h.engine.Observe(h.Context(), giro, engine.Report{Progress: engine.Progress{Rail: giro.Rail, Fence: 1}}))
	made, err := h.engine.Create(h.Context(), engine.NewOrder{
		PublicID: public, Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "some"}, Network: giro, Instrument: engine.Made,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{
				Book: ledger.Owed("shop"), Due: money.FromInt(eur, cents), To: ledger.Owed("shop").Account(ledger.Merchant), Deadline: p.Now.Add(5 * 24 * time.Hour), Instant: true,
			}, nil, nil
		},
	})
	h.must(err)
	return made.Order
}

// slip is a reference with two neighbours transposed, both digits or both letters: of these the check digits notice every one.
func slip(reference string) string {
	b := []byte(reference)
	for i := len(b) - 2; i > 4; i-- {
		if b[i] != b[i+1] && (b[i] <= '9') == (b[i+1] <= '9') {
			b[i], b[i+1] = b[i+1], b[i]
			return string(b)
		}
	}
	return string(b)
}

// line is a credit of a statement: cents, the bank's reference, and what it is for.
type line struct {
	cents     int64
	reference string
	text      string
}

// statement is a day's MT940, which opens with so many cents.
func statement(day string, opening int64, lines ...line) string {
	euros := func(cents int64) string { return fmt.Sprintf("%d,%02d", cents/100, cents%100) }
	var b strings.Builder
	fmt.Fprintf(&b, ":20:STARTUMS\r\n:25:%s\r\n:28C:1/1\r\n:60F:C%sEUR%s\r\n", giroAccount, day, euros(opening))
	for _, l := range lines {
		fmt.Fprintf(&b, ":61:%s%sC%sNTRFNONREF//%s\r\n:86:166?00GUTSCHRIFT?20SVWZ+%s?32ANN EXAMPLE\r\n", day, day[2:], euros(l.cents), l.reference, l.text)
		opening += l.cents
	}
	fmt.Fprintf(&b, ":62F:C%sEUR%s\r\n-\r\n", day, euros(opening))
	return b.String()
}

// uploads sends a file by the form of the account's page; first and then are the fields in their order.
func (h *house) uploads(b *http.Client, fields ...[2]string) reply {
	h.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range fields {
		create := form.CreateFormField
		if f[0] == "file" {
			create = func(name string) (io.Writer, error) { return form.CreateFormFile(name, "statement.sta") }
		}
		part, err := create(f[0])
		h.must(err)
		_, err = io.WriteString(part, f[1])
		h.must(err)
	}
	h.must(form.Close())
	r, err := http.NewRequest(http.MethodPost, h.url+"/banks/giro/statements", &body)
	h.must(err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return h.do(b, r)
}

func (h *house) shows(what string, got reply, status int, texts ...string) {
	h.Helper()
	if got.status != status {
		h.Errorf("%s: %d, want %d", what, got.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(got.body, text) {
			h.Errorf("%s does not show %q: %s", what, text, got.body)
		}
	}
}

// openBank is pages with an account at a bank, and its rail.
func openBank(t *testing.T) (*house, *bank.Rail) {
	var r *bank.Rail
	h := openWith(t, "", func(h *house) (list []Bank) {
		one, made := giroBank(t, h)
		r = made
		return []Bank{one}
	})
	return h, r
}

// A statement is uploaded, what it proposes is decided, and the next one does not follow it.
func TestBanks(t *testing.T) {
	h, _ := openBank(t)
	h.add("ann", map[string]auth.Role{"shop": auth.Owner})
	ann := h.browser()
	h.login(ann, "ann", password)
	bob, who := h.operator("bob")
	h.leads("a stranger", h.get(h.browser(), "/banks"), "/login?next=%2Fbanks")
	h.leads("a stranger's file", h.uploads(h.browser(), [2]string{page.FormField, "x"}, [2]string{"file", "x"}), "/login")
	for _, path := range []string{"/banks", "/banks/giro", "/banks/giro/payments/X"} {
		if got := h.get(ann, path); got.status != http.StatusNotFound {
			t.Errorf("an owner of a merchant at %s: %d", path, got.status)
		}
	}
	if got := h.uploads(ann, [2]string{page.FormField, h.token(ann)}, [2]string{"file", "x"}); got.status != http.StatusNotFound {
		t.Errorf("an owner of a merchant uploads: %d", got.status)
	}
	h.shows("no statement", h.get(bob, "/banks"), 200, "giro", giroAccount, "No statement was imported yet")
	h.shows("another account", h.get(bob, "/banks/other"), 404)

	paid, near, other := h.invoice("ord_paid", 1000), h.invoice("ord_near", 2000), h.invoice("ord_other", 3000)
	text := statement("260120", 100000, line{1000, "B1", paid.Instrument.Value}, line{2000, "B2", slip(near.Instrument.Value)}, line{3000, "B3", "<b>nothing</b>"}, line{1000, "B4", paid.Instrument.Value})
	token := [2]string{page.FormField, h.token(bob)}
	for what, fields := range map[string][][2]string{
		"without a token":     {{"file", text}},
		"with a wrong token":  {{page.FormField, "x"}, {"file", text}},
		"the token behind it": {{"file", text}, token},
	} {
		if got := h.uploads(bob, fields...); got.status != http.StatusForbidden {
			t.Errorf("a file %s: %d", what, got.status)
		}
	}
	h.shows("no file", h.uploads(bob, token), 422, "Please choose a file")
	h.shows("an empty file", h.uploads(bob, token, [2]string{"file", ""}), 422, "Please choose a file")
	h.shows("a wrong file", h.uploads(bob, token, [2]string{"file", strings.Replace(text, "EUR1070,00", "EUR1070,01", 1)}), 422, "Nothing of the file was booked", "1070.01")
	h.wantState("ord_paid", order.Waiting)
	h.shows("the statement", h.uploads(bob, token, [2]string{"file", text}), 200, "New lines: 4 (matched: 1, proposed: 1, in suspense: 2", "ledger agrees", "1,070.00")
	h.wantState("ord_paid", order.Completed)
	h.shows("the statement again", h.uploads(bob, token, [2]string{"file", text}), 200, "New lines: 0", "were known: 4")

	shown := h.get(bob, "/banks/giro")
	h.shows("the account", shown, 200, "2026-01-20", "one slip away", "ord_near", "Of the order ord_paid", "&lt;b&gt;nothing&lt;/b&gt;", "ANN EXAMPLE", "monday.xml", "is &lt;no&gt; date")
	h.shows("the accounts", h.get(bob, "/banks"), 200, "2026-01-20", "1,070.00", "ledger agrees", "Yes")
	bookings := map[string]string{}
	list, err := h.engine.Bookings(t.Context(), engine.BookingFilter{Rail: giro.Rail, Limit: 10})
	h.must(err)
	for _, b := range list {
		bookings[b.Reference] = b.ID
	}
	says := func(do, booking, public string) reply {
		return h.post(bob, "/banks/giro", "form_token", token[1], "do", do, "booking", bookings[booking], "order", public)
	}
	if got := h.post(bob, "/banks/giro", "do", "accept", "booking", bookings["B2"], "order", "ord_near"); got.status != http.StatusForbidden {
		t.Errorf("without the form's token: %d", got.status)
	}
	h.shows("no such order", says("accept", "B3", "ord_none"), 422, "no such order")
	h.shows("not proposed", says("dismiss", "B2", "ord_other"), 409, "nothing to decide")
	h.shows("an order that has ended", says("accept", "B2", "ord_paid"), 409, "nothing to decide")
	h.shows("no such booking", says("accept", "B9", "ord_other"), 409, "nothing to decide")
	h.shows("something else", says("delete", "B2", "ord_near"), 404)
	h.leads("dismiss", says("dismiss", "B2", "ord_near"), "/banks/giro?said=dismissed")
	h.leads("accept all the same", says("accept", "B2", "ord_near"), "/banks/giro?said=accepted")
	h.wantState("ord_near", order.Completed)
	h.leads("give it to an order", says("accept", "B3", " ord_other "), "/banks/giro?said=accepted")
	h.wantState("ord_other", order.Completed)
	h.shows("accepted", h.get(bob, "/banks/giro?said=accepted"), 200, "The money is the order", "Nothing is proposed")
	_ = other

	h.shows("a gap", h.uploads(bob, token, [2]string{"file", statement("260122", 200000)}), 200, "No, one is missing", "opens with", "differs from the statements by")
	found := map[string]int{}
	h.must(h.store.Audit(t.Context(), func(r verify.Reader) error {
		actions, err := r.Actions("", 100)
		for _, a := range actions {
			if a.Who == who.ID {
				found[a.What]++
			}
		}
		return err
	}))
	if found["bank.import"] != 4 || found["proposal.dismiss"] != 1 {
		t.Errorf("on record is %v", found)
	}
}

// What waits goes into a file once; a transfer above the limit waits for a second person.
func TestBankPaymentFiles(t *testing.T) {
	h, r := openBank(t)
	bob, _ := h.operator("bob")
	token := h.token(bob)
	makes := func() reply { return h.post(bob, "/banks/giro", "form_token", token, "do", "make") }
	h.shows("nothing", h.get(bob, "/banks/giro"), 200, "No transfer waits.", "No transfer waits for a second person", "No payment file was made yet")
	h.leads("nothing waits", makes(), "/banks/giro?said=none")

	to := bank.Payee{Name: "Ana", Account: "ES9121000418450200051332"}
	for i := range 2 {
		_, err := r.Send(t.Context(), rail.Delivery{ID: fmt.Sprint("t", i), To: to.Text(), Amount: money.FromInt(eur, 1250)})
		h.must(err)
	}
	h.payout("ord_high", 9_000_00, to.Text())
	h.shows("two wait", h.get(bob, "/banks/giro"), 200, "Transfers that wait: 2, 25.00\u00a0EUR in all", "Transfers above a limit: 1", `href="/approvals?lang=en"`)
	h.leads("make", makes(), "/banks/giro?said=made")
	files, err := r.Files(t.Context(), "", 10)
	h.must(err)
	if len(files) != 1 {
		t.Fatalf("%+v", files)
	}
	h.shows("the file", h.get(bob, "/banks/giro?said=made"), 200, "The payment file is made", files[0].ID, "25.00\u00a0EUR", "the bank has not answered")
	got := h.get(bob, "/banks/giro/payments/"+files[0].ID)
	text, err := r.Bytes(t.Context(), files[0].ID)
	h.must(err)
	if got.status != 200 || got.body != string(text) || got.header.Get("Content-Disposition") != `attachment; filename="`+files[0].ID+`.xml"` {
		t.Errorf("%d %v %.60s", got.status, got.header, got.body)
	}
	h.shows("no such file", h.get(bob, "/banks/giro/payments/NONE"), 404)
	h.shows("no such page", h.get(bob, "/banks/giro?file=NONE"), 404)

	answer := `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<GrpHdr><MsgId>A</MsgId><CreDtTm>2026-01-20T16:00:00Z</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>` + files[0].ID + `</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>RJCT</GrpSts></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>`
	_, err = r.Answered(t.Context(), strings.NewReader(answer))
	h.must(err)
	h.shows("the answer", h.get(bob, "/banks/giro"), 200, "Rejected by the bank: RJCT")

	for i := range onBanks {
		h.pass(time.Minute)
		_, err := r.Send(t.Context(), rail.Delivery{ID: fmt.Sprint("u", i), To: to.Text(), Amount: money.FromInt(eur, 1250)})
		h.must(err)
		h.leads("another", makes(), "/banks/giro?said=made")
	}
	page := h.get(bob, "/banks/giro").body
	if strings.Contains(page, files[0].ID) || !strings.Contains(page, "?file=") {
		t.Error("the oldest file is on the first page")
	}
	_, rest, _ := strings.Cut(page, "?file=")
	behind, _, _ := strings.Cut(rest, "&")
	h.shows("the second page", h.get(bob, "/banks/giro?file="+behind), 200, files[0].ID)
}

// payout is a pay-out above the limit.
func (h *house) payout(public string, cents int64, to string) {
	h.Helper()
	funds := h.invoice(public+"_funds", 2*cents)
	day := h.clock().Truncate(24 * time.Hour)
	_, err := h.engine.Import(h.Context(), giro, rail.Statement{Account: giroAccount, Asset: eur}, []rail.Booking{
		{Reference: "funds", Amount: money.FromInt(eur, 2*cents), Credit: true, Booked: day, Value: day, References: []string{funds.Instrument.Value}},
	})
	h.must(err)
	made, err := h.engine.Create(h.Context(), engine.NewOrder{
		PublicID: public, Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "some"}, Destination: engine.Destination{Rail: giro.Rail, To: to},
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{
				Book: ledger.Owed("shop"), Due: money.FromInt(eur, cents), To: ledger.House.Account(ledger.PayeeOn(string(giro.Rail))), FromBalance: true, Sends: 1,
			}, nil, nil
		},
	})
	h.must(err)
	if _, err := h.engine.Reserve(h.Context(), made.Order.ID); err == nil {
		h.Fatal("it is sent")
	}
}

// A browser that is logged in sends a file without JavaScript too, in every look and language.
func TestBanksInTheBrowser(t *testing.T) {
	words := map[string][3]string{
		"": {"Banks", "New lines: 1", "The money is the order"}, "es": {"Bancos", "Líneas nuevas: 1", "El dinero es ahora de la orden"}, "pt": {"Bancos", "Linhas novas: 1", "O dinheiro agora é da ordem"},
	}
	looks := append(pagetest.Looks(), pagetest.Look{NoScript: true, Language: "es", Phone: true}, pagetest.Look{NoScript: true, Language: "pt"})
	for _, look := range looks {
		t.Run(look.Name(), func(t *testing.T) {
			h, r := openBank(t)
			h.add("olga", map[string]auth.Role{auth.House: auth.Operator})
			o := h.invoice("ord_r3a9c1x7k5m2q8w4z6b0d", 12000)
			to := bank.Payee{Name: "Ana", Account: "ES9121000418450200051332"}
			_, err := r.Send(t.Context(), rail.Delivery{ID: "t", To: to.Text(), Amount: money.FromInt(eur, 1250)})
			h.must(err)
			_, err = r.Export(t.Context(), h.clock())
			h.must(err)
			_, err = r.Send(t.Context(), rail.Delivery{ID: "u", To: to.Text(), Amount: money.FromInt(eur, 9900)})
			h.must(err)
			path := filepath.Join(t.TempDir(), "statement.sta")
			h.must(os.WriteFile(path, []byte(statement("260120", 100000, line{12000, "2026012000001", slip(o.Instrument.Value)})), 0o600))
			word := words[look.Language]
			tab := pagetest.Open(t, look)
			tab.Go(h.url + "/banks")
			tab.Type("#name", "olga")
			tab.Type("#password", password)
			tab.Click("main button")
			tab.UntilText("h1", word[0])
			axe := tab.Axe
			if look.NoScript {
				axe = func() {} // it is a script
			}
			tab.Picture("banks")
			axe()
			tab.Click("article h2 a")
			tab.UntilText("h1", "giro")
			tab.Choose("#file", path)
			tab.Click("#upload + form button")
			tab.UntilText("[role=status]", word[1])
			tab.Picture("bank")
			axe()
			tab.Click("article form button[value=accept]")
			tab.UntilText("[role=status]", word[2])
			h.wantState(o.PublicID, order.Completed)
			tab.Click("button[value=make]")
			tab.Until("two files", func() bool { return tab.Has("#payment-1") })
			tab.Picture("bank-made")
			axe()
		})
	}
}
