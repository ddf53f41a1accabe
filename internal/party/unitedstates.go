package party

import "till/internal/fault"

// RoutingNumber checks the number of a bank in the United States: nine digits
// whose sum by the weights 3, 7, 1 is a multiple of ten. Any single wrong digit
// is found. Source: American Bankers Association, routing number policy.
// Fault: invalid_address.
func RoutingNumber(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidAddress, "a routing number", field, s, 9, 9)
	if err != nil {
		return "", err
	}
	if weigh(s, 3, 7, 1)%10 != 0 {
		return "", wrongCheckDigit(fault.CodeInvalidAddress, "routing number", field)
	}
	return s, nil
}

// SSN checks the form of a social security number: nine digits; the first
// three are not 000, 666 or 900 and above, the next two not 00, the last four
// not 0000. Source: Social Security Administration, POMS RM 10201.035. Fault:
// invalid_value.
func SSN(field, s string) (string, error) {
	s, err := digitsOf(fault.CodeInvalidValue, "an SSN", field, s, 9, 9)
	if err != nil {
		return "", err
	}
	if s[:3] == "000" || s[:3] == "666" || s[0] == '9' || s[3:5] == "00" || s[5:] == "0000" {
		return "", fault.New(fault.CodeInvalidValue, "this SSN is none that is given out").On(field)
	}
	return s, nil
}

// EIN checks the form of an employer's number: nine digits. Source: Internal
// Revenue Service, publication 1635. Fault: invalid_value.
func EIN(field, s string) (string, error) {
	return digitsOf(fault.CodeInvalidValue, "an EIN", field, s, 9, 9)
}
