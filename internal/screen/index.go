package screen

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"
)

// names is every name of a list by what its words sound like. All of it is whole numbers in a few long arrays: a million names are
// some tens of megabytes.
type names struct {
	of    []uint32 // the entry of each name
	alias []uint16 // which of the entry's names it is
	start []uint32 // where its words begin in words; one more than there are names
	words []uint32 // by their number

	vocabulary []word   // each once
	asName     []uint8  // what each word counts in a person's name
	asFirm     []uint8  // and in an organisation's
	from       []uint32 // where the names that have a word begin in having
	having     []uint32
	near       []uint64 // hash of what a word sounds like, and does without one of its letters, and the word's number: sorted
	skipped    []uint64 // the same of its bones

	scratch *sync.Pool // of []uint32, one for each name, all 0
}

// name adds a name to the index.
func (b *Builder) name(entry uint32, alias int, text string) {
	n := &b.list.names
	for _, w := range words(text) {
		key := w.plain
		if w.bare {
			key += "-"
		}
		id, known := b.ids[key]
		if !known {
			id = uint32(len(n.vocabulary))
			b.ids[key] = id
			w.shown = ""
			if w.sound == w.plain {
				w.sound = w.plain // one text
			}
			n.vocabulary = append(n.vocabulary, w)
			n.asName = append(n.asName, uint8(weigh(w.plain, person)))
			n.asFirm = append(n.asFirm, uint8(weigh(w.plain, organisation)))
		}
		n.words = append(n.words, id)
	}
	n.of = append(n.of, entry)
	n.alias = append(n.alias, uint16(alias))
	n.start = append(n.start, uint32(len(n.words)))
}

// arrange makes what is looked up of what was added.
func (n *names) arrange() {
	n.from = make([]uint32, len(n.vocabulary)+1)
	for _, id := range n.words {
		n.from[id+1]++
	}
	for i := range n.vocabulary {
		n.from[i+1] += n.from[i]
	}
	n.having = make([]uint32, len(n.words))
	next := slices.Clone(n.from)
	for name := range n.of {
		for _, id := range n.words[n.start[name]:n.start[name+1]] {
			n.having[next[id]] = uint32(name)
			next[id]++
		}
	}
	for id, w := range n.vocabulary {
		for h := range hashes(w) {
			n.near = append(n.near, h|uint64(id))
		}
		if b := bones(w.sound); len(b) >= 2 {
			n.skipped = append(n.skipped, hash(b)|uint64(id))
		}
	}
	slices.Sort(n.near)
	slices.Sort(n.skipped)
	n.near, n.skipped = slices.Clip(slices.Compact(n.near)), slices.Clip(n.skipped)
	size := len(n.of)
	n.scratch = &sync.Pool{New: func() any { marks := make([]uint32, size); return &marks }}
}

// hashes is the hash of what a word sounds like, and of what it would without each of its letters.
func hashes(w word) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		if !yield(hash(w.sound)) || len(w.plain) < 3 {
			return
		}
		for i := range len(w.plain) {
			if !yield(hash(fold(w.plain[:i]+w.plain[i+1:], w.bare))) {
				return
			}
		}
	}
}

// hash is FNV-1a of 32 bits, in the upper half.
func hash(s string) uint64 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return uint64(h) << 32
}

// at calls found with the number of each sound that has the hash.
func at(sorted []uint64, h uint64, found func(id uint32)) {
	i, _ := slices.BinarySearch(sorted, h)
	for ; i < len(sorted) && sorted[i]>>32 == h>>32; i++ {
		found(uint32(sorted[i]))
	}
}

// has says that a word of the list sounds so.
func (n *names) has(sound string) (known bool) {
	at(n.near, hash(sound), func(id uint32) { known = known || n.vocabulary[id].sound == sound })
	return known
}

// like is a word of the list that a word that was asked for is like.
type like struct {
	id    uint32
	score int
}

// similar is every word of the list that a word is like, but for initials.
func (n *names) similar(w word) []like {
	var list []like
	seen := map[uint32]bool{}
	try := func(id uint32) {
		if seen[id] {
			return
		}
		seen[id] = true
		if s := wordLike(w, n.vocabulary[id]); s > initialOnly {
			list = append(list, like{id, s})
		}
	}
	for h := range hashes(w) {
		at(n.near, h, try)
	}
	if w.bare {
		for _, b := range bareBones(w.sound) {
			at(n.skipped, hash(b), try)
		}
	} else if b := bones(w.sound); len(b) >= 2 {
		at(n.skipped, hash(b), try)
	}
	return list
}

// compared is the most names that are compared word by word, those first that may be the most alike.
const compared = 300

// Names is the entries that a name is like, the most alike first. A name without a letter or digit is like none.
func (l *List) Names(q Query) []Hit {
	asked := words(q.Name)
	if len(asked) == 0 || len(l.of) == 0 {
		return nil
	}
	if q.Threshold <= 0 {
		q.Threshold = l.threshold
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	best := map[uint32]Hit{} // by entry
	for _, one := range l.readings(asked) {
		for _, c := range l.candidates(one, q.Kind.side(), q.Threshold) {
			entry := l.of[c.name]
			e := l.entry(entry)
			name := e.Name
			if i := l.alias[c.name]; i > 0 {
				name = e.Aliases[i-1]
			}
			score, why := compare(one, words(name), sideOf(e.Kind.side(), q.Kind.side()))
			if was, known := best[entry]; score >= q.Threshold && (!known || score > was.Score) {
				best[entry] = Hit{Entry: e, Name: name, Score: score, Why: why}
			}
		}
	}
	ids := make([]uint32, 0, len(best))
	for id := range best {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uint32) int { return cmp.Or(cmp.Compare(best[b].Score, best[a].Score), cmp.Compare(a, b)) })
	var hits []Hit
	for _, id := range ids[:min(q.Limit, len(ids))] {
		hits = append(hits, best[id])
	}
	return hits
}

// sideOf is how an entry is compared with a query: as what it is, or where its list does not say, as what was asked for.
func sideOf(entry, query side) side {
	if entry == unsaid {
		return query
	}
	return entry
}

// readings is a name, and the same name with two of its words written together, or one written apart, where the list has such
// words (Jong Un and Jongun, PetroNova and Petro Nova), or with one that is a mistyped spelling of a name with several.
func (l *List) readings(asked []word) [][]word {
	all := [][]word{asked}
	with := func(i, n int, other ...word) {
		if len(all) < 5 {
			all = append(all, slices.Concat(asked[:i:i], other, asked[i+n:]))
		}
	}
	for i, w := range asked {
		if w.bare || len(w.plain) < 2 {
			continue
		}
		if i+1 < len(asked) && !asked[i+1].bare && len(asked[i+1].plain) > 1 {
			one := word{shown: w.shown + " " + asked[i+1].shown, plain: w.plain + asked[i+1].plain}
			one.sound = soundOf(one.plain, false)
			if l.has(one.sound) {
				with(i, 2, one)
			}
		}
		for _, sound := range mistyped(w.plain) {
			with(i, 1, word{shown: w.shown, plain: w.plain, sound: sound})
		}
		if l.has(w.sound) {
			continue
		}
		for cut := 2; cut <= len(w.plain)-2; cut++ {
			a := word{shown: w.shown, plain: w.plain[:cut], sound: soundOf(w.plain[:cut], false)}
			b := word{shown: w.shown, plain: w.plain[cut:], sound: soundOf(w.plain[cut:], false)}
			if len(w.plain) >= 5 && l.has(a.sound) && l.has(b.sound) {
				with(i, 1, a, b)
			}
		}
	}
	return all
}

// candidate is a name that may be alike, and how much at most, as far as sounds tell.
type candidate struct {
	name  uint32
	bound int
}

// asking is a query's words with the sounds that each is like.
type asking struct {
	words   []word
	likes   [][]like
	rows    map[uint32]int // of scores, by sound
	scores  []int16        // len(words) for each row
	initial [256]bool      // letters that stand alone
}

func (l *List) ask(list []word) *asking {
	a := &asking{words: list, rows: map[uint32]int{}}
	for i, w := range list {
		if len(w.plain) == 1 {
			a.initial[w.sound[0]] = true
		}
		a.likes = append(a.likes, l.similar(w))
		for _, like := range a.likes[i] {
			row, known := a.rows[like.id]
			if !known {
				row = len(a.rows)
				a.rows[like.id] = row
				a.scores = append(a.scores, make([]int16, len(list))...)
			}
			a.scores[row*len(list)+i] = int16(like.score)
		}
	}
	return a
}

// candidates is the names that may reach the threshold, at most as many as are compared, the likeliest first.
func (l *List) candidates(list []word, of side, threshold int) []candidate {
	a := l.ask(list)
	seeds, needed := a.seeds(of, threshold)
	had := func(i int) (n int) {
		for _, like := range a.likes[i] {
			n += int(l.from[like.id+1] - l.from[like.id])
		}
		return n
	}
	slices.SortFunc(seeds, func(x, y int) int { return cmp.Compare(had(x), had(y)) })
	if needed > 1 && len(seeds) > 1 && had(seeds[len(seeds)-1]) > 20_000 {
		// Two words must be there, so every name has one of the others.
		seeds, needed = seeds[:len(seeds)-1], needed-1
	}
	marks := l.scratch.Get().(*[]uint32)
	defer l.scratch.Put(marks)
	var touched []uint32
	for i, seed := range seeds {
		for _, like := range a.likes[seed] {
			for _, name := range l.having[l.from[like.id]:l.from[like.id+1]] {
				if (*marks)[name] == 0 {
					touched = append(touched, name)
				}
				(*marks)[name] |= 1 << i
			}
		}
	}
	var found []candidate
	for _, name := range touched {
		there := bits.OnesCount32((*marks)[name])
		(*marks)[name] = 0
		kind := l.sides[l.of[name]]
		if there < needed || of != unsaid && kind != unsaid && kind != of {
			continue
		}
		if bound := l.bound(a, name, sideOf(kind, of)); bound >= threshold {
			found = append(found, candidate{name, bound})
		}
	}
	slices.SortFunc(found, func(x, y candidate) int { return cmp.Or(cmp.Compare(y.bound, x.bound), cmp.Compare(x.name, y.name)) })
	return found[:min(len(found), compared)]
}

// seeds are the words whose names are looked at, and how many of them a name must have: those that count in full, or else those that
// count a little, or else all.
func (a *asking) seeds(of side, threshold int) (list []int, needed int) {
	for _, enough := range []weight{full, little, nothing} {
		for i, w := range a.words {
			heavy := weigh(w.plain, of)
			if of == unsaid {
				heavy = max(weigh(w.plain, person), weigh(w.plain, organisation))
			}
			if heavy >= enough && len(w.plain) > 1 {
				list = append(list, i)
			}
		}
		if len(list) > 0 {
			break
		}
	}
	needed = 1
	// Of an organisation's two words one gives (1000+500)/2 at most.
	if len(list) > 1 && threshold > 750 {
		needed = 2
	}
	return list, needed
}

// bound is the most that compare can say of a name.
func (l *List) bound(a *asking, name uint32, of side) int {
	weightOf := l.asName
	if of == organisation {
		weightOf = l.asFirm
	}
	var best [maxWords]int16
	var sumL, allL, there int
	ids := l.words[l.start[name]:l.start[name+1]]
	for _, id := range ids {
		most := int16(0)
		if row, known := a.rows[id]; known {
			for i, s := range a.scores[row*len(a.words) : (row+1)*len(a.words)] {
				most, best[i] = max(most, s), max(best[i], s)
			}
		}
		sound := l.vocabulary[id].sound
		if most == 0 && a.initial[sound[0]] {
			most = initialOnly
		}
		for i := range a.words {
			if best[i] == 0 && (len(a.words[i].plain) == 1 || len(sound) == 1) && a.words[i].sound[0] == sound[0] {
				best[i], most = initialOnly, max(most, initialOnly)
			}
		}
		heavy := int(weightOf[id])
		if heavy > 0 && most > 0 {
			there++
		}
		allL += heavy
		sumL += heavy * int(most)
	}
	sumA, allA := 0, 0
	for i, w := range a.words {
		heavy := weigh(w.plain, of)
		allA += heavy
		sumA += heavy * int(best[i])
	}
	if allL == 0 || allA == 0 { // nothing but words that count nothing: compare tells
		return 1000
	}
	coverA, coverL := sumA/allA, sumL/allL
	if of == organisation {
		return (coverA + coverL) / 2
	}
	return (4*max(coverA, coverL) + min(coverA, coverL)) / 5
}
