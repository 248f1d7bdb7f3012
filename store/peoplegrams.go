package store

import (
	"hash/fnv"
	"slices"
	"unicode/utf8"

	"lockstep/directory"
	"lockstep/scim"
)

// peopleForm is the version of the rows of people_gram. Whoever changes what stands in them, or directory.SearchTexts, raises it;
// indexes of another version are made anew.
const peopleForm = "1"

// gramsOf appends the grams of a folded text: the numbers of every three letters that follow one another. Three letters of ASCII
// have a number of their own. All others share numbers, so who has a gram need not have the letters: whoever searches looks.
func gramsOf(grams []uint32, text string) []uint32 {
	var a, b, c rune
	n := 0
	for _, r := range text {
		a, b, c = b, c, r
		if n++; n >= directory.GramLetters {
			grams = append(grams, gramOf(a, b, c))
		}
	}
	return grams
}

// otherGrams is the first number of grams that are not of ASCII alone. Numbers fit into 31 bits.
const otherGrams = 1 << 21

func gramOf(a, b, c rune) uint32 {
	if a|b|c < utf8.RuneSelf {
		return uint32(a)<<14 | uint32(b)<<7 | uint32(c)
	}
	h := uint32(2166136261) // FNV-1a
	for _, r := range [...]rune{a, b, c} {
		h = (h ^ uint32(r)) * 16777619
	}
	return otherGrams + h>>2
}

// indexedText is what the index knows of a user: the grams, each once, and a hash of the texts.
func indexedText(a scim.Object) (grams []uint32, hash int64) {
	h := fnv.New64a()
	for _, text := range directory.SearchTexts(a) {
		text = cut(text)
		_, _ = h.Write(append([]byte(text), 0)) // never fails
		grams = gramsOf(grams, text)
	}
	slices.Sort(grams)
	return slices.Compact(grams), int64(h.Sum64())
}

// A set of places in a chunk is kept in ASCII without NUL, which both databases keep as text: the distance of each place from the
// one before, the first from -1. A distance below runMark is one byte. A larger one is increased by one and written in groups of
// six bits, the lowest first, all but the last with the bit moreBits. Where runMark stands, the number after it, written like
// a distance, is how many places follow one after another.
const (
	runMark  = 63
	moreBits = 64
	minRun   = 3 // shorter runs are no shorter with a mark
)

func appendDistance(text []byte, n int) []byte {
	if n < runMark {
		return append(text, byte(n))
	}
	for n++; n >= moreBits; n >>= 6 {
		text = append(text, byte(n&(moreBits-1))|moreBits)
	}
	return append(text, byte(n))
}

// packPlaces returns the text of places, which rise.
func packPlaces(places []uint16) string {
	text := make([]byte, 0, len(places)+2)
	last := -1
	for i := 0; i < len(places); {
		run := 0
		for i+run < len(places) && int(places[i+run]) == last+1+run {
			run++
		}
		if run >= minRun {
			text = appendDistance(append(text, runMark), run)
			i += run
		} else {
			text = appendDistance(text, int(places[i])-last)
			i++
		}
		last = int(places[i-1])
	}
	return string(text)
}

// unpackPlaces appends the places of a text. What is not one of ours ends the set.
func unpackPlaces(places []uint16, text string) []uint16 {
	last := -1
	for i := 0; i < len(text); {
		run := text[i] == runMark
		if run {
			i++
		}
		n, size := distance(text[i:])
		if size == 0 || last+n >= chunkPeople {
			return places
		}
		i += size
		if !run {
			last += n
			places = append(places, uint16(last))
			continue
		}
		for range n {
			last++
			places = append(places, uint16(last))
		}
	}
	return places
}

// distance reads a number and how long it is; 0 is none.
func distance(text string) (n, size int) {
	for shift := 0; size < len(text) && shift <= 12; shift += 6 {
		b := int(text[size])
		size++
		n |= (b & (moreBits - 1)) << shift
		if b < moreBits {
			if size > 1 {
				n--
			}
			if n < 1 {
				return 0, 0
			}
			return n, size
		}
	}
	return 0, 0
}

// chunkPeople is how many people share a row for each of their grams: enough that a gram has few rows, few enough that a change
// rewrites little.
const chunkPeople = 4096

// merge returns the places of both, which rise.
func merge(a, b []uint16) []uint16 {
	all := make([]uint16, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			all, a = append(all, a[0]), a[1:]
		case a[0] > b[0]:
			all, b = append(all, b[0]), b[1:]
		default:
			a = a[1:]
		}
	}
	return append(append(all, a...), b...)
}

// common returns the places of both, which rise, in the room of a.
func common(a, b []uint16) []uint16 {
	kept := a[:0]
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			kept, a, b = append(kept, a[0]), a[1:], b[1:]
		}
	}
	return kept
}
