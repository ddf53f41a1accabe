package bank

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"till/internal/money"
	"till/internal/rail"
)

// painAnswer is what a pain.002 says.
type painAnswer struct {
	File    string // the MsgId of the payment file, or its PmtInfId
	Whole   painStatus
	Payment painStatus // of the payment information, which is all of our files
	Each    map[string]painStatus
	line    map[string]int // where each is said
}

// painStatus is one status with its reasons.
type painStatus struct {
	Status, Reason string
	units          string // of the amount that the bank repeats; "": it does not
}

// of is what an answer says of one transfer: what it says of it alone, else of all.
func (a *painAnswer) of(id string) painStatus {
	for _, s := range []painStatus{a.Each[id], a.Payment, a.Whole} {
		if s.Status != "" && (s.Status != "PART" || s == a.Each[id]) {
			return s
		}
	}
	return painStatus{}
}

// readPain002 reads the bank's answer to a payment file (ISO 20022, CustomerPaymentStatusReport, versions 03 to 10). All
// errors of the file are a *rail.FileError.
func readPain002(ctx context.Context, file io.Reader, asset money.Asset) (*painAnswer, error) {
	a, err := takePain002(newXMLFile(ctx, file, Settings{MaxBytes: maxAnswerFile}), asset)
	if known, ok := errors.AsType[*rail.FileError](err); ok {
		known.Format = string(PAIN002)
	}
	return a, err
}

// maxAnswerFile is more than an answer with every transfer of a file has.
const maxAnswerFile = 16 << 20

func takePain002(f *xmlFile, asset money.Asset) (*painAnswer, error) {
	a := &painAnswer{Each: map[string]painStatus{}, line: map[string]int{}}
	if err := a.head(f); err != nil {
		return nil, err
	}
	for {
		token, err := f.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if token.kind != xmlStart {
			continue
		}
		switch token.name.local {
		case "OrgnlGrpInfAndSts":
			err = a.group(f, token)
		case "OrgnlPmtInfAndSts":
			err = a.payment(f, asset)
		default:
			err = f.skip()
		}
		if err != nil {
			return nil, err
		}
	}
	if a.File == "" {
		return nil, f.fail("OrgnlMsgId", "it does not say which file it answers")
	}
	if a.Whole.Status == "" && a.Payment.Status == "" && len(a.Each) == 0 {
		return nil, f.fail("GrpSts", "it says nothing of the file or of any transfer")
	}
	return a, nil
}

// head reads up to the message.
func (a *painAnswer) head(f *xmlFile) error {
	for _, want := range []string{"Document", "CstmrPmtStsRpt"} {
		start, err := f.begin()
		if err != nil {
			return err
		}
		if want == "Document" {
			for _, attribute := range start.attrs {
				if namespaceOf(attribute, start.name.prefix) {
					f.ns, f.space = attribute.value, start.name.prefix
				}
			}
			version, known := strings.CutPrefix(f.ns, "urn:iso:std:iso:20022:tech:xsd:pain.002.001.")
			if !known || version < "03" || version > "10" || len(version) != 2 {
				return f.fail("xmlns", "%q is no answer to a payment file that is read: pain.002.001.03 to .10 are", clip(f.ns))
			}
		}
		if start.name.local != want {
			return f.fail(clip(start.name.local), "want %s here", want)
		}
	}
	return nil
}

// begin is the next element that begins.
func (f *xmlFile) begin() (xmlToken, error) {
	for {
		token, err := f.next()
		if errors.Is(err, io.EOF) {
			return xmlToken{}, f.fail("", "there is no message in it")
		}
		if err != nil {
			return xmlToken{}, err
		}
		if token.kind == xmlStart {
			return token, nil
		}
	}
}

func (a *painAnswer) group(f *xmlFile, start xmlToken) error {
	e, err := f.read(start)
	if err != nil {
		return err
	}
	if kind := e.say("OrgnlMsgNmId"); kind != "" && !strings.HasPrefix(kind, "pain.001") {
		return f.fail("OrgnlMsgNmId", "it answers a %s, and payment files are pain.001", clip(kind))
	}
	if err := a.names(f, e.say("OrgnlMsgId")); err != nil {
		return err
	}
	a.Whole, err = statusOf(f, e, "GrpSts")
	return err
}

// names takes which file is answered. A bank that has no id there writes NOTPROVIDED.
func (a *painAnswer) names(f *xmlFile, id string) error {
	switch {
	case id == "" || id == "NOTPROVIDED":
	case a.File == "":
		a.File = id
	case a.File != id:
		return f.fail("OrgnlPmtInfId", "it answers %s and %s, and a payment file has one id", clip(a.File), clip(id))
	}
	return nil
}

// payment reads a payment information with its transfers, one at a time.
func (a *painAnswer) payment(f *xmlFile, asset money.Asset) error {
	depth := len(f.open) - 1
	own := &element{}
	for {
		token, err := f.next()
		if err != nil {
			return err
		}
		if len(f.open) == depth {
			break
		}
		if token.kind != xmlStart {
			continue
		}
		e, err := f.read(token)
		if err != nil {
			return err
		}
		if e.name != "TxInfAndSts" {
			own.parts = append(own.parts, e)
			continue
		}
		if err := a.transfer(f, e, asset); err != nil {
			return err
		}
	}
	if err := a.names(f, own.say("OrgnlPmtInfId")); err != nil {
		return err
	}
	if a.Payment.Status != "" {
		return f.fail("OrgnlPmtInfAndSts", "it answers the same payments twice")
	}
	var err error
	a.Payment, err = statusOf(f, own, "PmtInfSts")
	return err
}

func (a *painAnswer) transfer(f *xmlFile, e *element, asset money.Asset) error {
	id := e.say("OrgnlEndToEndId")
	if id == "" || id == "NOTPROVIDED" {
		id = e.say("OrgnlInstrId")
	}
	if id == "" || len(id) > maxID {
		return f.fail("OrgnlEndToEndId", "a transfer has no id")
	}
	if _, twice := a.Each[id]; twice {
		return f.fail("OrgnlEndToEndId", "the transfer %s is answered twice", clip(id))
	}
	if len(a.Each) == maxTransfers {
		return f.fail("TxInfAndSts", "there are more transfers than a payment file has: %d", maxTransfers)
	}
	s, err := statusOf(f, e, "TxSts")
	if err != nil {
		return err
	}
	if paid := e.at("OrgnlTxRef", "Amt", "InstdAmt"); paid != nil {
		if paid.currency != asset.Code() {
			return f.fail("InstdAmt", "it is in %q, and the account pays in %s", clip(paid.currency), asset.Code())
		}
		sum, err := amount(asset, paid.text, '.')
		if err != nil {
			return f.fail("InstdAmt", "%s", err)
		}
		s.units = sum.Units()
	}
	a.Each[id], a.line[id] = s, e.line
	return nil
}

// maxReason bounds what is kept of a bank's reasons.
const maxReason = 250

func statusOf(f *xmlFile, e *element, name string) (painStatus, error) {
	s := painStatus{Status: e.say(name)}
	if s.Status != "" && !slices.Contains(statuses, s.Status) {
		return s, f.fail(name, "%q is no status that is known", clip(s.Status))
	}
	var words []string
	for _, why := range e.each("StsRsnInf") {
		words = append(words, why.say("Rsn", "Cd"), why.say("Rsn", "Prtry"))
		for _, text := range why.each("AddtlInf") {
			words = append(words, text.text)
		}
	}
	s.Reason = strings.Join(strings.Fields(strings.Join(words, " ")), " ")
	if len(s.Reason) > maxReason {
		s.Reason = strings.ToValidUTF8(s.Reason[:maxReason], "")
	}
	return s, nil
}
