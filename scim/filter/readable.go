package filter

import (
	"encoding/json"
	"strings"
)

// Readable is a path as people read it: emails[type eq "work"].value is emails[work], and the URN of an extension gives way
// to the name that stands behind it. What is no path comes back as it is.
func Readable(path string) string {
	if strings.HasPrefix(strings.ToLower(path), "urn:") {
		path = afterURN(path)
	}
	open := strings.IndexByte(path, '[')
	if open < 0 {
		return path
	}
	shut := strings.LastIndexByte(path, ']')
	if shut < open {
		return path
	}
	_, value, ok := strings.Cut(path[open+1:shut], " eq ")
	var text string
	if !ok || json.Unmarshal([]byte(value), &text) != nil {
		return path
	}
	return path[:open] + "[" + text + "]" + strings.TrimSuffix(path[shut+1:], ".value")
}

// afterURN is what follows the last colon of the URN; colons within a filter do not count.
func afterURN(path string) string {
	end := len(path)
	if i := strings.IndexByte(path, '['); i >= 0 {
		end = i
	}
	return path[strings.LastIndexByte(path[:end], ':')+1:]
}
