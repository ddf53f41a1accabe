package screen

// latin is how letters of other scripts, and letters of Latin ones that are no letter with a mark, are written in plain ones.
// Marks have been taken off before (Unicode's NFKD), so й is и here and ё is е.
//
// Cyrillic follows BGN/PCGN 1947 without its rules for the beginning of words (е and not ye), which spelling.go makes alike; letters of
// Ukrainian, Belarusian, Serbian and Macedonian follow BGN/PCGN for those. ISO 9 has marks, which fall away the same way. Greek
// follows ELOT 743 (ISO 843, type 2); Arabic and Persian BGN/PCGN 1956 and 1958, of consonants and long vowels only, since the short
// ones are not written, and with the one letter that spelling.go makes of kh, sh, gh and the like.
var latin = map[rune]string{
	'ß': "ss", 'ø': "o", 'đ': "d", 'ł': "l", 'æ': "ae", 'œ': "oe", 'þ': "th", 'ð': "d", 'ı': "i", 'ħ': "h", 'ŋ': "ng", 'ə': "e", 'ĸ': "k",

	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ж': "zh", 'з': "z", 'и': "i", 'к': "k", 'л': "l", 'м': "m", 'н': "n",
	'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "kh", 'ц': "ts", 'ч': "ch", 'ш': "sh", 'щ': "shch",
	'ъ': "", 'ы': "y", 'ь': "", 'э': "e", 'ю': "yu", 'я': "ya", 'є': "ye", 'і': "i", 'ґ': "g", 'ђ': "dj", 'ј': "j", 'љ': "lj",
	'њ': "nj", 'ћ': "c", 'џ': "dz", 'ѕ': "dz",

	'α': "a", 'β': "v", 'γ': "g", 'δ': "d", 'ε': "e", 'ζ': "z", 'η': "i", 'θ': "th", 'ι': "i", 'κ': "k", 'λ': "l", 'μ': "m", 'ν': "n",
	'ξ': "x", 'ο': "o", 'π': "p", 'ρ': "r", 'σ': "s", 'ς': "s", 'τ': "t", 'υ': "y", 'φ': "f", 'χ': "ch", 'ψ': "ps", 'ω': "o",

	'ا': "a", 'ب': "b", 'ت': "t", 'ث': "t", 'ج': "j", 'ح': "h", 'خ': "h", 'د': "d", 'ذ': "d", 'ر': "r", 'ز': "z", 'س': "s", 'ش': "s",
	'ص': "s", 'ض': "d", 'ط': "t", 'ظ': "z", 'ع': "", 'غ': "g", 'ف': "f", 'ق': "k", 'ك': "k", 'ل': "l", 'م': "m", 'ن': "n", 'ه': "h",
	'ة': "a", 'و': "w", 'ي': "y", 'ى': "a", 'ء': "", 'پ': "p", 'چ': "c", 'ژ': "z", 'ک': "k", 'گ': "g", 'ی': "y", 'ـ': "", 'ٱ': "a",
}

// pairs are two letters that are one sound.
var pairs = map[[2]rune]string{
	{'ο', 'υ'}: "ou", {'α', 'υ'}: "av", {'ε', 'υ'}: "ev", {'η', 'υ'}: "iv", {'γ', 'γ'}: "ng", {'γ', 'χ'}: "nch", {'γ', 'ξ'}: "nx",
}

// first is how two letters are written at the beginning of a word.
var first = map[[2]rune]string{{'μ', 'π'}: "b", {'ν', 'τ'}: "d", {'γ', 'κ'}: "g"}

// arabicNames are names whose consonants alone would be too few to know them by, without their marks.
var arabicNames = map[string]string{
	"علي": "ali", "على": "ali", "عمر": "omar", "محمد": "mohammed", "احمد": "ahmed", "حسن": "hassan", "حسين": "hussein", "سعيد": "said",
	"طه": "taha", "يحيى": "yahya", "يحي": "yahya", "عيسى": "issa", "موسى": "musa", "مها": "maha", "هدى": "huda", "نور": "nur", "رضا": "reza",
	"عبد": "abd", "ابو": "abu", "ابي": "abi", "ام": "umm", "بن": "bin", "ابن": "ibn", "بنت": "bint", "ال": "al", "مي": "mai", "ايه": "aya",
	"فواد": "fuad", "داود": "daoud", "داوود": "daoud", "يوسف": "yusuf", "ياسر": "yasir", "عادل": "adel", "علاء": "ala", "علا": "ala",
	"بهاء": "baha", "بها": "baha", "هاني": "hani", "سامي": "sami", "رامي": "rami", "وليد": "walid", "وايل": "wael", "لوي": "louay",
	"ليلى": "layla", "منى": "muna", "نجوى": "najwa", "حمزة": "hamza", "اياد": "iyad",
}

// arabic says that a letter is of the Arabic script, which leaves short vowels out.
func arabic(r rune) bool { return r >= 0x0600 && r <= 0x06ff || r >= 0x0750 && r <= 0x077f }

// romanise writes a word of one script in plain small letters.
func romanise(word []rune) string {
	var out []byte
	for i := 0; i < len(word); i++ {
		r := word[i]
		if i+1 < len(word) {
			two := [2]rune{r, word[i+1]}
			text, known := pairs[two]
			if !known && i == 0 {
				text, known = first[two]
			}
			if known {
				out = append(out, text...)
				i++
				continue
			}
		}
		if text, known := latin[r]; known {
			out = append(out, text...)
		} else {
			out = append(out, string(r)...) // plain already, or of a script that is compared as it is
		}
	}
	return string(out)
}
