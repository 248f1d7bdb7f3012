package ldap

import (
	"slices"
	"strconv"
	"strings"
)

// position is how far a server has come, as it says itself. It is the part of a Mark that one small search brings.
type position struct {
	Server string            `json:"server,omitempty"` // the domain controller that counts, with the life of its database
	USN    int64             `json:"usn,omitempty"`    // Active Directory: its number of the last change
	CSN    map[string]string `json:"csn,omitempty"`    // OpenLDAP: contextCSN of each suffix, one value for each server that is written to
}

// position asks the server how far it has come with what is below the bases. It is empty when the server does not tell.
func (c *session) position(bases []string) (position, error) {
	if c.isAD() {
		return c.countOfChanges()
	}
	p := position{CSN: map[string]string{}}
	for _, base := range bases {
		suffix := c.suffixOf(base)
		if suffix == "" {
			return position{}, nil
		}
		if p.CSN[suffix] != "" {
			continue
		}
		entry, err := c.lookUp(suffix, "contextCSN")
		if err != nil {
			return position{}, err
		}
		if entry == nil || len(entry.GetEqualFoldAttributeValues("contextCSN")) == 0 {
			return position{}, nil
		}
		marks := slices.Clone(entry.GetEqualFoldAttributeValues("contextCSN"))
		slices.Sort(marks)
		p.CSN[suffix] = strings.Join(marks, ",")
	}
	return p, nil
}

// countOfChanges reads a domain controller's own number of changes. It means something to that controller only, and only until
// its database is restored from a copy, which gives it another invocation id.
func (c *session) countOfChanges() (position, error) {
	name := c.root.GetEqualFoldAttributeValue("dsServiceName")
	usn, err := strconv.ParseInt(c.root.GetEqualFoldAttributeValue("highestCommittedUSN"), 10, 64)
	if err != nil || name == "" {
		return position{}, nil
	}
	p := position{Server: foldDN(name), USN: usn}
	entry, err := c.lookUp(name, "invocationId")
	if err != nil {
		return position{}, err
	}
	if entry != nil {
		if raw := entry.GetEqualFoldRawAttributeValue("invocationId"); len(raw) > 0 {
			p.Server = idText("objectGUID", raw)
		}
	}
	return p, nil
}

func (p position) known() bool { return p.Server != "" || len(p.CSN) > 0 }

func (p position) equal(q position) bool {
	if len(p.CSN) != len(q.CSN) {
		return false
	}
	for suffix, csn := range p.CSN {
		if q.CSN[suffix] != csn {
			return false
		}
	}
	return p.Server == q.Server && p.USN == q.USN
}

// newest returns the newest change sequence number of any suffix. They begin with a time, so their order as text is that of time.
func (p position) newest() string {
	found := ""
	for _, csns := range p.CSN {
		found = max(found, slices.Max(strings.Split(csns, ",")))
	}
	return found
}
