package bank

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"till/internal/rail"
)

// What banks write into :86: beside plain text:
//
//   - the structured form of Germany and its neighbours: three digits of a code (GVC), a separator, and numbered fields
//     behind it (?00 booking text, ?20 to ?29 and ?60 to ?63 remittance, ?30 bank, ?31 account, ?32 and ?33 name, ?34 a
//     key), where the remittance has SEPA's fields with words in front (EREF+, KREF+, MREF+, SVWZ+, ABWA+);
//   - words between slashes, as the banks of the Netherlands write (/EREF/, /REMI/, /NAME/, /CNTP/, /RTRN/);
//   - the same words of SEPA in front of plain text.

// describe fills in what the lines of :86: say of a booking, and the reference in :61:.
func describe(b *rail.Booking, customer string, lines []string) {
	supplement := b.Text
	whole := strings.Join(lines, "")
	switch {
	case numbered(whole) != 0:
		describeNumbered(b, lines)
	case slashed(whole):
		describeSlashed(b, whole)
	case len(lines) > 0:
		describeWords(b, lines)
	}
	b.EndToEnd = noReference(b.EndToEnd)
	if b.EndToEnd == "" && !slashWords[customer] { // EREF there says that it stands in :86:
		b.EndToEnd = customer
	}
	b.Batch, b.Message = noReference(b.Batch), noReference(b.Message)
	if b.Text == "" {
		b.Text = supplement
	}
	if strings.HasSuffix(b.Code, "RTI") && b.Return == "" {
		b.Return = "NARR" // of a type that says it is a returned item
	}
	if b.Return == "NARR" {
		b.Return = reasonIn(b.Text)
	}
	name(b, []string{b.EndToEnd}, b.Text+"\n"+supplement)
}

// numbered is the separator of the German form, 0 of another.
func numbered(text string) byte {
	if len(text) < 4 || !every(text[:3], isDigit) || strings.IndexByte("?>^~&'@", text[3]) < 0 {
		return 0
	}
	return text[3]
}

// maxFields bounds the numbered fields of one :86:; there are about twenty numbers.
const maxFields = 100

func describeNumbered(b *rail.Booking, lines []string) {
	// A line may end anywhere, also where the next one begins with a blank that belongs there.
	text := strings.Join(lines, "")
	separator := string(text[3])
	b.Code = text[:3]
	var remittance, names []piece
	fields := strings.SplitN(text[4:], separator, maxFields)
	for _, f := range fields {
		if len(f) < 2 || !every(f[:2], isDigit) {
			// The separator stood in a text.
			if n := len(remittance); n > 0 {
				remittance[n-1] = cut(remittance[n-1].text+separator+f, fieldWidth)
			}
			continue
		}
		switch number, value := f[:2], f[2:]; {
		case number >= "20" && number <= "29" || number >= "60" && number <= "63":
			remittance = append(remittance, cut(value, fieldWidth))
		case number == "30":
			b.Party.Bank = strings.TrimSpace(value)
		case number == "31":
			b.Party.Account = Canonical(value)
		case number == "32" || number == "33":
			names = append(names, cut(value, fieldWidth))
		}
	}
	b.Party.Name = strings.TrimSpace(joined(names))
	booked := ""
	if strings.HasPrefix(fields[0], "00") {
		booked = strings.TrimSpace(fields[0][2:])
	}
	describeSEPA(b, remittance)
	if b.Text == "" {
		b.Text = booked
	}
	switch b.Code {
	case "109", "159":
		b.Return = "NARR" // a direct debit, a credit transfer that came back
	}
}

// piece is a part of a text that was cut to a width. One that fills it goes on in the next.
type piece struct {
	text string
	full bool
}

// The widths of a numbered field and of a line.
const (
	fieldWidth = 27
	lineWidth  = 65
)

func cut(text string, width int) piece { return piece{text, utf8.RuneCountInString(text) >= width} }

// joined puts pieces together, with a blank behind one that did not fill its width.
func joined(pieces []piece) string {
	var b strings.Builder
	for i, p := range pieces {
		if i > 0 && !pieces[i-1].full {
			b.WriteByte(' ')
		}
		b.WriteString(p.text)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

var sepaWord = regexp.MustCompile(`^ *(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|BIC|IBAN|PURP|RREF)\+`)

// describeSEPA reads remittance in pieces, of which some begin with a word that says what follows. Pieces of an id belong
// together without a blank.
func describeSEPA(b *rail.Booking, pieces []piece) {
	values := map[string][]piece{}
	key := ""
	for _, p := range pieces {
		if m := sepaWord.FindStringSubmatch(p.text); m != nil {
			key, p.text = m[1], p.text[len(m[0]):]
		}
		values[key] = append(values[key], p)
	}
	id := func(key string) string {
		var b strings.Builder
		for _, p := range values[key] {
			b.WriteString(strings.ReplaceAll(p.text, " ", ""))
		}
		return b.String()
	}
	b.EndToEnd, b.Batch = id("EREF"), id("KREF")
	b.Text = strings.TrimSpace(joined(values[""]) + " " + joined(values["SVWZ"]))
	b.Party.Name = first(b.Party.Name, joined(values["ABWA"]))
	b.Party.Account = first(b.Party.Account, Canonical(id("IBAN")))
	b.Party.Bank = first(b.Party.Bank, id("BIC"))
}

// describeWords reads plain text, which may have SEPA's words in it.
func describeWords(b *rail.Booking, lines []string) {
	var pieces []piece
	for _, line := range lines {
		pieces = append(pieces, beforeSEPA(line, cut(line, lineWidth).full)...)
	}
	describeSEPA(b, pieces)
}

var anySEPAWord = regexp.MustCompile(`(?:^|[ ?])(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|RREF)\+`)

// beforeSEPA cuts a line before each of SEPA's words.
func beforeSEPA(line string, full bool) []piece {
	var list []piece
	from := 0
	for _, m := range anySEPAWord.FindAllStringSubmatchIndex(line, 20) {
		if m[2] > from {
			list = append(list, piece{text: line[from:m[2]]})
		}
		from = m[2]
	}
	return append(list, piece{line[from:], full})
}

// slashWords are the words between slashes.
var slashWords = map[string]bool{
	"TRTP": true, "TRCD": true, "CSID": true, "MARF": true, "NAME": true, "REMI": true, "IBAN": true, "BIC": true, "EREF": true, "PREF": true,
	"IREF": true, "RTRN": true, "ACCW": true, "CNTP": true, "ORDP": true, "BENM": true, "ID": true, "ADDR": true, "CREF": true, "KREF": true, "SVCL": true,
	"ISDT": true, "PURP": true, "ULTC": true, "ULTD": true, "ULTB": true, "CDTRREF": true, "CDTRREFTP": true, "BUSP": true, "CHGS": true,
	"EXCH": true, "OCMT": true, "BO": true, "ORDC": true, "SDCS": true, "PURC": true,
}

// slashed says that a text begins with one of them.
func slashed(text string) bool {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "/") {
		return false
	}
	word, _, ok := strings.Cut(text[1:], "/")
	return ok && slashWords[word]
}

func describeSlashed(b *rail.Booking, text string) {
	values := map[string][]string{}
	key := ""
	for _, part := range strings.SplitN(strings.TrimSpace(text), "/", 400) {
		if slashWords[part] {
			key = part
			continue
		}
		values[key] = append(values[key], part)
	}
	say := func(key string, n int) string {
		if n >= len(values[key]) {
			return ""
		}
		return strings.TrimSpace(values[key][n])
	}
	id := func(key string) string {
		return strings.ReplaceAll(strings.Trim(strings.Join(values[key], "/"), "/ "), " ", "")
	}

	b.EndToEnd, b.Batch = id("EREF"), id("PREF")
	b.Party.Name, b.Party.Bank = say("NAME", 0), say("BIC", 0)
	if s := say("IBAN", 0); s != "" {
		b.Party.Account = Canonical(s)
	}
	if list := values["CNTP"]; len(list) > 0 { // account, bank, name, city
		b.Party = rail.Party{Account: Canonical(say("CNTP", 0)), Bank: say("CNTP", 1), Name: say("CNTP", 2)}
	}
	if list := values["ACCW"]; len(list) > 0 && b.Party.Account == "" { // account, perhaps a comma and the bank
		account, bank, _ := strings.Cut(say("ACCW", 0), ",")
		b.Party.Account, b.Party.Bank = Canonical(account), strings.TrimSpace(bank)
	}
	remittance := values["REMI"]
	if len(remittance) > 1 && (remittance[0] == "USTD" || remittance[0] == "STRD") {
		remittance = remittance[1:]
		if values["REMI"][0] == "STRD" && len(remittance) > 1 && remittance[0] == "CUR" {
			remittance = remittance[1:]
		}
	}
	b.Text = strings.Trim(strings.Join(remittance, "/"), "/ ")
	if s := strings.TrimSpace(strings.Join(values["CDTRREF"], "/")); s != "" {
		b.Text = strings.TrimSpace(b.Text + " " + s)
	}
	if list, ok := values["RTRN"]; ok {
		b.Return = "NARR"
		for _, s := range list {
			if s = strings.TrimSpace(s); reasonCode.MatchString(s) {
				b.Return = s
				break
			}
		}
	}
}

var returnReason = regexp.MustCompile(`\b(AC0[1-9]|AC1[0-7]|AG0[1-9]|AM0[1-9]|BE0[1-9]|CNOR|CURR|CUST|DNOR|DUPL|ED05|ERIN|FF0[1-9]|FOCR|FRAD|FR01|MD0[1-9]|MS0[2-3]|NARR|NOAS|NOOR|RC0[1-9]|RF01|RR0[1-4]|SL0[1-9]|SVNR|TECH|TM01|UPAY)\b`)

// reasonIn is the reason code that a text about a return names; NARR when it names none.
func reasonIn(text string) string {
	if code := returnReason.FindString(text); code != "" {
		return code
	}
	return "NARR"
}
