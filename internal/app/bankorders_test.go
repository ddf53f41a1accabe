package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"till/internal/operator/client"
)

const twoBanks = `
[banks.bbva]
mode = "live"
name = "BBVA"
currency = "MXN"
account = "032180000118359719"
country = "MX"
holder = "Shop SA"
[banks.reais]
mode = "live"
currency = "BRL"
account = "BR1500000000000010932840814P2"
country = "BR"
holder = "Comercio Ltda"
pix_key = "shop@example.com"
city = "Sao Paulo"
payments = ""
[methods.SPEI.MX]
network = "bbva"
reports_document = true
[methods.PIX_STATIC.BR]
network = "reais"
[webhooks]
allow_private = true
allow_http = true
`

// liveBank is a server with bank accounts as its config has them, used by a merchant of Koywe's API in live mode.
type liveBank struct {
	*testing.T
	app      *App
	operator *client.Client
	token    string
	told     chan bankWebhook
	heard    []bankWebhook
	sheets   int
	balances map[string]int // cents, by account
}

type bankWebhook struct {
	Type          string
	Data          struct{ Status, Status_reason string }
	Relationships struct{ Self struct{ ID string } }
}

type bankOrder struct {
	ID, Status, StatusReason, ProvidedAction string
}

func newLiveBank(t *testing.T) *liveBank {
	b := &liveBank{T: t, told: make(chan bankWebhook, 1000), balances: map[string]int{}}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var told bankWebhook
		if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
			t.Error(err)
		}
		b.told <- told
	}))
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	b.app = startIn(t, dir, networksOff+twoBanks, io.Discard)
	keys, err := b.app.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	b.operator = client.New(b.app.URL()+client.Path, keys.OperatorToken.Reveal(), http.DefaultClient)
	id, secret, _ := strings.Cut(keys.APIKeys["koywe"].Live.Reveal(), ":")
	var signed struct{ Token string }
	b.call("POST", "/auth/sign-in", fmt.Sprintf(`{"apiKey":%q,"secret":%q}`, id, secret), &signed)
	b.token = signed.Token
	b.call("POST", "/organizations/default/webhooks", fmt.Sprintf(`{"url":%q,"secret":"a secret of sixteen"}`, receiver.URL+"/hook"), nil)
	return b
}

func (b *liveBank) call(method, path, body string, into any) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.app.URL()+"/koywe/api/v1"+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode >= 300 {
		b.Fatalf("%s %s: %d %s %v", method, path, got.StatusCode, text, err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			b.Fatalf("%s: %v", text, err)
		}
	}
}

const ofDefault = "/organizations/default/merchants/default"

// payIn makes an order that is paid by a method, and returns what its payer is told to name.
func (b *liveBank) payIn(method, currency, amount, more string) (o bankOrder, reference, shown string) {
	b.Helper()
	b.call("POST", ofDefault+"/orders", fmt.Sprintf(`{"type":"PAYIN","originCurrencySymbol":%q,"destinationCurrencySymbol":%q,"amountIn":%s,"paymentMethods":[{"method":%q}]%s}`,
		currency, currency, amount, method, more), &o)
	page, err := http.Get(o.ProvidedAction)
	if err != nil {
		b.Fatal(err)
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	if err != nil {
		b.Fatal(err)
	}
	reference = referenceShown.FindString(string(text))
	if reference == "" {
		b.Fatalf("the page of %s names no reference:\n%s", o.ID, text)
	}
	return o, reference, string(text)
}

var referenceShown = regexp.MustCompile(`RF[0-9]{2}[0-9A-Z]{14}`)

// payOut sends pesos to a contact's account.
func (b *liveBank) payOut(amount, account string) (o bankOrder) {
	b.Helper()
	b.call("POST", ofDefault+"/orders", fmt.Sprintf(`{"type":"PAYOUT","originCurrencySymbol":"MXN","destinationCurrencySymbol":"MXN","amountIn":%s,"destinationAccountId":%q}`, amount, account), &o)
	return o
}

// bookedLine is a line of a camt.053. What is inside TxDtls is said word for word.
type bookedLine struct {
	cents   int // below zero: it went out
	details string
}

// statement imports the next statement of an account.
func (b *liveBank) statement(bank, currency, account string, lines ...bookedLine) client.ImportReport {
	b.Helper()
	b.sheets++
	day := time.Now().UTC().Format(time.DateOnly)
	side := func(cents int) string {
		way := "CRDT"
		if cents < 0 {
			cents, way = -cents, "DBIT"
		}
		return fmt.Sprintf(`<Amt Ccy="%s">%d.%02d</Amt><CdtDbtInd>%s</CdtDbtInd>`, currency, cents/100, cents%100, way)
	}
	var text strings.Builder
	balance := func(code string) {
		fmt.Fprintf(&text, `<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp>%s<Dt><Dt>%s</Dt></Dt></Bal>`, code, side(b.balances[account]), day)
	}
	fmt.Fprintf(&text, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M%d</MsgId><CreDtTm>%sT20:00:00Z</CreDtTm></GrpHdr>
<Stmt><Id>S%d</Id><ElctrncSeqNb>%d</ElctrncSeqNb><Acct><Id><Othr><Id>%s</Id></Othr></Id><Ccy>%s</Ccy></Acct>`, b.sheets, day, b.sheets, b.sheets, account, currency)
	if strings.HasPrefix(account, "BR") {
		swap := strings.Replace(text.String(), "<Othr><Id>"+account+"</Id></Othr>", "<IBAN>"+account+"</IBAN>", 1)
		text.Reset()
		text.WriteString(swap)
	}
	balance("OPBD")
	for _, l := range lines {
		b.balances[account] += l.cents
	}
	balance("CLBD")
	for i, l := range lines {
		fmt.Fprintf(&text, `<Ntry>%s<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>%s</Dt></BookgDt><ValDt><Dt>%s</Dt></ValDt><AcctSvcrRef>B%d-%d</AcctSvcrRef>
<NtryDtls><TxDtls>%s</TxDtls></NtryDtls></Ntry>`, side(l.cents), day, day, b.sheets, i, l.details)
	}
	text.WriteString(`</Stmt></BkToCstmrStmt></Document>`)
	return b.imports(bank, text.String())
}

func (b *liveBank) imports(bank, text string) client.ImportReport {
	b.Helper()
	got, err := b.operator.ImportBankFile(b.Context(), bank, bytes.NewReader([]byte(text)))
	if err != nil {
		b.Fatalf("%v of\n%s", err, text)
	}
	return got
}

// paid is a credit whose payer wrote something.
func paid(cents int, remittance, document string) bookedLine {
	who := ""
	if document != "" {
		who = "<Id><PrvtId><Othr><Id>" + document + "</Id></Othr></PrvtId></Id>"
	}
	return bookedLine{cents, `<RltdPties><Dbtr><Pty><Nm>Ana Lopez</Nm>` + who + `</Pty></Dbtr></RltdPties><RmtInf><Ustrd>` + remittance + `</Ustrd></RmtInf>`}
}

// becomes waits until an order has a status.
func (b *liveBank) becomes(id, status string) bankOrder {
	b.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(20 * time.Millisecond) {
		var o bankOrder
		b.call("GET", ofDefault+"/orders/"+id, "", &o)
		if o.Status == status {
			return o
		}
		if time.Now().After(end) {
			b.Fatalf("order %s is %+v and not %s", id, o, status)
		}
	}
}

// hears waits for a webhook about an order.
func (b *liveBank) hears(id, kind string) bankWebhook {
	b.Helper()
	end := time.After(deadline)
	for {
		for _, told := range b.heard {
			if told.Type == kind && told.Relationships.Self.ID == id {
				return told
			}
		}
		select {
		case told := <-b.told:
			b.heard = append(b.heard, told)
		case <-end:
			b.Fatalf("%s of %s was not told", kind, id)
		}
	}
}

func (b *liveBank) balance(currency, want string) {
	b.Helper()
	var held []struct{ Balance string }
	b.call("GET", ofDefault+"/accounts/balances?currency="+currency, "", &held)
	if len(held) != 1 || strings.TrimSuffix(held[0].Balance, ".00") != want {
		b.Errorf("the merchant has %v %s, want %s", held, currency, want)
	}
}

// agrees holds the ledger against the statements of a bank.
func (b *liveBank) agrees(bank string) {
	b.Helper()
	list, err := b.operator.Banks(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, one := range list {
		if one.ID == bank && strings.Trim(one.Difference.Decimal, "0.") != "" {
			b.Errorf("the ledger differs from the bank: %+v", one)
		}
	}
}

const (
	ofMexico = "032180000118359719"
	ofBrazil = "BR1500000000000010932840814P2"
)

// Orders that a bank's statement pays, in live mode.
func TestLivePayInsByStatement(t *testing.T) {
	b := newLiveBank(t)
	spei, reference, page := b.payIn("SPEI", "MXN", "250.50", "")
	if !strings.Contains(page, ofMexico) || !strings.Contains(page, "Shop SA") {
		t.Errorf("the page does not say where to transfer:\n%s", page)
	}
	strict, ofStrict, _ := b.payIn("SPEI", "MXN", "80", `,"enforcedDocument":"GODE561231GR8"`)
	got := b.statement("bbva", "MXN", ofMexico, paid(250_50, "PAGO "+strings.ToLower(reference)+" GRACIAS", ""), paid(80_00, ofStrict, "LOPA800101AB1"))
	if got.Matched != 1 || got.Suspense != 1 {
		t.Errorf("both name an order, and one was paid by a stranger: %+v", got)
	}
	b.becomes(spei.ID, "COMPLETED")
	b.hears(spei.ID, "order.completed")
	b.becomes(strict.ID, "PENDING")
	b.balance("MXN", "250.50")
	aside, err := b.operator.Suspense(t.Context(), "live", "", 10)
	if err != nil || len(aside.Orders) != 1 || aside.Orders[0].Order != strict.ID || len(aside.Orders[0].Balances) != 1 {
		t.Errorf("a stranger's money is in suspense: %+v %v", aside, err)
	}
	if got := b.statement("bbva", "MXN", ofMexico, paid(80_00, ofStrict, "GODE-561231-GR8")); got.Matched != 1 {
		t.Errorf("from the enforced payer: %+v", got)
	}
	b.becomes(strict.ID, "COMPLETED")
	b.balance("MXN", "330.50")
	b.agrees("bbva")

	pix, txid, page := b.payIn("PIX_STATIC", "BRL", "40", "")
	if !strings.Contains(page, "br.gov.bcb.pix") || !strings.Contains(page, "0518"+txid) {
		t.Errorf("the page shows no BR Code of %s:\n%s", txid, page)
	}
	if got := b.statement("reais", "BRL", ofBrazil, bookedLine{40_00, `<Refs><EndToEndId>` + txid + `</EndToEndId></Refs>`}); got.Matched != 1 {
		t.Errorf("by its txid: %+v", got)
	}
	b.becomes(pix.ID, "COMPLETED")
	b.hears(pix.ID, "order.completed")
	b.agrees("reais")
}

var endToEndOf = regexp.MustCompile(`<EndToEndId>([^<]+)</EndToEndId>[^Z]*?<InstdAmt Ccy="MXN">([0-9.]+)<`)

// Pay-outs leave in a file, and end as the bank says, in live mode.
func TestLivePayOutsByFile(t *testing.T) {
	b := newLiveBank(t)
	_, reference, _ := b.payIn("SPEI", "MXN", "1000", "")
	b.statement("bbva", "MXN", ofMexico, paid(1000_00, reference, ""))
	b.balance("MXN", "1000")
	var contact, account struct{ ID string }
	b.call("POST", ofDefault+"/contacts", `{"firstName":"Ana","lastName":"Lopez","email":"ana@example.com","phone":"+525512345678","countrySymbol":"MX","businessType":"PERSON","type":"PERSON"}`, &contact)
	b.call("POST", ofDefault+"/contacts/"+contact.ID+"/accounts", `{"kind":"BANK","name":"Main","accountNumber":"012180026050783858","countrySymbol":"MX","currencySymbol":"MXN"}`, &account)
	orders := map[string]bankOrder{}
	for _, amount := range []string{"100", "200", "300", "150"} {
		orders[amount+".00"] = b.payOut(amount, account.ID)
	}
	for _, o := range orders {
		b.becomes(o.ID, "PROCESSING")
	}
	b.balance("MXN", "250")

	named, file := map[string]string{}, ""
	for end := time.Now().Add(deadline); len(named) < len(orders) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		made, err := b.operator.ExportPayments(t.Context(), "bbva")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range made {
			text, err := b.operator.PaymentFile(t.Context(), "bbva", f.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text.Text, "pain.001.001.09") || !strings.Contains(text.Text, "012180026050783858") || !strings.Contains(text.Text, "Ana Lopez") {
				t.Errorf("the payment file is %s", text.Text)
			}
			file = f.ID
			for _, m := range endToEndOf.FindAllStringSubmatch(text.Text, -1) {
				named[m[2]] = m[1]
				if m[2] == "200.00" { // its file is answered before the others' may be made
					b.rejects(file, m[1])
				}
			}
		}
	}
	if len(named) != len(orders) {
		t.Fatalf("%d transfers are in files: %v", len(named), named)
	}

	failed := b.becomes(orders["200.00"].ID, "FAILED")
	if told := b.hears(failed.ID, "order.failed"); !strings.Contains(told.Data.Status_reason, "AC04") || !strings.Contains(failed.StatusReason, "AC04") {
		t.Errorf("rejected because the account is closed: %+v, told %+v", failed, told)
	}
	b.balance("MXN", "450")

	out := func(cents int, amount string) bookedLine {
		return bookedLine{cents, `<Refs><EndToEndId>` + named[amount] + `</EndToEndId></Refs>`}
	}
	if got := b.statement("bbva", "MXN", ofMexico, out(-100_00, "100.00"), out(-300_00, "300.00"), out(-150_00, "150.00")); got.Transfers != 3 {
		t.Errorf("three transfers left: %+v", got)
	}
	for _, amount := range []string{"100.00", "300.00", "150.00"} {
		b.becomes(orders[amount].ID, "COMPLETED")
		b.hears(orders[amount].ID, "order.completed")
	}

	back := out(300_00, "300.00")
	back.details += `<RtrInf><Rsn><Cd>AC06</Cd></Rsn></RtrInf>`
	if got := b.statement("bbva", "MXN", ofMexico, back); got.Returned != 1 {
		t.Errorf("one came back: %+v", got)
	}
	returned := b.becomes(orders["300.00"].ID, "REFUNDED")
	if told := b.hears(returned.ID, "order.refunded"); !strings.Contains(told.Data.Status_reason, "AC06") || !strings.Contains(returned.StatusReason, "AC06") {
		t.Errorf("returned because the account is blocked: %+v, told %+v", returned, told)
	}
	b.balance("MXN", "750")

	day := time.Now().UTC().Format("060102")
	got := b.imports("bbva", fmt.Sprintf(":20:X\r\n:25:%s\r\n:28C:90/1\r\n:60F:C%sMXN%d,\r\n:61:%s%sRD150,NTRFNONREF//RD1\r\n:86:166?00RETURN?20EREF+%s\r\n:62F:C%sMXN%d,\r\n-\r\n",
		ofMexico, day, b.balances[ofMexico]/100, day, day[2:], named["150.00"], day, b.balances[ofMexico]/100+150))
	if got.Returned != 1 {
		t.Errorf("one came back by MT940: %+v", got)
	}
	b.becomes(orders["150.00"].ID, "REFUNDED")
	b.hears(orders["150.00"].ID, "order.refunded")
	b.balance("MXN", "900")
	b.agrees("bbva")
}

// rejects answers a payment file: all but one is accepted.
func (b *liveBank) rejects(file, endToEnd string) {
	b.Helper()
	got := b.imports("bbva", fmt.Sprintf(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>A1</MsgId><CreDtTm>2026-01-02T10:00:00Z</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>%s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>%s</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>%s</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts>
</CstmrPmtStsRpt></Document>`, file, file, endToEnd))
	if got.Answers != 1 {
		b.Errorf("answered %+v", got)
	}
}
