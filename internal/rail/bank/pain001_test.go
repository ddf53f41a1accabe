package bank

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"till/internal/money"
)

// paymentFiles is a file of every sort that configs and payees make.
func paymentFiles(t *testing.T) map[string][]byte {
	t.Helper()
	long := func(n int) string { return strings.Repeat("x", n) }
	payees := []Payee{
		good,
		{Name: long(70), Account: "MT84MALT011000012345MTLCAST001S", BIC: "VALLMTMTXXX", Country: "MT", City: long(35), Postcode: long(16), Street: long(70), Document: long(35), Message: long(140)},
		{Name: "Company (one), 'two' + three?", Account: "FR1420041010050500013M02606", Document: "FR/12-3", Company: true, Message: "a:b"},
	}
	local := append([]Payee{{Name: "Local", Account: "012345678", Clearing: "USABA:021000021", Country: "US", City: "New York"}, {Name: "X", Account: long(34), Clearing: "001"}}, payees...)
	files := map[string][]byte{}
	for _, version := range []string{Pain001V03, Pain001V09} {
		for name, change := range map[string]func(*Config){
			"sepa":   func(*Config) {},
			"plain":  func(c *Config) { c.Service, c.Priority, c.Batch = "", "", false },
			"urgent": func(c *Config) { c.Service, c.Priority, c.Charges = "URGP", "HIGH", "SHAR" },
			"local": func(c *Config) {
				c.Service, c.Own, c.Asset = "NURG", Payee{Name: "Till", Account: "42", Clearing: "001"}, money.MustAsset("CLP", "", 0)
			},
			"no bank": func(c *Config) { c.Own.BIC = "" },
		} {
			c := sepaAccount()
			change(&c)
			c.Version = version
			c, err := c.Check()
			if err != nil {
				t.Fatal(err)
			}
			to := payees
			if c.Service != "SEPA" {
				to = local
			}
			var list []painOrder
			for i, p := range to {
				if p, err = p.Check(); err != nil {
					t.Fatal(err)
				}
				list = append(list, painOrder{fmt.Sprintf("%026d", i), p, money.FromInt(c.Asset, []int64{1, 99999999999, 100, 123456789012345678, 5}[i])})
				if err := c.Payable(p, list[i].Amount); err != nil && c.Service != "SEPA" {
					t.Fatal(err)
				}
			}
			files[version+" "+name] = writePain001(c, "SEPA-20261118-0001-ABCDEFGH", start, dayOf(2026, time.November, 18), list)
		}
	}
	return files
}

// schemaModule brings the schema of version 10, and of no other; scripts/need downloads it.
const schemaModule = "github.com/moov-io/iso20022@v0.2.1"

// asVersion10 is a file as version 10 has it: version 09 has the same elements where we write any, version 03 other names for
// a bank's code and another form of the day.
func asVersion10(file []byte) []byte {
	const v10 = "pain.001.001.10"
	if text := string(file); strings.Contains(text, Pain001V03) {
		text = strings.NewReplacer(Pain001V03, v10, "<BIC>", "<BICFI>", "</BIC>", "</BICFI>").Replace(text)
		return []byte(regexp.MustCompile(`<ReqdExctnDt>([0-9-]+)<`).ReplaceAllString(text, "<ReqdExctnDt><Dt>$1</Dt><"))
	}
	return bytes.ReplaceAll(file, []byte(Pain001V09), []byte(v10))
}

func TestPaymentFilesFitTheSchema(t *testing.T) {
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	schema := filepath.Join(strings.TrimSpace(string(cache)), schemaModule, "docs", "specifications", "payments_initiation_11", "pain.001.001.10_1.xsd")
	if _, err := os.Stat(schema); err != nil {
		t.Fatalf("the schema is missing, scripts/need brings it: %v", err)
	}
	lint := func(file []byte) (string, error) {
		c := exec.Command("xmllint", "--nonet", "--noout", "--schema", schema, "-")
		c.Stdin = bytes.NewReader(file)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for name, file := range paymentFiles(t) {
		if out, err := lint(asVersion10(file)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	broken := bytes.ReplaceAll(asVersion10(paymentFiles(t)[Pain001V09+" sepa"]), []byte("<PmtMtd>TRF"), []byte("<PmtMtd>XYZ"))
	if out, err := lint(broken); err == nil || !strings.Contains(out, "PmtMtd") {
		t.Errorf("the check lets a broken file through: %v\n%s", err, out)
	}
}

// part is what may stand within an element: of this name, so often at most, mandatory or not, in this order. A part without
// parts of its own has a text.
type part struct {
	name  string
	must  bool
	max   int    // 0: once
	text  string // a pattern of the whole text
	parts []part
}

func must(name, text string, parts ...part) part {
	return part{name: name, must: true, text: text, parts: parts}
}
func may(name, text string, parts ...part) part { return part{name: name, text: text, parts: parts} }

// layout is what a payment file of a version may have, of what this program writes: order, cardinality, lengths, patterns.
// Source: ISO 20022 Message Definition Report, Payments Initiation, 2009 (version 03) and 2019 (version 09).
func layout(version string) part {
	const (
		set      = `[A-Za-z0-9/?:().,'+ -]`
		sum      = `[0-9]{1,18}(\.[0-9]{1,5})?`
		bicText  = `[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?`
		dateText = `[0-9]{4}-[0-9]{2}-[0-9]{2}`
	)
	text := func(max int) string { return fmt.Sprintf("%s{1,%d}", set, max) }
	day, bicName := must("ReqdExctnDt", "", must("Dt", dateText)), "BICFI"
	if version == Pain001V03 {
		day, bicName = must("ReqdExctnDt", dateText), "BIC"
	}
	party := []part{
		must("Nm", text(70)),
		may("PstlAdr", "", may("StrtNm", text(70)), may("PstCd", text(16)), may("TwnNm", text(35)), may("Ctry", "[A-Z]{2}")),
		may("Id", "", may("OrgId", "", must("Othr", "", must("Id", text(35)))), may("PrvtId", "", must("Othr", "", must("Id", text(35))))),
	}
	account := []part{
		must("Id", "", may("IBAN", "[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}"), may("Othr", "", must("Id", text(34)))),
		may("Ccy", "[A-Z]{3}"),
	}
	agent := must("FinInstnId", "",
		may(bicName, bicText),
		may("ClrSysMmbId", "", may("ClrSysId", "", must("Cd", "[A-Z0-9]{1,5}")), must("MmbId", text(35))),
		may("Othr", "", must("Id", text(35))))
	order := must("CdtTrfTxInf", "",
		must("PmtId", "", may("InstrId", text(35)), must("EndToEndId", text(35))),
		must("Amt", "", must("InstdAmt", sum)),
		may("CdtrAgt", "", agent),
		must("Cdtr", "", party...),
		must("CdtrAcct", "", account...),
		may("RmtInf", "", must("Ustrd", text(140))))
	order.max = maxTransfers
	return must("Document", "", must("CstmrCdtTrfInitn", "",
		must("GrpHdr", "",
			must("MsgId", text(35)), must("CreDtTm", dateText+`T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`), must("NbOfTxs", "[0-9]{1,15}"), may("CtrlSum", sum),
			must("InitgPty", "", must("Nm", text(70)))),
		must("PmtInf", "",
			must("PmtInfId", text(35)), must("PmtMtd", "TRF"), may("BtchBookg", "true|false"), may("NbOfTxs", "[0-9]{1,15}"), may("CtrlSum", sum),
			may("PmtTpInf", "", may("InstrPrty", "HIGH|NORM"), may("SvcLvl", "", must("Cd", "[A-Z0-9]{1,4}"))),
			day,
			must("Dbtr", "", party...), must("DbtrAcct", "", account...), must("DbtrAgt", "", agent),
			may("ChrgBr", "DEBT|CRED|SHAR|SLEV"),
			order)))
}

// node is an element of a file.
type node struct {
	XMLName xml.Name
	Text    string `xml:",chardata"`
	Nodes   []node `xml:",any"`
}

// fits says what is wrong with an element by its part of a layout.
func (p part) fits(n node) error {
	if n.XMLName.Local != p.name {
		return fmt.Errorf("%s where %s must be", n.XMLName.Local, p.name)
	}
	if p.text != "" {
		if len(n.Nodes) > 0 || !regexp.MustCompile(`^(?:`+p.text+`)$`).MatchString(n.Text) {
			return fmt.Errorf("%s is %q, want %s", p.name, n.Text, p.text)
		}
		return nil
	}
	if strings.TrimSpace(n.Text) != "" || len(n.Nodes) == 0 {
		return fmt.Errorf("%s has a text, or nothing", p.name)
	}
	rest := n.Nodes
	for _, inner := range p.parts {
		times := 0
		for len(rest) > 0 && rest[0].XMLName.Local == inner.name && times < max(1, inner.max) {
			if err := inner.fits(rest[0]); err != nil {
				return fmt.Errorf("%s > %w", p.name, err)
			}
			rest, times = rest[1:], times+1
		}
		if times == 0 && inner.must {
			return fmt.Errorf("%s has no %s", p.name, inner.name)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s has a %s that is unknown, out of order or too many", p.name, rest[0].XMLName.Local)
	}
	return nil
}

func checkLayout(version string, file []byte) error {
	var n node
	if err := xml.Unmarshal(file, &n); err != nil {
		return err
	}
	if n.XMLName.Space != "urn:iso:std:iso:20022:tech:xsd:"+version {
		return errors.New("the namespace is " + n.XMLName.Space)
	}
	return layout(version).fits(n)
}

func TestPaymentFilesHaveTheirLayout(t *testing.T) {
	files := paymentFiles(t)
	for name, file := range files {
		version, _, _ := strings.Cut(name, " ")
		if err := checkLayout(version, file); err != nil {
			t.Errorf("%s: %v\n%s", name, err, file)
		}
		// A choice has one of its parts.
		var n node
		if err := xml.Unmarshal(file, &n); err != nil {
			t.Fatal(err)
		}
		for _, inner := range n.all("Id") {
			if len(inner.Nodes) > 1 {
				t.Errorf("%s: an account or party has %d ids", name, len(inner.Nodes))
			}
		}
	}
	sample := string(files[Pain001V03+" sepa"])
	for _, broken := range []struct{ old, new string }{
		{"<BIC>", "<BICFI>"}, {"<PmtMtd>TRF</PmtMtd>", ""}, {"<ChrgBr>SLEV", "<ChrgBr>SLEVX"}, {"<NbOfTxs>3</NbOfTxs>", "<NbOfTxs>3</NbOfTxs><NbOfTxs>3</NbOfTxs>"},
		{"pain.001.001.03", "pain.001.001.09"}, {"<EndToEndId>", "<EndToEndId>" + strings.Repeat("x", 35)}, {"Ana", "Añ"},
	} {
		text := strings.ReplaceAll(sample, broken.old, broken.new)
		if broken.old == "<BIC>" {
			text = strings.ReplaceAll(text, "</BIC>", "</BICFI>")
		}
		if text == sample || checkLayout(Pain001V03, []byte(text)) == nil {
			t.Errorf("with %q the file still has its layout", broken.new)
		}
	}
}

// all are the elements of a name, wherever they stand.
func (n node) all(name string) (list []node) {
	if n.XMLName.Local == name {
		list = append(list, n)
	}
	for _, inner := range n.Nodes {
		list = append(list, inner.all(name)...)
	}
	return list
}

// Whatever is accepted makes a file with its layout, the exact sum and no character that a bank does not take.
func TestAnyPaymentFile(t *testing.T) {
	words := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 /-?:().,'+;<>&\"üßŁ€_@\t")), 0, 16, -1)
	rapid.Check(t, func(t *rapid.T) {
		c := sepaAccount()
		c.Version = rapid.SampledFrom([]string{Pain001V03, Pain001V09}).Draw(t, "version")
		c, err := c.Check()
		if err != nil {
			t.Fatal(err)
		}
		var list []painOrder
		total := money.Zero(eur)
		for i := range rapid.IntRange(1, 5).Draw(t, "n") {
			p, err := Payee{
				Name: "A" + words.Draw(t, "name"), Account: good.Account, Country: rapid.SampledFrom([]string{"", "ES"}).Draw(t, "country"), City: words.Draw(t, "city"),
				Street: words.Draw(t, "street"), Document: words.Draw(t, "document"), Company: rapid.Bool().Draw(t, "company"), Message: words.Draw(t, "message"),
			}.Check()
			if err != nil {
				return
			}
			list = append(list, painOrder{fmt.Sprint("t", i), p, money.FromInt(eur, rapid.Int64Range(1, 999_999_999_99).Draw(t, "units"))})
			total = total.Add(list[i].Amount)
		}
		file := writePain001(c, "ID", start, start, list)
		if err := checkLayout(c.Version, file); err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		if !bytes.Equal(file, writePain001(c, "ID", start, start, slices.Clone(list))) {
			t.Fatal("the same transfers make other bytes")
		}
		if n := bytes.Count(file, []byte("<CtrlSum>"+total.Decimal()+"<")); n != 2 {
			t.Fatalf("the sum stands there %d times", n)
		}
		decoder := xml.NewDecoder(bytes.NewReader(file))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if text, is := token.(xml.CharData); is && (!utf8.Valid(text) || strings.IndexFunc(string(text), func(r rune) bool { return !inSet(r) && r != '\n' }) >= 0) {
				t.Fatalf("the text %q", text)
			}
		}
	})
}
