package expr

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// random reads n bytes from the environment.
func (st *state) random(n int) ([]byte, error) {
	if st.env.Random == nil {
		return nil, failf("there is no source of randomness here")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(st.env.Random, b); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return b, nil
}

// guid makes a version 4 UUID (RFC 9562 §5.4).
func guid(st *state, _ []thunk) (val, error) {
	b, err := st.random(16)
	if err != nil {
		return null, err
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return text(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])), nil
}

// The characters that Windows counts for password complexity, in the order of RandomString's arguments.
const (
	charsDigit   = "0123456789"
	charsSpecial = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/"
	charsUpper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	charsLower   = "abcdefghijklmnopqrstuvwxyz"
)

const maxRandomString = 256

// randomString takes the minima from their classes, fills up from the classes that have a minimum (from letters and digits
// when none has), and shuffles.
func randomString(st *state, a []val) (val, error) {
	length, err := argument(st, a[0], "length")
	if err != nil {
		return null, err
	}
	avoid := ""
	if len(a) > 5 {
		avoid = a[5].text
	}
	classes := [...]string{charsDigit, charsSpecial, charsUpper, charsLower}
	names := [...]string{"minDigits", "minSpecial", "minUpper", "minLower"}
	var minima [len(classes)]int
	sum, fill := 0, ""
	for i := range classes {
		if minima[i], err = argument(st, a[i+1], names[i]); err != nil {
			return null, err
		}
		classes[i] = without(classes[i], avoid)
		switch {
		case minima[i] < 0 || minima[i] > maxRandomString:
			return null, failf("%s must be from 0 to %d", names[i], maxRandomString)
		case minima[i] > 0 && classes[i] == "":
			return null, failf("avoid leaves no character for %s", names[i])
		case minima[i] > 0:
			fill += classes[i]
		}
		sum += minima[i]
	}
	if length < max(sum, 1) || length > maxRandomString {
		return null, failf("length must be from the sum of the minima, %d, to %d", max(sum, 1), maxRandomString)
	}
	if fill == "" {
		fill = classes[0] + classes[2] + classes[3]
	}
	if fill == "" {
		return null, failf("avoid leaves no character")
	}
	return drawString(st, length, classes[:], minima[:], fill)
}

func drawString(st *state, length int, classes []string, minima []int, fill string) (val, error) {
	out := make([]byte, 0, length)
	for i, class := range classes {
		for range minima[i] {
			k, err := st.below(len(class))
			if err != nil {
				return null, err
			}
			out = append(out, class[k])
		}
	}
	for len(out) < length {
		k, err := st.below(len(fill))
		if err != nil {
			return null, err
		}
		out = append(out, fill[k])
	}
	for i := len(out) - 1; i > 0; i-- {
		k, err := st.below(i + 1)
		if err != nil {
			return null, err
		}
		out[i], out[k] = out[k], out[i]
	}
	return text(string(out)), nil
}

// below draws an even number from 0 to n-1, n at most 256: bytes that would favour some results are drawn again.
func (st *state) below(n int) (int, error) {
	const tries = 256 // a source that always fails them is broken
	for range tries {
		b, err := st.random(1)
		if err != nil {
			return 0, err
		}
		if k := int(b[0]); k < 256-256%n {
			return k % n, nil
		}
	}
	return 0, failf("the source of randomness does not yield varied bytes")
}

func without(s, avoid string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(avoid, r) {
			return -1
		}
		return r
	}, s)
}

// counterMark in a rule of SelectUniqueValue is replaced by 1, 2, … maxCounter.
const (
	counterMark = "{n}"
	maxCounter  = 100
)

// selectUnique tries the rules in order; a rule that gives nothing is passed over.
func selectUnique(st *state, rules []thunk) (val, error) {
	if st.env.Unique == nil {
		return null, failf("uniqueness cannot be checked here")
	}
	for _, rule := range rules {
		v, err := rule(st)
		if err != nil {
			return null, err
		}
		if v.empty() {
			continue
		}
		tries := 1
		if strings.Contains(v.text, counterMark) {
			tries = maxCounter
		}
		for n := range tries {
			candidate := strings.ReplaceAll(v.text, counterMark, strconv.Itoa(n+1))
			free, err := st.env.Unique(candidate)
			if err != nil {
				return null, fmt.Errorf("check whether a value is free: %w", err)
			}
			if free {
				return text(candidate), nil
			}
		}
	}
	return null, failf("every value is already taken or empty")
}
