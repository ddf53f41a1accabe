package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"till/internal/screen"
)

// What is screened: so many entries are listed, and so many names looked up.
const (
	screenEntries = 1_000_000
	screenLooks   = 5_000
)

// screened is what looking names up took.
type screened struct {
	entries, looks, hits int
	build                time.Duration
	p50, p99             float64 // ms
	memory               float64 // MiB that the list holds
	peak                 float64 // MiB that the process had from the system while it was made
}

// screening measures a list of a million names of people, put together from syllables so that some words are common and most are
// rare, and looks up listed names, half of them with a letter that is wrong, and others.
func (b *bench) screening() (screened, error) {
	entries, looks := screenEntries, screenLooks
	if b.short {
		entries, looks = entries/10, looks/10
	}
	r := rand.New(rand.NewPCG(b.seed, 34))
	family, given := vocabulary(r, 200_000), vocabulary(r, 5_000)
	name := func() string {
		return pick(r, given) + " " + pick(r, given) + " " + pick(r, family)
	}
	s := screened{entries: entries, looks: looks}
	before := heap()
	started := time.Now()
	builder := screen.NewBuilder(0)
	asked := make([]string, 0, looks)
	for i := range entries {
		n := name()
		if err := builder.Add(screen.Entry{List: "bench", ID: fmt.Sprint(i), Kind: screen.Individual, Name: n, Countries: []string{"Nowhere"}}); err != nil {
			return s, err
		}
		if i%(entries/looks*2) == 0 {
			if letters := []byte(n); i%(entries/looks*4) == 0 {
				letters[len(letters)-3] = 'x'
				n = string(letters)
			}
			asked = append(asked, n)
		}
	}
	wanted := len(asked)
	for len(asked) < looks {
		asked = append(asked, name())
	}
	list := builder.List()
	builder = nil
	s.build = time.Since(started)
	s.memory = heap() - before
	s.peak = fromSystem()
	var times []time.Duration
	for i, n := range asked {
		began := time.Now()
		hits := list.Names(screen.Query{Name: n, Kind: screen.Individual})
		times = append(times, time.Since(began))
		if i < wanted && len(hits) > 0 {
			s.hits++
		}
	}
	if s.hits*100 < wanted*98 {
		return s, fmt.Errorf("screening: %d of %d listed names were found", s.hits, wanted)
	}
	slices.Sort(times)
	s.p50, s.p99 = ms(quantile(times, 0.5)), ms(quantile(times, 0.99))
	fmt.Fprintf(os.Stderr, "%s: %d entries in %.1f s, %.0f MiB (%.0f from the system while it was made); p50 %.2f ms, p99 %.2f ms\n",
		whatScreening, s.entries, s.build.Seconds(), s.memory, s.peak, s.p50, s.p99)
	runtime.KeepAlive(list)
	return s, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// vocabulary is words of two to four syllables.
func vocabulary(r *rand.Rand, n int) []string {
	const consonants, vowels = "bcdfghjklmnprstvz", "aeiou"
	list := make([]string, n)
	for i := range list {
		var word []byte
		for range 2 + r.IntN(3) {
			word = append(word, consonants[r.IntN(len(consonants))], vowels[r.IntN(len(vowels))])
		}
		if r.IntN(2) == 0 {
			word = append(word, consonants[r.IntN(len(consonants))])
		}
		list[i] = string(word)
	}
	return list
}

// pick takes the first words far more often than the last ones, as names are.
func pick(r *rand.Rand, list []string) string {
	return list[min(r.IntN(len(list)), r.IntN(len(list)), r.IntN(len(list)))]
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func fromSystem() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys-m.HeapReleased) / (1 << 20)
}
