package party

import (
	"strings"

	"till/internal/fault"
)

// CBU checks an Argentine account number, of a bank (CBU) or of a payment
// provider (CVU, which begins with 000): a first block of seven digits and a
// check digit by the weights 7, 1, 3, 9, a second of thirteen and a check
// digit by 3, 9, 7, 1. Any single wrong digit is found. Source: Banco Central
// de la República Argentina, Sistema Nacional de Pagos, "Clave Bancaria
// Uniforme", and Comunicación "A" 6510 for the CVU. Fault: invalid_address.
func CBU(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidAddress, "a CBU or CVU", field, s, 22, 22)
	if err != nil {
		return "", err
	}
	if upTo10(weigh(s[:7], 7, 1, 3, 9)) != s[7] || upTo10(weigh(s[8:21], 3, 9, 7, 1)) != s[21] {
		return "", wrongCheckDigit(fault.CodeInvalidAddress, "CBU or CVU", field)
	}
	return s, nil
}

// cbuBank is the bank of a checked CBU, or the provider of a checked CVU.
func cbuBank(cbu string) string {
	if strings.HasPrefix(cbu, "000") {
		return cbu[3:7]
	}
	return cbu[:3]
}

// CUIT checks an Argentine tax number (CUIT) or that of an employee (CUIL),
// which have one form: eleven digits, the last one a check digit modulo 11
// whose value 10 is never given out. Any single wrong digit is found. Source:
// AFIP (now ARCA); python-stdnum, ar.cuit. Fault: invalid_value.
func CUIT(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidValue, "a CUIT or CUIL", field, s, 11, 11)
	if err != nil {
		return "", err
	}
	digit := (11 - weigh(s[:10], 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	if digit != int(s[10]-'0') {
		return "", wrongCheckDigit(fault.CodeInvalidValue, "CUIT or CUIL", field)
	}
	return s, nil
}

// ArgentineDNI checks the form of an Argentine identity number: seven or eight
// digits, without a check digit. Source: python-stdnum, ar.dni. Fault:
// invalid_value.
func ArgentineDNI(field, s string) (string, error) {
	return digitsOf(fault.CodeInvalidValue, "a DNI", field, s, 7, 8)
}
