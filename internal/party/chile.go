package party

import (
	"strings"

	"till/internal/fault"
)

// RUT checks a Chilean tax or identity number: seven or eight digits and a
// check digit modulo 11, written K where it is ten. Any single wrong digit is
// found. The canonical spelling has neither dots nor dash: 12345678K. Source:
// Servicio de Impuestos Internos; python-stdnum, cl.rut. Fault: invalid_value.
func RUT(field, s string) (string, error) {
	s, err := typed(field, s)
	if err != nil {
		return "", err
	}
	if len(s) < 8 || len(s) > 9 {
		return "", wrongLength(fault.CodeInvalidValue, "a RUT", field, "digits with its check digit", len(s), 8, 9)
	}
	number, check := s[:len(s)-1], s[len(s)-1]
	if !every(number, isDigit) || !isDigit(check) && check != 'K' {
		return "", fault.New(fault.CodeInvalidValue, "a RUT has digits only, and K or a digit at its end").On(field)
	}
	if strings.Trim(number, "0") == "" {
		return "", fault.New(fault.CodeInvalidValue, "a RUT is not all zeros").On(field)
	}
	sum := 0
	for i := range len(number) {
		// From the right the weights are 2 to 7, and again.
		sum += int(number[len(number)-1-i]-'0') * (2 + i%6)
	}
	if "0123456789K"[(11-sum%11)%11] != check {
		return "", wrongCheckDigit(fault.CodeInvalidValue, "RUT", field)
	}
	return s, nil
}
