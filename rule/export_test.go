package rule

// ParseEntra is what is read of a schema, before it is fitted to a job.
func ParseEntra(data []byte) (Rules, []error) {
	in := parseEntra(data)
	return in.rules, in.problems
}
