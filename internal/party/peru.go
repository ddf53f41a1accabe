package party

import "till/internal/fault"

// CCI checks a Peruvian account number: three digits of the bank, three of the
// office, twelve of the account, then a check digit of bank and office and one
// of the account. Digits count once and twice in turn, of a product of two
// digits their sum counts, and the check digit fills up to ten. Any single
// wrong digit is found. Source: Cámara de Compensación Electrónica's form as
// payment providers publish it with the computation (docs.d24.com, cashouts,
// Peru). Fault: invalid_address.
func CCI(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidAddress, "a CCI", field, s, 20, 20)
	if err != nil {
		return "", err
	}
	if cciDigit(s[:6]) != s[18] || cciDigit(s[6:18]) != s[19] {
		return "", wrongCheckDigit(fault.CodeInvalidAddress, "CCI", field)
	}
	return s, nil
}

func cciDigit(digits string) byte {
	sum := 0
	for i := range len(digits) {
		product := int(digits[i]-'0') * (1 + i%2)
		sum += product/10 + product%10
	}
	return upTo10(sum)
}

// RUC checks a Peruvian tax number: eleven digits, the last one a check digit
// modulo 11 whose values 10 and 11 are written 0 and 1, so that not every
// single wrong digit is found. Source: SUNAT; python-stdnum, pe.ruc. Fault:
// invalid_value.
func RUC(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidValue, "a RUC", field, s, 11, 11)
	if err != nil {
		return "", err
	}
	digit := (11 - weigh(s[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 10
	if digit != int(s[10]-'0') {
		return "", wrongCheckDigit(fault.CodeInvalidValue, "RUC", field)
	}
	return s, nil
}

// PeruvianDNI checks the form of a Peruvian identity number: eight digits. The
// character that the card prints behind them is not part of it. Source:
// RENIEC; python-stdnum, pe.cui. Fault: invalid_value.
func PeruvianDNI(field, s string) (string, error) {
	return digitsOf(fault.CodeInvalidValue, "a DNI", field, s, 8, 8)
}
