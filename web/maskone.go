package web

import (
	"cmp"
	"net/url"
)

// Said is one exchange with a peer that is to be shown to people.
type Said struct {
	URL      *url.URL
	Request  []byte // body; nil is none
	Response []byte
	Type     string          // media type of the answer; "" is JSON
	Secrets  map[string]bool // further names of fields whose values are secret, in lower case
	Limit    int             // bytes of a body that are shown; 0 is 16 KiB
}

// Masked returns address and bodies without what looks like a secret. A body that cannot be searched for secrets is replaced by a few
// words that say so. When the request had a secret, the detail of an error that answers it is masked, too.
func (s Said) Masked() (address, request, response string) {
	m := masker{names: s.Secrets}
	address = string(m.appendURL([]byte(origin(s.URL)), s.URL))
	request = m.shown(s.Request, "", s.Limit)
	m.details = m.found
	return address, request, m.shown(s.Response, s.Type, s.Limit)
}

func (m *masker) shown(body []byte, media string, limit int) string {
	c := capture{limit: cmp.Or(limit, 16<<10)}
	c.add(body)
	text, why := c.masked(m, media)
	if why != "" {
		return "(" + why + ")"
	}
	return string(text)
}
