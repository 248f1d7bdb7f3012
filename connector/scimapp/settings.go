package scimapp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection/oauth"
)

// ParseConfig reads a connection's settings: url; what of Profile an administrator may have to say: nesting, hard_delete, put,
// etags, remove_list, overwrite_hidden, insecure (true or false), page_size, max_page, max_objects, max_members, find_batch (numbers), listing_delay, timeout (durations); and unique,
// whose names the application keeps unique: users (the default), all or none. Those about access tokens are package oauth's. A setting that is empty has its default.
func ParseConfig(settings map[string]string) (Config, error) {
	var c Config
	p := &c.Profile
	switches := map[string]*bool{
		"nesting": &p.Nesting, "hard_delete": &p.HardDelete, "put": &p.Put, "etags": &p.ETags, "remove_list": &p.RemoveList,
		"overwrite_hidden": &p.Overwrite, "insecure": &c.Insecure,
	}
	numbers := map[string]*int{"page_size": &p.PageSize, "max_members": &p.MaxMembers, "find_batch": &p.FindBatch, "max_page": &p.MaxPage, "max_objects": &p.MaxObjects}
	for name, value := range settings {
		value = strings.TrimSpace(value)
		ok := true
		switch {
		case name == "url":
			c.BaseURL = value
		case slices.Contains(oauth.Settings, name): // read as a whole, below
		case value == "":
		case switches[name] != nil:
			v, err := strconv.ParseBool(value)
			*switches[name], ok = v, err == nil
		case numbers[name] != nil:
			v, err := strconv.Atoi(value)
			*numbers[name], ok = v, err == nil && v > 0 && (name != "max_page" || v <= maxMaxPage)
		case name == "timeout":
			c.Timeout, ok = ParseTimeout(value)
		case name == "listing_delay":
			v, err := time.ParseDuration(value)
			p.Lag, ok = v, err == nil && v > 0
		case name == "unique":
			p.Unique, ok = uniqueNames(value)
		default:
			return c, invalid("a SCIM application has no setting %q", name)
		}
		if !ok && name == "timeout" {
			return c, invalid("the setting timeout is from 5s to 10m, such as 45s; it cannot be %q", value)
		}
		if !ok {
			return c, invalid("the setting %s cannot be %q", name, value)
		}
	}
	tokens, err := oauth.Parse(settings)
	if err == nil && tokens.Grant == oauth.Refresh {
		err = invalid("the setting auth is token, client_credentials or authorization_code")
	}
	return c, err
}

// The bounds of how long an answer is waited for.
const (
	shortestTimeout = 5 * time.Second
	longestTimeout  = 10 * time.Minute
)

// ParseTimeout reads how long an answer is waited for: a duration such as 45s or 2m, or seconds, from 5 s to 10 min.
func ParseTimeout(value string) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	d, err := time.ParseDuration(value)
	if n, plain := strconv.Atoi(value); plain == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	return d, err == nil && d >= shortestTimeout && d <= longestTimeout
}

// uniqueNames reads the setting unique.
func uniqueNames(value string) (map[string][]string, bool) {
	switch value {
	case "none":
		return map[string][]string{}, true
	case "users":
		return map[string][]string{userType: {"userName"}}, true
	case "all":
		return map[string][]string{userType: {"userName"}, groupType: {"displayName"}}, true
	}
	return nil, false
}

func invalid(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf(format, args...)}
}
