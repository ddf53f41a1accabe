package screen

import (
	"slices"
	"strings"
)

// soundOf is how a word is compared: letters that languages write differently for one sound are made alike, and names with several
// common spellings have one.
func soundOf(plain string, bare bool) string {
	sound := fold(plain, bare)
	if one, known := spellings[plain]; known && !bare {
		return one
	}
	if one, known := soundAlike[sound]; known && !bare {
		return one
	}
	return sound
}

// written are letters written for one sound, the longer first.
var written = []struct{ letters, sound string }{
	{"tsch", "c"}, {"shch", "s"}, {"sch", "s"}, {"tch", "c"}, {"ch", "c"}, {"sh", "s"}, {"sz", "s"}, {"zh", "z"}, {"kh", "h"}, {"gh", "g"},
	{"dh", "d"}, {"th", "t"}, {"ph", "f"}, {"bh", "b"}, {"rh", "r"}, {"dj", "j"}, {"ck", "k"}, {"cz", "c"}, {"ts", "c"}, {"tz", "c"}, {"qu", "k"},
	{"ou", "u"}, {"oo", "u"}, {"ee", "i"}, {"ei", "e"}, {"ey", "e"}, {"ai", "e"}, {"ay", "e"}, {"ej", "e"}, {"aj", "e"}, {"ae", "a"}, {"oe", "o"}, {"ue", "u"},
	{"iy", "i"}, {"ij", "i"}, {"yj", "i"}, {"ye", "e"}, {"ie", "e"}, {"x", "ks"}, {"q", "k"}, {"w", "v"}, {"y", "i"},
}

// writtenBy is written by the first letter.
var writtenBy = func() (by [256][]struct{ letters, sound string }) {
	for _, w := range written {
		by[w.letters[0]] = append(by[w.letters[0]], w)
	}
	return by
}()

func fold(plain string, bare bool) string {
	out := make([]byte, 0, len(plain)+2)
	put := func(sound string) {
		for i := range len(sound) {
			if n := len(out); n == 0 || out[n-1] != sound[i] {
				out = append(out, sound[i])
			}
		}
	}
	rest := plain
	if len(rest) > 1 && rest[0] == 'y' && (bare || vowel(rest[1]) && rest[1] != 'e') { // Yuri, Jurij
		put("j")
		rest = rest[1:]
	}
next:
	for rest != "" {
		if rest[0] == 'c' && (len(rest) == 1 || rest[1] != 'h' && rest[1] != 'k' && rest[1] != 'z') {
			sound := "k"
			if len(rest) > 1 && vowel(rest[1]) && strings.IndexByte("eiy", rest[1]) >= 0 {
				sound = "c"
			}
			put(sound)
			rest = rest[1:]
			continue
		}
		for _, w := range writtenBy[rest[0]] {
			if strings.HasPrefix(rest, w.letters) && !(bare && len(w.letters) > 1) {
				put(w.sound)
				rest = rest[len(w.letters):]
				continue next
			}
		}
		put(rest[:1])
		rest = rest[1:]
	}
	if n := len(out); n > 2 && out[n-1] == 'h' && vowel(out[n-2]) { // Abdullah, Abdulla
		out = out[:n-1]
	}
	if n := len(out); n > 3 && out[n-1] == 'f' && (out[n-2] == 'o' || out[n-2] == 'e') { // Petroff, Petrov
		out[n-1] = 'v'
	}
	return string(out)
}

func vowel(c byte) bool {
	switch c {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}

// bones is a word without its vowels, which spellings differ in most and which some scripts leave out.
func bones(sound string) string {
	out := make([]byte, 0, len(sound))
	for i := range len(sound) {
		if !vowel(sound[i]) {
			out = append(out, sound[i])
		}
	}
	return string(out)
}

// alike are names whose spellings differ more than rules can say.
var alike = []string{
	"mohammed muhammad mohamed mohammad muhammed mohamad muhamad mohamud mahomet mukhammad magomed muhamed mohamet", "ahmed ahmad achmed akhmad akhmed akhmat",
	"hussein husayn hussain hossein husain husein khusein", "hassan hasan khasan", "yusuf yousef yousuf youssef yosef yosif iosif josef joseph jozef",
	"ibrahim ebrahim ibraheem ibragim", "ismail ismael esmail", "said saeed saied sayeed", "khalid khaled halid", "omar umar omer", "osama usama oussama",
	"othman uthman osman usman ousmane", "mustafa mostafa moustafa mustapha", "suleiman sulayman soliman suleyman sulaiman", "jamal gamal djamal", "jafar gafar djafar jaafar",
	"najib nagib nadjib naguib", "qasim kassem qassem gasim kasim", "alexander aleksandr alexandr aleksander oleksandr alexandre alexandros aliaksandr",
	"alexei aleksei alexey oleksiy aleksey", "andrei andrey andriy andrii andrej andrew andreas", "dmitry dmitri dmitriy dmitrii dimitri dmytro dimitry dimitrios",
	"evgeny yevgeny evgeni yevgeniy evgeniy evgenii yevhen eugene", "george georgy georgi georgiy georgios giorgi heorhii", "michael mikhail mihail mykhailo michail mikhael mikael michal",
	"nikolai nikolay mykola nikolaj nicolai nicolas nicholas nikolaos nikola", "pavel paul pavlo pawel", "peter pyotr petr petro piotr pjotr petros", "philip phillip filip filipp philippe filippos",
	"sergei sergey serhii serhiy sergej serge siarhei", "stephen steven stefan stepan stephan stefanos", "vladimir volodymyr wladimir uladzimir", "vasily vasiliy vasilii vasyl wassily vasilis vassily",
	"yuri yuriy yurii iurii yury juri jurij iouri", "konstantin constantine kostyantyn konstantinos constantin", "maxim maksim maksym maxime", "grigory grigoriy grigori hryhorii grigorii gregory",
	"catherine katherine ekaterina yekaterina kateryna katarina", "natalia natalya nataliya nataliia natalie", "elena yelena olena helena", "julia yulia yuliya iuliia", "tatiana tatyana tetiana",
	"xenia ksenia kseniya oksana", "igor ihor", "gennady gennadiy gennadi hennadii", "vitaly vitaliy vitalii", "valery valeriy valerii", "john jon",
	"chaudhry chaudhary choudhury chowdhury", "kim gim", "lee li yi rhee", "park pak bak", "zhang chang", "wang wong", "chen chan", "nguyen nguen",
}

// spellings and soundAlike are what a word, and the sound of one, is compared as.
var spellings, soundAlike = func() (map[string]string, map[string]string) {
	words, sounds := map[string]string{}, map[string]string{}
	for _, line := range alike {
		list := strings.Fields(line)
		stands := fold(list[0], false)
		for _, w := range list {
			words[w] = stands
			if _, known := sounds[fold(w, false)]; !known {
				sounds[fold(w, false)] = stands
			}
		}
	}
	return words, sounds
}()

// mistyped is what a word would sound like if it is a spelling of a name with several, and one letter of it is wrong.
func mistyped(plain string) (sounds []string) {
	if _, known := spellings[plain]; known || len(plain) < 5 {
		return nil
	}
	own := soundOf(plain, false)
	for one := range shorter(plain) {
		for _, w := range oneLess[one] {
			if distance(plain, w) <= 2 && spellings[w] != own && !slices.Contains(sounds, spellings[w]) {
				sounds = append(sounds, spellings[w])
			}
		}
	}
	return sounds
}

// oneLess is every longer spelling by itself, and without each of its letters.
var oneLess = func() map[string][]string {
	all := map[string][]string{}
	for w := range spellings {
		if len(w) >= 5 {
			for one := range shorter(w) {
				all[one] = append(all[one], w)
			}
		}
	}
	for _, list := range all {
		slices.Sort(list)
	}
	return all
}()

// shorter is a word, and the word without each of its letters.
func shorter(w string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !yield(w) {
			return
		}
		for i := range len(w) {
			if !yield(w[:i] + w[i+1:]) {
				return
			}
		}
	}
}
