package expr

import "strconv"

func bitAnd(st *state, a []val) (val, error) {
	if !a[0].set || !a[1].set {
		return null, nil
	}
	x, err := bits(st, a[0])
	if err != nil {
		return null, err
	}
	y, err := bits(st, a[1])
	if err != nil {
		return null, err
	}
	return integer(x & y), nil
}

// bits reads a number of BitAnd; an attribute may hold it as &H… as well.
func bits(st *state, v val) (int64, error) {
	if len(v.text) > 2 && v.text[:2] == "&H" {
		if u, err := strconv.ParseUint(v.text[2:], 16, 64); err == nil {
			return int64(u), nil
		}
	}
	n, ok := whole(v.text)
	if !ok {
		return 0, failf("%s is not a whole number", st.quote(v.text))
	}
	return n, nil
}
