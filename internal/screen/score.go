package screen

import (
	"cmp"
	"slices"
	"strings"
)

// What a word that is not the same is worth at most. Below least two words are not alike.
const (
	otherSpelling = 970
	oneBare       = 880 // consonants agree, vowels are not known
	fewBare       = 800 // and they are two
	initialOnly   = 700
	least         = 720
	oneOfMany     = 600 // the most for a name of several words of which one is there
)

// compare says how alike two names are, and which words are. A word of one is like at most one of the other, in any order.
//
// For a person the fuller agreement of the two sides counts four times as much as the other, so that a name that is missing
// on one side (a middle name, a second family name) takes little off; but one word of several is never enough. For an organisation
// both sides count alike.
func compare(asked, listed []word, of side) (score int, why []Match) {
	type pair struct{ a, l, score int }
	var all []pair
	for a := range asked {
		for l := range listed {
			if s := wordLike(asked[a], listed[l]); s > 0 {
				all = append(all, pair{a, l, s})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y pair) int { return cmp.Compare(y.score, x.score) })
	askedWeights, askedSum := weights(asked, of)
	listedWeights, listedSum := weights(listed, of)
	var usedA, usedL [maxWords]bool
	var sumA, sumL, strong int
	var picked []pair
	for _, p := range all {
		if usedA[p.a] || usedL[p.l] {
			continue
		}
		usedA[p.a], usedL[p.l] = true, true
		sumA += askedWeights[p.a] * p.score
		sumL += listedWeights[p.l] * p.score
		if max(askedWeights[p.a], listedWeights[p.l]) > nothing {
			strong++
		}
		picked = append(picked, p)
	}
	slices.SortFunc(picked, func(x, y pair) int { return cmp.Compare(x.a, y.a) })
	for _, p := range picked {
		why = append(why, Match{Asked: asked[p.a].shown, Listed: listed[p.l].shown, Score: p.score})
	}
	coverA, coverL := sumA/askedSum, sumL/listedSum
	if of == organisation {
		return (coverA + coverL) / 2, why
	}
	score = (4*max(coverA, coverL) + min(coverA, coverL)) / 5
	if strong < 2 && max(counted(askedWeights), counted(listedWeights)) > 1 {
		score = min(score, oneOfMany)
	}
	return score, why
}

func counted(list []weight) (n int) {
	for _, w := range list {
		if w > nothing {
			n++
		}
	}
	return n
}

// wordLike says how alike two words are, 0 when they are not.
func wordLike(a, b word) int {
	switch {
	case a.plain == b.plain && !a.bare && !b.bare:
		return 1000
	case len(a.plain) == 1 || len(b.plain) == 1:
		if a.sound[:1] == b.sound[:1] || a.plain[:1] == b.plain[:1] {
			return initialOnly
		}
		return 0
	}
	if a.sound == b.sound {
		return otherSpelling
	}
	if a.bare != b.bare {
		if b.bare {
			a, b = b, a
		}
		return bareLike(a.sound, b.sound)
	}
	return max(typed(a.sound, b.sound), typed(a.plain, b.plain))
}

// bareLike compares a word without its short vowels with a whole one.
func bareLike(bare, whole string) int {
	has := bones(whole)
	if len(has) >= 2 && slices.Contains(bareBones(bare), has) {
		if len(has) == 2 {
			return fewBare
		}
		return oneBare
	}
	return 0
}

// bareBones is what the consonants of a bare word may be: a v in it may have been a long vowel, and so an h at its end.
func bareBones(bare string) []string {
	has := bones(bare)
	list := []string{has}
	if strings.HasSuffix(has, "h") {
		list = append(list, has[:len(has)-1])
	}
	for _, s := range list {
		for i := 1; i < len(s) && len(list) < 8; i++ {
			if s[i] == 'v' {
				list = append(list, s[:i]+s[i+1:])
			}
		}
	}
	return list
}

// typed compares two words of which one may be mistyped: letters more, less, other ones, or two that changed places. A vowel is
// half a consonant. Words with digits, and short ones, are not mistyped.
func typed(a, b string) int {
	long := max(len(a), len(b))
	if min(len(a), len(b)) < 3 || long > 40 || len(a)-len(b) > 3 || len(b)-len(a) > 3 {
		return 0
	}
	if strings.ContainsAny(a, "0123456789") || strings.ContainsAny(b, "0123456789") {
		return 0
	}
	cost := distance(a, b)
	score := 1000 - 500*cost/long
	if cost > 4 || score < least {
		return 0
	}
	return score
}

// distance is the optimal string alignment distance; a vowel costs 1, a consonant 2, and so do two letters that changed places.
func distance(a, b string) int {
	var rows [3][42]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) {
		last[j+1] = last[j] + price(b[j])
	}
	for i := range len(a) {
		row[0] = last[0] + price(a[i])
		for j := range len(b) {
			other := 0
			if a[i] != b[j] {
				other = max(price(a[i]), price(b[j]))
			}
			row[j+1] = min(last[j]+other, last[j+1]+price(a[i]), row[j]+price(b[j]))
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] && a[i] != a[i-1] {
				row[j+1] = min(row[j+1], before[j-1]+2)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func price(c byte) int {
	if vowel(c) {
		return 1
	}
	return 2
}
