package bank

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"till/internal/rail"
)

// answer is a pain.002.001.03 about a file; status is of the payment information.
func answer(file, status, reason string, entries ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
 <GrpHdr><MsgId>B1</MsgId><CreDtTm>2026-11-18T12:00:00</CreDtTm></GrpHdr>
 <OrgnlGrpInfAndSts><OrgnlMsgId>` + file + `</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>
 <OrgnlPmtInfAndSts><OrgnlPmtInfId>` + file + `</OrgnlPmtInfId><PmtInfSts>` + status + `</PmtInfSts>` + why(reason) + strings.Join(entries, "") + `</OrgnlPmtInfAndSts>
</CstmrPmtStsRpt></Document>`
}

func entry(id, status, reason string) string {
	return `<TxInfAndSts><OrgnlEndToEndId>` + id + `</OrgnlEndToEndId><TxSts>` + status + `</TxSts>` + why(reason) + `</TxInfAndSts>`
}

func why(reason string) string {
	if reason == "" {
		return ""
	}
	return `<StsRsnInf><Rsn><Cd>` + reason + `</Cd></Rsn></StsRsnInf>`
}

// filed is an office with three transfers in one file.
func filed(t *testing.T) (o *office, file string) {
	t.Helper()
	o = newOffice(t, nil)
	for i, id := range []string{"a", "b", "c"} {
		o.send(id, int64(100*(i+1)))
	}
	return o, o.export()[0].ID
}

// failedOf is what an answer says will not be executed.
func (o *office) failedOf(text string) []string {
	o.T.Helper()
	words, err := o.Answered(o.Context(), strings.NewReader(text))
	o.must(err)
	list := []string{}
	for _, w := range words {
		if w.Status != rail.StatusFailed || w.Ref != rail.Ref(w.ID) {
			o.Errorf("the word is %+v", w)
		}
		list = append(list, w.ID)
	}
	return list
}

// group is an answer to the file as a whole.
func group(version, file, status, reason string) string {
	return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.` + version + `"><CstmrPmtStsRpt><GrpHdr><MsgId>B</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>` + file +
		`</OrgnlMsgId><GrpSts>` + status + `</GrpSts>` + why(reason) + `</OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>`
}

// What is rejected has failed, at whatever level the bank says it; what is accepted or pending changes nothing and is kept.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		text   func(file string) string
		failed string
		a, b   string // what is kept of two transfers
	}{
		{"the whole file, in the first version", func(f string) string { return group("03", f, "RJCT", "AM05") }, "[a b c]", "RJCT AM05", "RJCT AM05"},
		{"the whole file, in the last version", func(f string) string { return group("10", f, "RJCT", "AM05") }, "[a b c]", "RJCT AM05", "RJCT AM05"},
		{"it was taken", func(f string) string { return group("09", f, "ACTC", "") }, "[]", "ACTC ", "ACTC "},
		{"it waits", func(f string) string { return group("08", f, "PDNG", "") }, "[]", "PDNG ", "PDNG "},
		{"the payments", func(f string) string { return answer(f, "RJCT", "AG01") }, "[a b c]", "RJCT AG01", "RJCT AG01"},
		{"in part", func(f string) string { return answer(f, "PART", "", entry("b", "RJCT", "AC01")) }, "[b]", " ", "RJCT AC01"},
		{"each", func(f string) string {
			return answer(f, "PART", "", entry("a", "ACSC", ""), entry("b", "RJCT", "AC04"), entry("c", "PDNG", ""))
		}, "[b]", "ACSC ", "RJCT AC04"},
		{"one has a word of its own", func(f string) string { return answer(f, "ACCP", "", entry("b", "RJCT", "AC04")) }, "[b]", "ACCP ", "RJCT AC04"},
		{"all but one", func(f string) string { return answer(f, "RJCT", "AM04", entry("b", "ACWC", "")) }, "[a c]", "RJCT AM04", "ACWC "},
		{"cancelled", func(f string) string { return answer(f, "PART", "", entry("a", "CANC", "CUST")) }, "[a]", "CANC CUST", " "},
		{"without a status for the payments", func(f string) string { return answer(f, "", "", entry("a", "RJCT", "AC01")) }, "[a]", "RJCT AC01", " "},
		{"the file is named by its payments only", func(f string) string {
			return strings.Replace(answer(f, "RJCT", "AC01"), "<OrgnlMsgId>"+f, "<OrgnlMsgId>NOTPROVIDED", 1)
		}, "[a b c]", "RJCT AC01", "RJCT AC01"},
		{"with the amount", func(f string) string {
			return answer(f, "PART", "", strings.Replace(entry("b", "RJCT", "AC01"), "</TxInf", `<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">2.00</InstdAmt></Amt></OrgnlTxRef></TxInf`, 1))
		}, "[b]", " ", "RJCT AC01"},
		{"with a text", func(f string) string {
			return answer(f, "PART", "", strings.Replace(entry("b", "RJCT", "AC01"), "</Rsn>", "</Rsn><AddtlInf>the account\n  is closed</AddtlInf>", 1))
		}, "[b]", " ", "RJCT AC01 the account is closed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, file := filed(t)
			for range 2 { // the same again is the same
				if got := fmt.Sprint(o.failedOf(test.text(file))); got != test.failed {
					t.Errorf("failed: %s, want %s", got, test.failed)
				}
				o.reopen()
			}
			for id, want := range map[string]string{"a": test.a, "b": test.b} {
				got, err := o.Transfer(t.Context(), id)
				if err != nil || got.Answer+" "+got.Reason != want {
					t.Errorf("%s is %+v, %v, want %q", id, got, err, want)
				}
				failed := strings.Contains(test.failed, id)
				if status := o.status(id); failed != (status == rail.StatusFailed) || !failed && status != rail.StatusUnknown {
					t.Errorf("%s is %s", id, status)
				}
			}
		})
	}
}

// What was rejected stays rejected, and what a bank takes back after it took it is rejected then.
func TestAnswersInAnyOrder(t *testing.T) {
	o, file := filed(t)
	for _, step := range []struct{ text, failed string }{
		{group("03", file, "ACCP", ""), "[]"},
		{answer(file, "PART", "", entry("a", "ACSC", ""), entry("b", "RJCT", "AC01")), "[b]"},
		{group("03", file, "ACSC", ""), "[b]"},
		{answer(file, "PART", "", entry("a", "RJCT", "MS03"), entry("b", "ACSC", "")), "[a b]"},
	} {
		if got := fmt.Sprint(o.failedOf(step.text)); got != step.failed {
			t.Errorf("failed: %s, want %s", got, step.failed)
		}
	}
	f, err := o.File(t.Context(), file)
	if err != nil || f.Answer != "PART" || f.Answered.IsZero() || o.status("a") != rail.StatusFailed || o.status("b") != rail.StatusFailed || o.status("c") != rail.StatusUnknown {
		t.Errorf("the file is %+v, %v; %s %s %s", f, err, o.status("a"), o.status("b"), o.status("c"))
	}
}

// A file with any error, or about something that was not sent, changes nothing and says what is wrong with it. // case 63
func TestAnswersThatAreRefused(t *testing.T) {
	deep := strings.Repeat("<X>", 40)
	for _, test := range []struct {
		name, field string
		text        func(file string) string
	}{
		{"nothing", "", func(string) string { return "" }},
		{"no XML", "", func(string) string { return "RJCT" }},
		{"an entity bomb", "", func(f string) string { return `<!DOCTYPE x [<!ENTITY a "aaaa">]>` + group("03", f, "RJCT", "") }},
		{"an external entity", "", func(f string) string { return group("03", f, "RJCT", "&x;") }},
		{"too deep", "", func(f string) string {
			return strings.Replace(group("03", f, "RJCT", ""), "<GrpHdr>", "<GrpHdr>"+deep, 1)
		}},
		{"cut off", "", func(f string) string { text := answer(f, "RJCT", "AC01"); return text[:len(text)-30] }},
		{"an older version", "xmlns", func(f string) string { return group("02", f, "RJCT", "") }},
		{"a newer version", "xmlns", func(f string) string { return group("11", f, "RJCT", "") }},
		{"a statement", "xmlns", func(f string) string {
			return strings.Replace(group("03", f, "RJCT", ""), "pain.002.001.03", "camt.053.001.02", 1)
		}},
		{"another message", "DrctDbt", func(f string) string {
			return strings.ReplaceAll(group("03", f, "RJCT", ""), "CstmrPmtStsRpt", "DrctDbt")
		}},
		{"of a direct debit", "OrgnlMsgNmId", func(f string) string {
			return strings.Replace(answer(f, "RJCT", ""), "pain.001.001.09", "pain.008.001.02", 1)
		}},
		{"of no file", "OrgnlMsgId", func(string) string { return group("03", "", "RJCT", "") }},
		{"of an unknown file", "OrgnlMsgId", func(string) string { return group("03", "SEPA-X", "RJCT", "") }},
		{"of two files", "OrgnlPmtInfId", func(f string) string {
			return strings.Replace(answer(f, "RJCT", ""), "<OrgnlPmtInfId>", "<OrgnlPmtInfId>X", 1)
		}},
		{"that says nothing", "GrpSts", func(f string) string { return group("03", f, "", "") }},
		{"a status that nobody knows", "GrpSts", func(f string) string { return group("03", f, "OKAY", "") }},
		{"a transfer's status that nobody knows", "TxSts", func(f string) string { return answer(f, "PART", "", entry("a", "rjct", "")) }},
		{"a transfer without an id", "OrgnlEndToEndId", func(f string) string { return answer(f, "PART", "", entry("", "RJCT", "")) }},
		{"a transfer twice", "OrgnlEndToEndId", func(f string) string { return answer(f, "PART", "", entry("a", "RJCT", ""), entry("a", "ACSC", "")) }},
		{"a transfer that is not in it", "OrgnlEndToEndId", func(f string) string {
			return answer(f, "PART", "", entry("a", "RJCT", ""), entry("queued", "RJCT", ""))
		}},
		{"another amount", "InstdAmt", func(f string) string {
			return answer(f, "PART", "", entry("b", "RJCT", ""), strings.Replace(entry("a", "RJCT", ""), "</TxInf", `<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">9.00</InstdAmt></Amt></OrgnlTxRef></TxInf`, 1))
		}},
		{"another currency", "InstdAmt", func(f string) string {
			return answer(f, "PART", "", strings.Replace(entry("a", "RJCT", ""), "</TxInf", `<OrgnlTxRef><Amt><InstdAmt Ccy="USD">1.00</InstdAmt></Amt></OrgnlTxRef></TxInf`, 1))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, file := filed(t)
			o.send("queued", 5)
			words, err := o.Answered(t.Context(), strings.NewReader(test.text(file)))
			wrong, ok := errors.AsType[*rail.FileError](err)
			if !ok || wrong.Format != "pain.002" || test.field != "" && wrong.Field != test.field || words != nil {
				t.Errorf("%v (%q), %v", err, test.field, words)
			}
			list, err := o.Transfers(t.Context(), file)
			if err != nil || slices.ContainsFunc(list, func(t Transfer) bool { return t.Answer != "" }) {
				t.Errorf("something is on record: %+v, %v", list, err)
			}
		})
	}
	o, file := filed(t)
	ctx, end := context.WithCancel(t.Context())
	end()
	if _, err := o.Answered(ctx, strings.NewReader(group("03", file, "RJCT", ""))); err == nil {
		t.Error("it was taken after the end")
	}
}

// A process that dies between the record of an answer and the telling of its words finds them by reading it again, and by
// looking the transfers up. // case 81
func TestAnswerDies(t *testing.T) {
	for _, after := range []bool{false, true} {
		o, file := filed(t)
		whole := o.state
		o.state = &dying{whole, 0, after}
		o.reopen()
		if _, err := o.Answered(t.Context(), strings.NewReader(answer(file, "PART", "", entry("b", "RJCT", "AC01")))); !errors.Is(err, errDied) {
			t.Errorf("dying: %v", err)
		}
		o.state = whole
		o.reopen()
		if status := o.status("b"); after != (status == rail.StatusFailed) {
			t.Errorf("b is %s", status)
		}
		if got := fmt.Sprint(o.failedOf(answer(file, "PART", "", entry("b", "RJCT", "AC01")))); got != "[b]" || o.status("b") != rail.StatusFailed {
			t.Errorf("failed: %s, and b is %s", got, o.status("b"))
		}
	}
}

// FuzzPain002: no file makes the reader panic, and what it reads is within its bounds.
func FuzzPain002(f *testing.F) {
	for _, seed := range []string{
		group("03", "F", "RJCT", "AC01"), answer("F", "PART", "", entry("a", "RJCT", "AC01"), entry("b", "ACSC", "")), "<Document/>",
		`<n:Document xmlns:n="urn:iso:std:iso:20022:tech:xsd:pain.002.001.09"><n:CstmrPmtStsRpt><n:OrgnlGrpInfAndSts><n:OrgnlMsgId>F</n:OrgnlMsgId><n:GrpSts>RJCT</n:GrpSts></n:OrgnlGrpInfAndSts></n:CstmrPmtStsRpt></n:Document>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := readPain002(t.Context(), strings.NewReader(string(text)), eur)
		if err != nil {
			if _, ok := errors.AsType[*rail.FileError](err); !ok {
				t.Fatalf("the error is no FileError: %v", err)
			}
			return
		}
		if a.File == "" || len(a.Each) > maxTransfers || len(a.Whole.Reason) > maxReason {
			t.Fatalf("read as %+v", a)
		}
	})
}

// A whole answer as a bank writes it, with what is passed over.
func TestSampleAnswer(t *testing.T) {
	text, err := os.ReadFile("testdata/pain/pain.002.001.03.xml")
	if err != nil {
		t.Fatal(err)
	}
	o, file := filed(t)
	if got := fmt.Sprint(o.failedOf(strings.ReplaceAll(string(text), "SEPA-20261118-0001-ABCDEFGH", file))); got != "[b]" {
		t.Errorf("failed: %s", got)
	}
	if b, err := o.Transfer(t.Context(), "b"); err != nil || b.Reason != "AC04 The account is closed" {
		t.Errorf("b is %+v, %v", b, err)
	}
}
