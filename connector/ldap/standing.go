package ldap

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// standing tells whether the person may sign in, as the servers keep it, and when that changes next by the passing of time; zero is
// never. An account that too many wrong passwords have locked for a while counts as enabled: the person has not left.
func standing(e *ldap.Entry, now time.Time) (enabled bool, next time.Time) {
	enabled = !blocked(e)
	ends, begins := expiries(e)
	for _, end := range ends {
		if !end.After(now) {
			enabled = false
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	if begins.After(now) {
		enabled = false
		if next.IsZero() || begins.Before(next) {
			next = begins
		}
	}
	return enabled, next
}

// blocked reports whether somebody has disabled the account.
func blocked(e *ldap.Entry) bool {
	const accountDisable = 2 // MS-ADTS §2.2.16
	if control, err := strconv.ParseInt(e.GetEqualFoldAttributeValue("userAccountControl"), 10, 64); err == nil && control&accountDisable != 0 {
		return true
	}
	for _, name := range []string{"msDS-UserAccountDisabled", "nsAccountLock", "loginDisabled", "ds-pwp-account-disabled"} {
		if strings.EqualFold(e.GetEqualFoldAttributeValue(name), "true") {
			return true
		}
	}
	return e.GetEqualFoldAttributeValue("pwdAccountLockedTime") == "000001010000Z" // locked for good
}

// expiries returns when the account ends, by each of the ways to say so, and when it begins; zero is no such time.
func expiries(e *ldap.Entry) (ends []time.Time, begins time.Time) {
	if at, ok := fileTime(e.GetEqualFoldAttributeValue("accountExpires")); ok {
		ends = append(ends, at)
	}
	for _, name := range []string{"loginExpirationTime", "pwdEndTime", "ds-pwp-account-expiration-time"} {
		if at, ok := generalizedTime(e.GetEqualFoldAttributeValue(name)); ok {
			ends = append(ends, at)
		}
	}
	// Days since 1970; the account is expired on that day already. Nothing, 0 and -1 mean never, as shadow(5) and PAM have it.
	if day, err := strconv.ParseInt(e.GetEqualFoldAttributeValue("shadowExpire"), 10, 32); err == nil && day > 0 {
		ends = append(ends, time.Unix(day*24*60*60, 0))
	}
	begins, _ = generalizedTime(e.GetEqualFoldAttributeValue("pwdStartTime"))
	return ends, begins
}

// fileTime reads a time of Active Directory: tenths of microseconds since 1601 (MS-DTYP §2.3.3). 0 and 2^63-1 mean never
// (MS-ADA1 §2.4).
func fileTime(text string) (time.Time, bool) {
	const until1970 = 11_644_473_600
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n == 1<<63-1 {
		return time.Time{}, false
	}
	return time.Unix(n/10_000_000-until1970, n%10_000_000*100), true
}

// changedAt returns when the entry was last changed, zero when it does not say.
func changedAt(e *ldap.Entry) time.Time {
	at, _ := generalizedTime(or(e.GetEqualFoldAttributeValue("modifyTimestamp"), e.GetEqualFoldAttributeValue("whenChanged")))
	return at
}

// generalizedTime reads a time (RFC 4517 §3.3.13): 20260102030405Z, with or without minutes, seconds and a fraction, in UTC or with
// a difference to it.
func generalizedTime(text string) (time.Time, bool) {
	for _, layout := range []string{"20060102150405Z", "20060102150405.999999999Z", "20060102150405-0700", "20060102150405.999999999-0700", "200601021504Z", "200601021504-0700", "2006010215Z"} {
		if t, err := time.Parse(layout, strings.ReplaceAll(text, ",", ".")); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
