package ldap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep/connection"
)

// mark is what a Mark of this connector says, as JSON.
//
// How a server tells what has changed decides which of its fields count: Active Directory numbers its changes (usn, one number for
// each domain controller that was asked); OpenLDAP stamps entries with change sequence numbers (csn); any other server stamps them
// with a time of whole seconds (newest). A server that shows none of these to the account is always read whole.
type mark struct {
	Settings string           `json:"settings"` // digest of the settings that decide what is read
	ID       string           `json:"id"`       // the attribute that identifies: once it is settled it is not looked for again
	At       position         `json:"at"`       // where the server was before the pass began
	USN      map[string]int64 `json:"usn,omitempty"`
	Newest   string           `json:"newest,omitempty"` // the newest modifyTimestamp of any entry
	Stamped  bool             `json:"stamped,omitempty"`
	Count    int              `json:"count,omitempty"`
	Names    time.Time        `json:"names"`           // when all names were last read
	Where    string           `json:"where,omitempty"` // from which domain controller
	Took     time.Duration    `json:"took,omitempty"`  // how long that took
	Owed     bool             `json:"owed,omitempty"`  // something has changed since then
	Seen     bool             `json:"seen,omitempty"`  // and each time the newest change was one that was shown
	Expires  time.Time        `json:"expires"`         // when the first person is enabled or disabled by the passing of time; zero is never
}

func (m mark) encode() connection.Mark {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts, numbers and times of this century
	}
	return connection.Mark(b)
}

// decodeMark reads a mark; an unknown one is the zero mark, after which everything is read.
func decodeMark(text connection.Mark) (m mark) {
	if json.Unmarshal([]byte(text), &m) != nil {
		return mark{}
	}
	return m
}

// settingsDigest stands for all settings that decide what a pass shows.
func (s *server) settingsDigest(c class) string {
	h := sha256.New()
	fmt.Fprintf(h, "1 %q %q %q %q %q %v", s.address, c.typ, c.bases, c.filter, c.wanted, s.config.SystemObjects)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// since returns a filter for what has changed below a suffix since the mark, and whether there is one. At is where the server is now.
func (m mark) since(at position, suffix string) (filter string, ok bool) {
	switch {
	case at.Server != "":
		usn, ok := m.USN[at.Server]
		return fmt.Sprintf("(uSNChanged>=%d)", usn+1), ok && usn <= at.USN
	case m.Stamped && m.At.CSN[suffix] != "" && at.CSN[suffix] != "":
		csn := oldest(m.At.CSN[suffix])
		return "(entryCSN>=" + csn + ")", csn != ""
	case m.Newest != "" && m.At.Server == "":
		return "(modifyTimestamp>=" + m.Newest + ")", true
	}
	return "", false
}

// lateness is how much later than its stamp a change may arrive from another server that is written to. Whatever comes later still
// is found by the version of its name.
const lateness = time.Minute

// oldest returns the change sequence number from which on all changes since a contextCSN can be found. One server stamps in
// order, so its own number is exact. With several the newest counts, less what a change may be late.
func oldest(contextCSN string) string {
	list := strings.Split(contextCSN, ",")
	newest := slices.Max(list)
	if len(list) == 1 {
		return newest
	}
	stamp, _, _ := strings.Cut(newest, "#")
	at, ok := generalizedTime(stamp)
	if !ok {
		return ""
	}
	return at.Add(-lateness).Format("20060102150405.000000Z") + "#000000#000#000000"
}
