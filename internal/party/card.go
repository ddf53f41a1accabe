package party

// HoldsCardNumber says that a text holds what reads as the number of a payment card: 13 to 19 digits, with single spaces
// or dashes between them or none, that begin as the numbers of cards do and pass ISO/IEC 7812's check digit. Other numbers
// of that length pass with a chance of a few per cent; they are taken for cards too, because the number of a card must not
// lie anywhere here (PCI DSS 3.2).
func HoldsCardNumber(text string) bool {
	var digits []byte
	gap := false
	for i := range len(text) + 1 {
		switch {
		case i < len(text) && '0' <= text[i] && text[i] <= '9':
			digits, gap = append(digits, text[i]-'0'), false
		case i < len(text) && (text[i] == ' ' || text[i] == '-') && len(digits) > 0 && !gap:
			gap = true
		default:
			if holdsCard(digits) {
				return true
			}
			digits, gap = nil, false
		}
	}
	return false
}

// holdsCard looks at a run of digits: the whole of it is a card's number, or, where it is longer than any, a part.
func holdsCard(run []byte) bool {
	const shortest, longest = 13, 19
	if len(run) <= longest {
		return isCard(run)
	}
	for from := range run {
		for n := shortest; n <= longest && from+n <= len(run); n++ {
			if isCard(run[from : from+n]) {
				return true
			}
		}
	}
	return false
}

// isCard checks the length, the industry (2 to 6: what cards begin with) and the check digit.
func isCard(number []byte) bool {
	if len(number) < 13 || len(number) > 19 || number[0] < 2 || number[0] > 6 {
		return false
	}
	sum := 0
	for i, d := range number {
		n := int(d)
		if (len(number)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
