package party

import "till/internal/fault"

// NIT checks a Colombian tax number: nine digits and a check digit modulo 11.
// It may come without the check digit, which the canonical spelling always
// has. The values 10 and 1 are both written 1, so that not every single wrong
// digit is found. Source: DIAN, Orden Administrativa 4 of 1989; python-stdnum,
// co.nit. Fault: invalid_value.
func NIT(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidValue, "a NIT", field, s, 9, 10)
	if err != nil {
		return "", err
	}
	digit := "01987654321"[weigh(s[:9], 41, 37, 29, 23, 19, 17, 13, 7, 3)%11]
	if len(s) == 9 {
		return s + string(digit), nil
	}
	if s[9] != digit {
		return "", wrongCheckDigit(fault.CodeInvalidValue, "NIT", field)
	}
	return s, nil
}

// Cedula checks the form of a Colombian citizen's number: six to ten digits,
// without a check digit. Fault: invalid_value.
func Cedula(field, s string) (string, error) {
	return digitsOf(fault.CodeInvalidValue, "a cédula", field, s, 6, 10)
}
