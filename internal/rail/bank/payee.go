package bank

import (
	"strings"

	"till/internal/fault"
	"till/internal/party"
)

// Payee is who is paid to at a bank, and how the bank finds the account. [Payee.Text] is the destination of a delivery on a
// bank's rail. The faults of [Payee.Check] name the field by its word there.
type Payee struct {
	Name     string // up to 70 characters
	Account  string // an IBAN, or the bank's own number of up to 34 letters and digits
	BIC      string // the payee's bank; "": none said
	Clearing string // the payee's bank in its country: a member id of up to 28 letters and digits, or SYSTEM:member, where SYSTEM is a code of ISO 20022's list of clearing systems, USABA; "": none said
	Country  string // of the payee, two letters; "": none said
	City     string // of the payee, up to 35 characters
	Postcode string // up to 16 characters
	Street   string // with the number, up to 70 characters
	Document string // the payee's, up to 35 characters
	Company  bool   // the document is a company's
	Message  string // what the payee reads on his statement, up to 140 characters
}

// The words of a payee's text, in the order in which they stand there.
const (
	wordName     = "name"
	wordBIC      = "bic"
	wordClearing = "clearing"
	wordCountry  = "country"
	wordCity     = "city"
	wordPostcode = "postcode"
	wordStreet   = "street"
	wordDocument = "document"
	wordCompany  = "company"
	wordMessage  = "message"
)

// Text is the one spelling of a payee that was checked: the account, then what else is known, each as word=value behind a
// semicolon. Neither sign can stand in a value, for no bank takes them.
func (p Payee) Text() string {
	var b strings.Builder
	b.WriteString(p.Account)
	write := func(word, value string) {
		if value != "" {
			b.WriteString(";" + word + "=" + value)
		}
	}
	write(wordName, p.Name)
	write(wordBIC, p.BIC)
	write(wordClearing, p.Clearing)
	write(wordCountry, p.Country)
	write(wordCity, p.City)
	write(wordPostcode, p.Postcode)
	write(wordStreet, p.Street)
	if p.Company {
		write(wordCompany, p.Document)
	} else {
		write(wordDocument, p.Document)
	}
	write(wordMessage, p.Message)
	return b.String()
}

// ParsePayee reads what Text wrote, and nothing else: one payee has one spelling. Fault: invalid_address.
func ParsePayee(text string) (Payee, error) {
	parts := strings.Split(text, ";")
	p := Payee{Account: parts[0]}
	for _, part := range parts[1:] {
		word, value, _ := strings.Cut(part, "=")
		switch word {
		case wordName:
			p.Name = value
		case wordBIC:
			p.BIC = value
		case wordClearing:
			p.Clearing = value
		case wordCountry:
			p.Country = value
		case wordCity:
			p.City = value
		case wordPostcode:
			p.Postcode = value
		case wordStreet:
			p.Street = value
		case wordDocument:
			p.Document = value
		case wordCompany:
			p.Document, p.Company = value, true
		case wordMessage:
			p.Message = value
		}
	}
	checked, err := p.Check()
	if err != nil || checked.Text() != text {
		return Payee{}, fault.New(fault.CodeInvalidAddress, "this is not the spelling of a payee at a bank").On("to").Because(err)
	}
	return checked, nil
}

// IBAN says whether the account is one: a number that is not has no check digits that fit.
func (p Payee) IBAN() bool {
	_, err := party.IBAN("account", p.Account)
	return err == nil
}

// Check gives the payee in canonical spellings: texts in the characters that banks take, numbers without separators. What
// looks like an IBAN of a country that has them must be a valid one.
//
// Faults: missing_field (account, name), invalid_address (account, bic, clearing), invalid_value, too_long.
func (p Payee) Check() (Payee, error) {
	for _, text := range []struct {
		word  string
		value *string
		max   int
	}{
		{wordName, &p.Name, 70}, {wordCity, &p.City, 35}, {wordPostcode, &p.Postcode, 16}, {wordStreet, &p.Street, 70},
		{wordDocument, &p.Document, 35}, {wordMessage, &p.Message, 140},
	} {
		var err error
		if *text.value, err = Text(text.word, *text.value, text.max); err != nil {
			return Payee{}, err
		}
	}
	if p.Name == "" {
		return Payee{}, fault.New(fault.CodeMissingField, "a payee has a name").On(wordName)
	}
	p.Company = p.Company && p.Document != ""
	var err error
	if p.Account, err = accountNumber(p.Account); err != nil {
		return Payee{}, err
	}
	if p.BIC != "" {
		if p.BIC, err = party.BIC(wordBIC, p.BIC); err != nil {
			return Payee{}, err
		}
	}
	if p.Clearing != "" {
		if p.Clearing, err = clearingMember(p.Clearing); err != nil {
			return Payee{}, err
		}
	}
	if p.Country != "" {
		if p.Country, err = party.Country(wordCountry, p.Country); err != nil {
			return Payee{}, err
		}
	}
	return p, nil
}

// accountNumber is a bank account's number in its canonical spelling. Four of the characters decide: two letters and two
// digits begin an IBAN, which is then held to its check digits. Number systems of banks begin otherwise.
func accountNumber(s string) (string, error) {
	const field = "account"
	checked, err := party.CheckAccount(party.BankAccount{Country: "XX", Number: s}, nil)
	if err != nil {
		if f, ok := fault.As(err); ok {
			return "", fault.New(f.Code, f.Message).On(field)
		}
		return "", err
	}
	if n := checked.Number; len(n) >= 4 && every(n[:2], func(c byte) bool { return isAlnum(c) && !isDigit(c) }) && every(n[2:4], isDigit) {
		return party.IBAN(field, n)
	}
	return checked.Number, nil
}

// clearingMember is SYSTEM:member or member, in capitals.
func clearingMember(s string) (string, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	system, member, both := strings.Cut(s, ":")
	if !both {
		system, member = "", system
	}
	if len(system) > 5 || both && (system == "" || !every(system, isAlnum)) || len(member) > 28 || member == "" || !every(member, isAlnum) {
		return "", fault.New(fault.CodeInvalidAddress, "a clearing member is up to 28 letters and digits, or the code of its system, a colon and them").On(wordClearing)
	}
	return s, nil
}
