package screen

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// word is one word of a name.
type word struct {
	shown string // as it was written
	plain string // in small Latin letters
	sound string // how it is compared: see spelling.go
	bare  bool   // without short vowels
}

// What is looked at of a name: so many words, and so many letters of each.
const (
	maxWords   = 32
	maxLetters = 40
)

// words takes a name apart: letters without their marks and case, in Latin script, punctuation away, and what may be written together
// or apart in the one way that is compared.
func words(name string) []word {
	if len(name) > maxNameBytes {
		name = strings.ToValidUTF8(name[:maxNameBytes], "")
	}
	var list []word
	for _, shown := range strings.FieldsFunc(name, func(r rune) bool { return !inWord(r) }) {
		list = wordsOf(list, shown)
	}
	list = joinAbd(joinLetters(list))
	if len(list) > maxWords {
		list = list[:maxWords]
	}
	for i := range list {
		if plain := list[i].plain; len(plain) > maxLetters {
			list[i].plain = plain[:maxLetters]
		}
		list[i].sound = soundOf(list[i].plain, list[i].bare)
	}
	return list
}

// inWord says that a letter is part of a word: apostrophes are, in O'Brien and in Sana'a; hyphens are between two.
func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("'`´’‘ʼʻʿʾ\u200c\u200d", r)
}

func wordsOf(list []word, shown string) []word {
	letters := make([]rune, 0, len(shown))
	for _, r := range norm.NFKD.String(shown) {
		if unicode.IsLetter(r) && !unicode.Is(unicode.Lm, r) || unicode.IsDigit(r) {
			letters = append(letters, unicode.ToLower(r))
		}
	}
	if len(letters) == 0 {
		return list
	}
	if !slices.ContainsFunc(letters, arabic) {
		if plain := romanise(letters); plain != "" {
			list = append(list, word{shown: shown, plain: plain})
		}
		return list
	}
	if name, known := arabicNames[string(letters)]; known {
		return append(list, word{shown: shown, plain: name})
	}
	if len(letters) >= 8 && strings.HasPrefix(string(letters), "عبدال") { // Abd al-
		list = append(list, word{shown: shown, plain: "abd"})
		letters = letters[3:]
	}
	if len(letters) >= 5 && letters[0] == 'ا' && letters[1] == 'ل' { // the article
		list = append(list, word{shown: shown, plain: "al"})
		letters = letters[2:]
		if name, known := arabicNames[string(letters)]; known {
			return append(list, word{shown: shown, plain: name})
		}
	}
	if plain := romanise(letters); plain != "" {
		list = append(list, word{shown: shown, plain: plain, bare: true})
	}
	return list
}

// joinLetters makes one word of letters that are a legal form: S.A., L.L.C.
func joinLetters(list []word) []word {
	out := list[:0:0]
	for i := 0; i < len(list); i++ {
		plain, shown, end := "", "", i
		for end < len(list) && utf8.RuneCountInString(list[end].plain) == 1 && end-i < 4 {
			plain, shown = plain+list[end].plain, shown+list[end].shown
			end++
		}
		if end-i > 1 && legalForms[plain] {
			out = append(out, word{shown: shown, plain: plain})
			i = end - 1
			continue
		}
		out = append(out, list[i])
	}
	return out
}

// The spellings of abd ("servant of"), which belongs to the name behind it, the longer first, and of the article that may stand between.
var (
	abd      = []string{"abdoul", "abdul", "abdel", "abdal", "abdol", "abdur", "abdar", "abdus", "abdas", "abdou", "abdu", "abd"}
	articles = []string{"al", "el", "ul", "ur", "ar", "er", "as", "es", "us", "ad", "ud", "an", "un", "az", "uz", "at", "ash", "ush"}
)

// joinAbd writes Abd al-Rahman, Abdul Rahman, Abdel-Rahman and Abdurrahman in one way.
func joinAbd(list []word) []word {
	out := list[:0:0]
	for i := 0; i < len(list); i++ {
		w := list[i]
		if slices.Contains(abd, w.plain) && i+1 < len(list) {
			next := i + 1
			if slices.Contains(articles, list[next].plain) && next+1 < len(list) {
				next++
			}
			if list[next].shown != w.shown {
				w.shown += " " + list[next].shown
			}
			w.plain, w.bare = "abd"+list[next].plain, list[next].bare
			i = next
		}
		for _, spelling := range abd[:9] {
			if rest, is := strings.CutPrefix(w.plain, spelling); is && len(rest) >= 3 && !w.bare {
				w.plain = "abd" + rest
				break
			}
		}
		out = append(out, w)
	}
	return out
}

// weight is how much a word counts in a name.
type weight = int

const (
	nothing weight = 0
	little  weight = 1 // an initial, or what many organisations are called
	full    weight = 4
)

// weigh says how much a word counts in a name of a person or an organisation.
func weigh(plain string, of side) weight {
	switch {
	case len(plain) == 1:
		return little
	case particles[plain], of == organisation && legalForms[plain], of != organisation && titles[plain]:
		return nothing
	case of == organisation && generic[plain]:
		return little
	}
	return full
}

// weights is what each word of a name counts. A name of nothing but words that count nothing counts in full.
func weights(list []word, of side) (each []weight, sum weight) {
	for _, w := range list {
		each = append(each, weigh(w.plain, of))
		sum += each[len(each)-1]
	}
	if sum == 0 {
		for i := range each {
			each[i] = full
			sum += full
		}
	}
	return each, sum
}

func set(list string) map[string]bool {
	all := map[string]bool{}
	for _, s := range strings.Fields(list) {
		all[s] = true
	}
	return all
}

var (
	particles  = set("al el ul bin ibn ben bint de del della da das do dos di du la le los las van von der den ter ten zu y e i and und et the of for")
	titles     = set("mr mrs ms miss dr prof sir sheikh shaykh sheik haji hajji hajj mullah maulana mawlawi sayyid jr sr")
	legalForms = set("ltd limited llc llp lp inc incorporated corp corporation co company plc gmbh ag kg ohg mbh se sa sas sarl sl srl spa bv nv ab as asa oy oyj aps " +
		"ooo oao zao pao ao tov pjsc ojsc jsc cjsc fze fzco fzc fz dmcc pte pty bhd sdn kk kft zrt rt doo dd ad ead eood sro spzoo ltda eirl sac cv")
	generic = set("trading trade international group general import export industries industrial industry services service bank holding holdings " +
		"shipping marine maritime investment investments enterprise enterprises commercial global development engineering technology technologies oil gas petroleum energy " +
		"construction transport logistics organization organisation foundation association institute center centre national production products factory university research")
)
