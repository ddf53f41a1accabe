package party

import (
	"fmt"
	"strings"

	"till/internal/fault"
)

// IBAN checks an international account number: the letters of its country, two
// check digits modulo 97, and the length that the country registered. Any
// single wrong digit is found. The canonical spelling is that of machines:
// capitals, no spaces. Source: ISO 13616 and ISO 7064 (MOD 97-10); lengths of
// the IBAN Registry, release 100. Fault: invalid_address.
func IBAN(field, s string) (string, error) {
	s, err := typed(field, s)
	if err != nil {
		return "", err
	}
	if len(s) < 5 || !every(s, isAlnum) || !every(s[:2], isLetter) || !every(s[2:4], isDigit) {
		return "", fault.New(fault.CodeInvalidAddress, "an IBAN is two letters, two check digits, then letters and digits").On(field)
	}
	length := ibanLength(s[:2])
	if length == 0 {
		return "", fault.New(fault.CodeInvalidAddress, "there is no IBAN that begins with these two letters").On(field)
	}
	if len(s) != length {
		return "", wrongLength(fault.CodeInvalidAddress, fmt.Sprintf("an IBAN of %s", s[:2]), field, "letters and digits", len(s), length, length)
	}
	// The check digits are 02 to 98: 00, 01 and 99 fit where 97, 98 and 02 do.
	if check := s[2:4]; check < "02" || check > "98" || Mod97(s[4:]+s[:4]) != 1 {
		return "", wrongCheckDigit(fault.CodeInvalidAddress, "IBAN", field)
	}
	return s, nil
}

// Mod97 is the remainder by 97 of the number that arises when A is written 10, B 11 and so on: what the check digits of an
// IBAN (ISO 13616) and of a creditor reference (ISO 11649) are made of. s is digits and capital letters.
func Mod97(s string) int {
	rest := 0
	for i := range len(s) {
		if isDigit(s[i]) {
			rest = (rest*10 + int(s[i]-'0')) % 97
		} else {
			rest = (rest*100 + int(s[i]-'A') + 10) % 97
		}
	}
	return rest
}

// ibanLength is the length of a country's IBAN, 0 where it has none.
func ibanLength(country string) int {
	for length, countries := range ibanLengths {
		if strings.Contains(" "+countries+" ", " "+country+" ") {
			return length
		}
	}
	return 0
}

var ibanLengths = map[int]string{
	15: "NO",
	16: "BE",
	18: "DK FI FK FO GL NL SD",
	19: "MK SI",
	20: "AT BA EE KZ LT LU MN XK",
	21: "CH HR LI LV",
	22: "BG BH CR DE GB GE IE ME RS VA",
	23: "AE GI IL IQ OM SO TL",
	24: "AD CZ ES MD PK RO SA SE SK TN VG",
	25: "LY PT ST",
	26: "IS TR",
	27: "BI DJ FR GR IT MC MR SM",
	28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
	29: "BR EG PS QA UA",
	30: "JO KW MU YE",
	31: "MT SC",
	32: "LC",
	33: "RU",
}

// BIC checks the code of a bank: four letters or digits of the institution, two
// letters of its country, two of its place and, where it names a branch, three
// more. The canonical spelling is in capitals. Source: ISO 9362:2022 in the
// pattern of ISO 20022 (BICFIDec2014Identifier). It has no check digit. Fault:
// invalid_address.
func BIC(field, s string) (string, error) {
	s, err := lettersOf(fault.CodeInvalidAddress, "a BIC", field, s, 8, 11)
	if err != nil {
		return "", err
	}
	if len(s) != 8 && len(s) != 11 {
		return "", fault.New(fault.CodeInvalidAddress, "a BIC has 8 or 11 letters and digits").On(field)
	}
	if !every(s[4:6], isLetter) {
		return "", fault.New(fault.CodeInvalidAddress, "the fifth and sixth letter of a BIC name its country").On(field)
	}
	return s, nil
}
