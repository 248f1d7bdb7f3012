package expr

import (
	"math"
	"strconv"
	"strings"
)

// val is a Value inside the evaluation: a single text costs no allocation.
type val struct {
	text string
	list []string // two or more values, else nil
	set  bool     // false is null
}

var null = val{}

func text(s string) val { return val{text: s, set: true} }

func boolean(b bool) val {
	if b {
		return text("True")
	}
	return text("False")
}

func integer(n int64) val { return text(strconv.FormatInt(n, 10)) }

// values makes a val of a list, which it keeps.
func values(list []string) val {
	switch len(list) {
	case 0:
		return null
	case 1:
		return text(list[0])
	}
	return val{text: list[0], list: list, set: true}
}

// value makes a Value that the caller may change.
func (v val) value() Value {
	switch {
	case v.list != nil:
		return append(Value(nil), v.list...)
	case v.set:
		return Value{v.text}
	}
	return nil
}

func (v val) count() int {
	switch {
	case v.list != nil:
		return len(v.list)
	case v.set:
		return 1
	}
	return 0
}

// at returns the value at i, from 0.
func (v val) at(i int) string {
	if v.list != nil {
		return v.list[i]
	}
	return v.text
}

// empty reports null, "" and lists of nothing but "".
func (v val) empty() bool {
	for _, s := range v.list {
		if s != "" {
			return false
		}
	}
	return v.text == ""
}

// perElement is what one element of a list counts for, beside its bytes.
const perElement = 16

// size is what v counts for in the limits.
func (v val) size() int {
	if v.list == nil {
		return len(v.text)
	}
	n := perElement * len(v.list)
	for _, s := range v.list {
		n += len(s)
	}
	return n
}

// truth is the value as a condition: True and every number but zero.
func (v val) truth() bool {
	if v.text == "True" {
		return true
	}
	f, ok := numeric(v.text)
	return ok && f != 0
}

// numeric reads decimal text. What strconv takes beyond that (Inf, 0x1, 1_000) is no number here.
func numeric(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return 0, false
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && c != '.' && (i > 0 || c != '-' && c != '+') {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// whole reads an integer, decimal, with or without a fraction of zeros ("3.0").
func whole(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	f, ok := numeric(s)
	if !ok || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return 0, false
	}
	return int64(f), true
}
