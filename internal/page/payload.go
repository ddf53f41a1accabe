package page

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"till/internal/fault"
	"till/internal/money"
)

// SEPATransfer is what a banking app reads from a QR code to fill in a SEPA credit transfer.
type SEPATransfer struct {
	Name      string       // of the payee, up to 70 characters
	IBAN      string       // canonical: capitals, no spaces
	BIC       string       // "": none, which the IBAN makes up for in the European Economic Area
	Amount    money.Amount // in euros, 0.01 to 999999999.99; the zero Amount leaves it to the payer
	Reference string       // a creditor reference (ISO 11649); not together with Text
	Text      string       // what the payee reads, up to 140 characters
}

// maxPayload is the most bytes there may be, by the guideline.
const maxPayload = 331

// Payload is the text of the QR code: EPC069-12 (Quick Response Code: guidelines to enable data capture for the initiation
// of a SEPA credit transfer, version 2.1), version 002 of the code, in UTF-8. It fits a code of at most 69 modules a side
// with error correction M, as that paper wants it.
//
// Faults on name, iban, bic, amount, reference, text: missing_field, too_long, invalid_value, invalid_currency,
// invalid_amount, amount_too_large.
func (t SEPATransfer) Payload() (string, error) {
	amount := ""
	if !t.Amount.Asset().IsZero() {
		switch {
		case t.Amount.Asset().Code() != "EUR" || t.Amount.Asset().Network() != "":
			return "", fault.New(fault.CodeInvalidCurrency, "a SEPA credit transfer is in euros").On("amount")
		case t.Amount.Sign() <= 0:
			return "", fault.New(fault.CodeInvalidAmount, "a transfer is above zero").On("amount")
		case len(t.Amount.Units()) > 11:
			return "", fault.New(fault.CodeAmountTooLarge, "a SEPA credit transfer is at most 999999999.99").On("amount")
		}
		amount = "EUR" + t.Amount.Decimal()
	}
	if t.Reference != "" && t.Text != "" {
		return "", fault.New(fault.CodeInvalidValue, "a transfer has a reference or a text, not both").On("text")
	}
	for _, part := range []struct {
		field, text string
		min, max    int
	}{{"name", t.Name, 1, 70}, {"iban", t.IBAN, 15, 34}, {"bic", t.BIC, 0, 11}, {"reference", t.Reference, 0, 25}, {"text", t.Text, 0, 140}} {
		if err := oneLine(part.field, part.text, part.min, part.max); err != nil {
			return "", err
		}
	}
	switch {
	case !isAlnum(t.IBAN):
		return "", fault.New(fault.CodeInvalidValue, "an IBAN is capitals and digits").On("iban")
	case t.BIC != "" && (!isAlnum(t.BIC) || len(t.BIC) != 8 && len(t.BIC) != 11):
		return "", fault.New(fault.CodeInvalidValue, "a BIC is 8 or 11 capitals and digits").On("bic")
	case t.Reference != "" && (!isAlnum(t.Reference) || !strings.HasPrefix(t.Reference, "RF")):
		return "", fault.New(fault.CodeInvalidValue, "a creditor reference is RF, capitals and digits").On("reference")
	}
	lines := []string{"BCD", "002", "1", "SCT", t.BIC, t.Name, t.IBAN, amount, "", t.Reference, t.Text}
	payload := strings.TrimRight(strings.Join(lines, "\n"), "\n")
	if len(payload) > maxPayload {
		return "", fault.New(fault.CodeTooLong, "name and text are more than a code of this kind holds").On("text")
	}
	return payload, nil
}

// PIXCharge is what a banking app of Brazil reads from a static QR code.
type PIXCharge struct {
	Key    string       // of the payee, canonical, up to 77 characters
	Name   string       // of the payee, up to 25 characters of ASCII
	City   string       // up to 15 characters of ASCII
	Amount money.Amount // in reais, up to 9999999999.99; the zero Amount leaves it to the payer
	TxID   string       // up to 25 letters and digits, which come back with the payment; "": none
}

// BRCode is the text of the QR code, and what is copied and pasted where there is no camera: the static BR Code (Banco
// Central do Brasil, Manual de Padrões para Iniciação do Pix, on EMVCo's QR Code Specification for Payment Systems,
// Merchant-Presented Mode).
//
// Faults on key, name, city, amount, txid: missing_field, too_long, invalid_value, invalid_currency, invalid_amount,
// amount_too_large.
func (c PIXCharge) BRCode() (string, error) {
	for _, part := range []struct {
		field, text string
		min, max    int
	}{{"key", c.Key, 1, 77}, {"name", c.Name, 1, 25}, {"city", c.City, 1, 15}, {"txid", c.TxID, 0, 25}} {
		if err := oneLine(part.field, part.text, part.min, part.max); err != nil {
			return "", err
		}
		if strings.IndexFunc(part.text, func(r rune) bool { return r > '~' }) >= 0 {
			return "", fault.New(fault.CodeInvalidValue, "a BR Code has characters of ASCII only").On(part.field)
		}
	}
	txid := c.TxID
	switch {
	case txid == "":
		txid = "***" // as the manual has it for none
	case !isAlnum(strings.ToUpper(txid)):
		return "", fault.New(fault.CodeInvalidValue, "a txid is letters and digits").On("txid")
	}
	amount := ""
	if !c.Amount.Asset().IsZero() {
		switch {
		case c.Amount.Asset().Code() != "BRL" || c.Amount.Asset().Network() != "":
			return "", fault.New(fault.CodeInvalidCurrency, "PIX is in reais").On("amount")
		case c.Amount.Sign() <= 0:
			return "", fault.New(fault.CodeInvalidAmount, "a charge is above zero").On("amount")
		case len(c.Amount.Decimal()) > 13:
			return "", fault.New(fault.CodeAmountTooLarge, "a BR Code has amounts of at most 13 characters").On("amount")
		}
		amount = emv("54", c.Amount.Decimal())
	}
	text := emv("00", "01") + emv("26", emv("00", "br.gov.bcb.pix")+emv("01", c.Key)) + emv("52", "0000") + emv("53", "986") + amount +
		emv("58", "BR") + emv("59", c.Name) + emv("60", c.City) + emv("62", emv("05", txid)) + "6304"
	return text + fmt.Sprintf("%04X", crc16(text)), nil
}

// emv is a field of a code: its number, the length of its value in two digits, and the value.
func emv(number, value string) string { return fmt.Sprintf("%s%02d%s", number, len(value), value) }

// crc16 is the check sum of EMV codes: CRC-16 with the polynomial 0x1021 that begins with 0xFFFF (ISO/IEC 13239).
func crc16(text string) uint16 {
	sum := uint16(0xFFFF)
	for i := range len(text) {
		sum ^= uint16(text[i]) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

// oneLine checks a text of min to max characters that has no line break nor other control character: one in a name would
// begin the next field.
func oneLine(field, text string, min, max int) error {
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text) || strings.IndexFunc(text, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 }) >= 0:
		return fault.New(fault.CodeInvalidValue, "this is no text on one line").On(field)
	case n == 0 && min > 0:
		return fault.New(fault.CodeMissingField, "this is missing").On(field)
	case n > max:
		return fault.New(fault.CodeTooLong, fmt.Sprintf("this has more than %d characters", max)).On(field)
	case n < min:
		return fault.New(fault.CodeInvalidValue, fmt.Sprintf("this has fewer than %d characters", min)).On(field)
	}
	return nil
}

func isAlnum(s string) bool {
	return s != "" && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
