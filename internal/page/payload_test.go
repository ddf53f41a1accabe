package page

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"rsc.io/qr"

	"till/internal/fault"
	"till/internal/money"
)

var (
	eur = money.MustAsset("EUR", "", 2)
	brl = money.MustAsset("BRL", "", 2)
)

// The first is the example of the guideline in its published form, with this version of the code and our decimals.
func TestSEPAPayload(t *testing.T) {
	for _, test := range []struct {
		in   SEPATransfer
		want string
	}{
		{SEPATransfer{Name: "Red Cross of Belgium", IBAN: "BE72000000001616", BIC: "BPOTBEB1", Amount: money.FromInt(eur, 100), Text: "Urgency fund"},
			"BCD\n002\n1\nSCT\nBPOTBEB1\nRed Cross of Belgium\nBE72000000001616\nEUR1.00\n\n\nUrgency fund"},
		{SEPATransfer{Name: "Zoë & Söhne", IBAN: "DE89370400440532013000", Amount: money.FromInt(eur, 999_999_999_99), Reference: "RF18539007547034"},
			"BCD\n002\n1\nSCT\n\nZoë & Söhne\nDE89370400440532013000\nEUR999999999.99\n\nRF18539007547034"},
		{SEPATransfer{Name: "A", IBAN: "DE89370400440532013000"}, "BCD\n002\n1\nSCT\n\nA\nDE89370400440532013000"},
		{SEPATransfer{Name: "A", IBAN: "DE89370400440532013000", Amount: money.FromInt(eur, 1)}, "BCD\n002\n1\nSCT\n\nA\nDE89370400440532013000\nEUR0.01"},
	} {
		if got, err := test.in.Payload(); got != test.want || err != nil {
			t.Errorf("%+v: %q, %v, want %q", test.in, got, err, test.want)
		}
	}
	good := SEPATransfer{Name: "A", IBAN: "DE89370400440532013000", BIC: "COBADEFF", Amount: money.FromInt(eur, 1), Reference: "RF18539007547034"}
	for _, test := range []struct {
		change func(*SEPATransfer)
		code   fault.Code
		param  string
	}{
		{func(t *SEPATransfer) { t.Name = "" }, fault.CodeMissingField, "name"},
		{func(t *SEPATransfer) { t.Name = strings.Repeat("ü", 71) }, fault.CodeTooLong, "name"},
		{func(t *SEPATransfer) { t.Name = "A\nDE00" }, fault.CodeInvalidValue, "name"}, // case 57
		{func(t *SEPATransfer) { t.Name = "A\xff" }, fault.CodeInvalidValue, "name"},
		{func(t *SEPATransfer) { t.IBAN = "" }, fault.CodeMissingField, "iban"},
		{func(t *SEPATransfer) { t.IBAN = "DE89" }, fault.CodeInvalidValue, "iban"},
		{func(t *SEPATransfer) { t.IBAN = "de89370400440532013000" }, fault.CodeInvalidValue, "iban"},
		{func(t *SEPATransfer) { t.BIC = "COBADE" }, fault.CodeInvalidValue, "bic"},
		{func(t *SEPATransfer) { t.Amount = money.Zero(eur) }, fault.CodeInvalidAmount, "amount"},
		{func(t *SEPATransfer) { t.Amount = money.FromInt(eur, 1_000_000_000_00) }, fault.CodeAmountTooLarge, "amount"},
		{func(t *SEPATransfer) { t.Amount = money.FromInt(brl, 1) }, fault.CodeInvalidCurrency, "amount"},
		{func(t *SEPATransfer) { t.Text = "both" }, fault.CodeInvalidValue, "text"},
		{func(t *SEPATransfer) { t.Reference, t.Text = "", strings.Repeat("x", 141) }, fault.CodeTooLong, "text"},
		{func(t *SEPATransfer) { t.Reference, t.Text = "", strings.Repeat("ü", 140) }, fault.CodeTooLong, "text"},
		{func(t *SEPATransfer) { t.Reference = "INV 1" }, fault.CodeInvalidValue, "reference"},
	} {
		in := good
		test.change(&in)
		_, err := in.Payload()
		if f, ok := fault.As(err); !ok || f.Code != test.code || f.Param != test.param {
			t.Errorf("%+v: %v, want %s (%s)", in, err, test.code, test.param)
		}
	}
}

// Whatever is accepted is read back from its lines, and fits the code that the guideline allows: version 13 at most.
func TestSEPAPayloadIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := SEPATransfer{
			Name: rapid.StringN(1, 70, 140).Draw(t, "name"), IBAN: "MT84MALT011000012345MTLCAST001S", BIC: rapid.SampledFrom([]string{"", "COBADEFFXXX"}).Draw(t, "bic"),
			Amount: money.FromInt(eur, rapid.Int64Range(1, 999_999_999_99).Draw(t, "units")),
		}
		if rapid.Bool().Draw(t, "reference") {
			in.Reference = "RF18" + rapid.StringMatching("[0-9A-Z]{1,21}").Draw(t, "body")
		} else {
			in.Text = rapid.StringOfN(rapid.RuneFrom([]rune("aé /1")), 0, 100, 110).Draw(t, "text")
		}
		got, err := in.Payload()
		if err != nil {
			if fault.Is(err, fault.CodeInvalidValue) { // a control character in the name
				return
			}
			t.Fatal(err)
		}
		lines := append(strings.Split(got, "\n"), "", "", "", "")
		amount, err := money.Parse(eur, strings.TrimPrefix(lines[7], "EUR"))
		if err != nil || lines[4] != in.BIC || lines[5] != in.Name || lines[6] != in.IBAN || !amount.Equal(in.Amount) || lines[9] != in.Reference || lines[10] != in.Text {
			t.Fatalf("%+v became %q", in, got)
		}
		if len(got) > 331 {
			t.Fatalf("it has %d bytes", len(got))
		}
		code, err := qr.Encode(got, qr.M)
		if err != nil || code.Size > 69 {
			t.Fatalf("%d bytes make a code of %d modules, %v", len(got), code.Size, err)
		}
	})
}

// The check sum's published test value, and the example of the Banco Central's manual.
func TestBRCode(t *testing.T) {
	if got := crc16("123456789"); got != 0x29B1 {
		t.Errorf("the check sum is %04X", got)
	}
	for _, test := range []struct {
		in   PIXCharge
		want string
	}{
		{PIXCharge{Key: "123e4567-e12b-12d1-a456-426655440000", Name: "Fulano de Tal", City: "BRASILIA"},
			"00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D"},
	} {
		if got, err := test.in.BRCode(); got != test.want || err != nil {
			t.Errorf("%+v:\n%s, %v, want\n%s", test.in, got, err, test.want)
		}
	}
	good := PIXCharge{Key: "ana@example.org", Name: "Ana", City: "BRASILIA", Amount: money.FromInt(brl, 1), TxID: "RF18X"}
	for _, test := range []struct {
		change func(*PIXCharge)
		code   fault.Code
		param  string
	}{
		{func(c *PIXCharge) { c.Key = "" }, fault.CodeMissingField, "key"},
		{func(c *PIXCharge) { c.Key = strings.Repeat("x", 78) }, fault.CodeTooLong, "key"},
		{func(c *PIXCharge) { c.Name = "" }, fault.CodeMissingField, "name"},
		{func(c *PIXCharge) { c.Name = strings.Repeat("x", 26) }, fault.CodeTooLong, "name"},
		{func(c *PIXCharge) { c.Name = "João" }, fault.CodeInvalidValue, "name"},
		{func(c *PIXCharge) { c.City = strings.Repeat("x", 16) }, fault.CodeTooLong, "city"},
		{func(c *PIXCharge) { c.City = "A\n" }, fault.CodeInvalidValue, "city"},
		{func(c *PIXCharge) { c.TxID = "RF-18" }, fault.CodeInvalidValue, "txid"},
		{func(c *PIXCharge) { c.TxID = strings.Repeat("x", 26) }, fault.CodeTooLong, "txid"},
		{func(c *PIXCharge) { c.Amount = money.FromInt(eur, 1) }, fault.CodeInvalidCurrency, "amount"},
		{func(c *PIXCharge) { c.Amount = money.Zero(brl) }, fault.CodeInvalidAmount, "amount"},
		{func(c *PIXCharge) { c.Amount = money.FromInt(brl, 10_000_000_000_00) }, fault.CodeAmountTooLarge, "amount"},
	} {
		in := good
		test.change(&in)
		_, err := in.BRCode()
		if f, ok := fault.As(err); !ok || f.Code != test.code || f.Param != test.param {
			t.Errorf("%+v: %v, want %s (%s)", in, err, test.code, test.param)
		}
	}
}

// readEMV takes a code apart.
func readEMV(text string) (map[string]string, error) {
	fields := map[string]string{}
	for text != "" {
		if len(text) < 4 {
			return nil, fmt.Errorf("%q is no field", text)
		}
		n, err := strconv.Atoi(text[2:4])
		if err != nil || len(text) < 4+n {
			return nil, fmt.Errorf("%q is no field", text)
		}
		fields[text[:2]], text = text[4:4+n], text[4+n:]
	}
	return fields, nil
}

func TestBRCodeIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := PIXCharge{
			Key: rapid.StringMatching(`[a-z0-9@.+-]{1,77}`).Draw(t, "key"), Name: rapid.StringMatching(`[ -~]{1,25}`).Draw(t, "name"),
			City: rapid.StringMatching(`[ -~]{1,15}`).Draw(t, "city"), TxID: rapid.StringMatching(`[0-9A-Za-z]{1,25}`).Draw(t, "txid"),
			Amount: money.FromInt(brl, rapid.Int64Range(1, 9_999_999_999_99).Draw(t, "units")),
		}
		got, err := in.BRCode()
		if err != nil {
			t.Fatal(err)
		}
		outer, err := readEMV(got)
		if err != nil {
			t.Fatal(err)
		}
		account, err := readEMV(outer["26"])
		if err != nil {
			t.Fatal(err)
		}
		more, err := readEMV(outer["62"])
		if err != nil {
			t.Fatal(err)
		}
		if account["00"] != "br.gov.bcb.pix" || account["01"] != in.Key || outer["59"] != in.Name || outer["60"] != in.City || outer["54"] != in.Amount.Decimal() ||
			more["05"] != in.TxID || outer["63"] != fmt.Sprintf("%04X", crc16(got[:len(got)-4])) {
			t.Fatalf("%+v became %s", in, got)
		}
	})
}
