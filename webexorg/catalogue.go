package webexorg

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// cataloguePath is where Webex's own libraries ask which service has which address.
const cataloguePath = "/u2c/api/v1"

// catalogueHost is an address of a service. There is one of each.
type catalogueHost struct {
	Host     string `json:"host"`
	TTL      int    `json:"ttl"`
	Priority int    `json:"priority"`
	ID       string `json:"id"`
}

// catalogue tells Webex's libraries that every service that is played here has this address.
func (u *Universe) catalogue(w http.ResponseWriter, r *http.Request) {
	base := u.baseURL(r)
	at, err := url.Parse(base)
	if err != nil {
		http.Error(w, "The address of this server is none.", http.StatusInternalServerError)
		return
	}
	links := map[string]string{
		"hydra": base + "/v1", "identity": base + "/identity", "idbroker": base, "identityLookup": base + "/identity", "u2c": base + cataloguePath,
	}
	var hosts []catalogueHost
	for name := range links {
		hosts = append(hosts, catalogueHost{Host: at.Hostname(), TTL: -1, Priority: 1, ID: "urn:TEAM:us-east-2_a:" + strings.ToLower(name)})
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_ = json.NewEncoder(w).Encode(struct { // the client is gone: nobody to tell
		Links  map[string]string          `json:"serviceLinks"`
		Hosts  map[string][]catalogueHost `json:"hostCatalog"`
		Format string                     `json:"format"`
	}{links, map[string][]catalogueHost{at.Hostname(): hosts}, "hostmap"})
}
