package party

import (
	"strings"

	"till/internal/fault"
)

// CPF checks the number of a person in Brazil: nine digits and two check digits
// modulo 11. Eleven times one digit fits and is given to nobody. A wrong check
// digit is always found, another single wrong digit nearly always: the values
// 10 and 0 are both written 0. Source: Receita Federal; python-stdnum, br.cpf.
// Fault: invalid_value.
func CPF(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidValue, "a CPF", field, s, 11, 11)
	if err != nil {
		return "", err
	}
	if strings.Trim(s, s[:1]) == "" {
		return "", fault.New(fault.CodeInvalidValue, "a CPF is not one digit eleven times").On(field)
	}
	if brazilianDigit(s[:9], 10) != s[9] || brazilianDigit(s[:10], 11) != s[10] {
		return "", wrongCheckDigit(fault.CodeInvalidValue, "CPF", field)
	}
	return s, nil
}

// CNPJ checks the number of a company in Brazil: eight characters of the
// company, four of the establishment and two check digits modulo 11. Numbers
// given out since July 2026 have letters too; a character counts its ASCII code
// less 48, so one rule serves both. Source: Receita Federal, Instrução
// Normativa RFB 2.229/2024 and Nota Técnica COCAD 49/2024. Fault:
// invalid_value.
func CNPJ(field, s string) (string, error) {
	s, err := lettersOf(fault.CodeInvalidValue, "a CNPJ", field, s, 14, 14)
	if err != nil {
		return "", err
	}
	switch {
	case !every(s[12:], isDigit):
		return "", fault.New(fault.CodeInvalidValue, "a CNPJ ends with two digits").On(field)
	case strings.Trim(s, "0") == "":
		return "", fault.New(fault.CodeInvalidValue, "a CNPJ is not all zeros").On(field)
	case brazilianDigit(s[:12], 9) != s[12] || brazilianDigit(s[:13], 9) != s[13]:
		return "", wrongCheckDigit(fault.CodeInvalidValue, "CNPJ", field)
	}
	return s, nil
}

// brazilianDigit weighs from the right by 2 up to the highest weight, and
// again, modulo 11; ten is written 0.
func brazilianDigit(s string, highest int) byte {
	sum := 0
	for i := range len(s) {
		sum += int(s[len(s)-1-i]-'0') * (2 + i%(highest-1))
	}
	return '0' + byte((11-sum%11)%11%10)
}

// A PIXKind is what a key of PIX is.
type PIXKind string

// The kinds of keys.
const (
	PIXPerson  PIXKind = "cpf"
	PIXCompany PIXKind = "cnpj"
	PIXEmail   PIXKind = "email"
	PIXPhone   PIXKind = "phone" // +55 and ten or eleven digits
	PIXRandom  PIXKind = "evp"   // a UUID in small letters
)

// PIXKey checks a key of PIX and says of what kind it is: a CPF, a CNPJ, an
// e-mail address of up to 77 characters in small letters, a Brazilian telephone
// number, or a UUID that the directory made up. A telephone number begins with
// +55: without it eleven digits are a CPF. Source: Banco Central do Brasil,
// DICT API and "Manual de Padrões para Iniciação do Pix". Fault:
// invalid_address.
func PIXKey(field, s string) (string, PIXKind, error) {
	if _, err := typed(field, s); err != nil {
		return "", "", err
	}
	s = strings.TrimSpace(s)
	var key string
	var kind PIXKind
	var err error
	switch {
	case strings.Contains(s, "@"):
		kind = PIXEmail
		if key, err = Email(field, s); err == nil && len(key) > 77 {
			err = fault.New(fault.CodeTooLong, "an e-mail address as a PIX key has at most 77 characters").On(field)
		}
		key = strings.ToLower(key)
	case strings.HasPrefix(s, "+"):
		kind = PIXPhone
		if key, err = Phone(field, s); err == nil && (!strings.HasPrefix(key, "+55") || len(key) < 13 || len(key) > 14) {
			err = fault.New(fault.CodeInvalidAddress, "a telephone number as a PIX key is +55 and ten or eleven digits").On(field)
		}
	case isUUID(strings.ToLower(s)):
		key, kind = strings.ToLower(s), PIXRandom
	case len(compact(s)) == 11:
		kind = PIXPerson
		key, err = CPF(field, s)
	case len(compact(s)) == 14:
		kind = PIXCompany
		key, err = CNPJ(field, s)
	default:
		err = fault.New(fault.CodeInvalidAddress, "a PIX key is a CPF, a CNPJ, an e-mail address, a telephone number with +55 or a UUID").On(field)
	}
	if err != nil {
		return "", "", asAccount(err)
	}
	return key, kind, nil
}

// asAccount says of a number that stands for an account what account numbers
// are told: invalid_address in place of invalid_value.
func asAccount(err error) error {
	if f, ok := fault.As(err); ok && f.Code == fault.CodeInvalidValue {
		return fault.New(fault.CodeInvalidAddress, f.Message).On(f.Param)
	}
	return err
}

// isUUID says that s is 8-4-4-4-12 of 0-9 and a-f (RFC 9562).
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
				return false
			}
		}
	}
	return true
}
