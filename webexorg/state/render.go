package state

import (
	"bytes"

	"lockstep/scim"
)

// withLicences returns the user's document with what Webex tells of licences in its own extension: licenseID, and the meeting
// sites in trainSiteNames. The lock must be held.
func (r *record) withLicences(doc []byte) []byte {
	head := []byte(`"` + scim.CiscoUserURN + `":{`)
	at := bytes.Index(doc, head) // as a name it cannot stand in a text: there its quotes would be escaped
	if at < 0 {
		return doc
	}
	at += len(head)
	ids := scim.List{}
	for _, id := range r.account.Licences {
		ids = append(ids, r.org.id+":"+id)
	}
	b := make([]byte, 0, len(doc)+80*len(ids)+64)
	b = append(b, doc[:at]...)
	if !bytes.Contains(doc, []byte(`"licenseID":`)) {
		b = append(scim.AppendValue(append(b, `"licenseID":`...), ids), ',')
	}
	if len(r.account.Sites) > 0 && !bytes.Contains(doc, []byte(`"trainSiteNames":`)) {
		sites := scim.List{}
		for _, s := range r.account.Sites {
			sites = append(sites, s.URL)
		}
		b = append(scim.AppendValue(append(b, `"trainSiteNames":`...), sites), ',')
	}
	return append(b, doc[at:]...)
}
