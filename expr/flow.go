package expr

func same(st *state, a []thunk) (val, error) { return a[0](st) }

func defaultDomain(st *state, _ []thunk) (val, error) {
	if st.env.DefaultDomain == "" {
		return null, nil
	}
	return text(st.env.DefaultDomain), nil
}

func ignoreFlow(st *state, a []thunk) (val, error) {
	v, err := a[0](st)
	if err == nil && v.empty() {
		if p := st.env.Ignored; p != nil {
			*p = true
		}
		return null, nil
	}
	return v, err
}

func redact(st *state, a []thunk) (val, error) {
	if p := st.env.Redacted; p != nil {
		*p = true
	}
	return a[0](st)
}
