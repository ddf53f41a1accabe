package party

import (
	"strings"
	"time"

	"till/internal/fault"
)

// CLABE checks a Mexican account number: three digits of the bank, three of
// the place, eleven of the account and a check digit by the weights 3, 7, 1.
// Any single wrong digit is found. Source: Asociación de Bancos de México and
// Banco de México, "Clave Bancaria Estandarizada". Fault: invalid_address.
func CLABE(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidAddress, "a CLABE", field, s, 18, 18)
	if err != nil {
		return "", err
	}
	if upTo10(weigh(s[:17], 3, 7, 1)) != s[17] {
		return "", wrongCheckDigit(fault.CodeInvalidAddress, "CLABE", field)
	}
	return s, nil
}

// CURP checks the key of a person in Mexico: 18 characters with a date of
// birth, the sex (H, M or X), the state and a check digit. The date's century
// is told by the character before the check digit: a digit up to 1999, a
// letter since 2000. Source: Secretaría de Gobernación, RENAPO, "Instructivo
// Normativo para la asignación de la CURP" (DOF 2021-10-18). The digit does
// not promise to find every single wrong character. Fault: invalid_value.
func CURP(field, s string) (string, error) {
	s, err := lettersOf(fault.CodeInvalidValue, "a CURP", field, s, 18, 18)
	if err != nil {
		return "", err
	}
	century := "20"
	if isDigit(s[16]) {
		century = "19"
	}
	switch {
	case !every(s[:4], isLetter) || !every(s[4:10], isDigit) || !every(s[10:16], isLetter) || !isDigit(s[17]):
		return "", fault.New(fault.CodeInvalidValue, "a CURP is four letters, a date of six digits, six letters, a letter or digit, and a digit").On(field)
	case !isDate(century + s[4:10]):
		return "", fault.New(fault.CodeInvalidValue, "the date in this CURP does not exist").On(field)
	case strings.IndexByte("HMX", s[10]) < 0:
		return "", fault.New(fault.CodeInvalidValue, "the eleventh letter of a CURP is H, M or X").On(field)
	case !strings.Contains(curpStates, " "+s[11:13]+" "):
		return "", fault.New(fault.CodeInvalidValue, "the state in this CURP does not exist").On(field)
	}
	sum := 0
	for i := range 17 {
		sum += strings.IndexByte(curpOrder, s[i]) * (18 - i)
	}
	if upTo10(sum) != s[17] {
		return "", wrongCheckDigit(fault.CodeInvalidValue, "CURP", field)
	}
	return s, nil
}

const (
	// curpOrder gives each character its value. The one between N and O is Ñ,
	// which a CURP counts and never has.
	curpOrder = "0123456789ABCDEFGHIJKLMN~OPQRSTUVWXYZ"

	// curpStates are the 32 states, and NE for born abroad.
	curpStates = " AS BC BS CC CH CL CM CS DF DG GR GT HG JC MC MN MS NE NL NT OC PL QR QT SL SP SR TC TL TS VZ YN ZS "
)

// RFC checks the form of a Mexican tax number: three letters of a company or
// four of a person, a date of six digits and three letters or digits. Letters
// are A to Z, Ñ and &. Source: Código Fiscal de la Federación, article 27, and
// the SAT's public description. Its last character is a check digit that is
// not held here: about one in seventy numbers in use has another one
// (python-stdnum, mx.rfc). Fault: invalid_value.
func RFC(field, s string) (string, error) {
	s, err := typed(field, strings.ReplaceAll(s, "ñ", "Ñ"))
	if err != nil {
		return "", err
	}
	plain := strings.ReplaceAll(strings.ReplaceAll(s, "Ñ", "N"), "&", "N")
	if len(plain) != 12 && len(plain) != 13 {
		return "", wrongLength(fault.CodeInvalidValue, "an RFC", field, "letters and digits", len(plain), 12, 13)
	}
	name, rest := plain[:len(plain)-9], plain[len(plain)-9:]
	if !every(name, isLetter) || !every(rest[:6], isDigit) || !every(rest[6:], isAlnum) || strings.ContainsAny(s[len(s)-9:], "Ñ&") {
		return "", fault.New(fault.CodeInvalidValue, "an RFC is three or four letters, a date of six digits and three letters or digits").On(field)
	}
	// The century is not told: 2000 has every day that some century has.
	if !isDate("20"+rest[:6]) && !isDate("19"+rest[:6]) {
		return "", fault.New(fault.CodeInvalidValue, "the date in this RFC does not exist").On(field)
	}
	return s, nil
}

func isDate(yyyymmdd string) bool {
	_, err := time.Parse("20060102", yyyymmdd)
	return err == nil
}
