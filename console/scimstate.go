package console

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep/operate"
	"lockstep/token"
	"lockstep/words"
)

// clientState is how a SCIM client stands, by what it has asked.
type clientState struct {
	state
	Title  string
	Detail string // what was answered
	Mend   string // what to do about it
	Calls  []clientCall
	Waits  bool // for the first request
}

// clientCall is a request of a client, as it is shown.
type clientCall struct {
	Word    string
	At      time.Time
	Request string
	Status  words.Outcome
	Agent   string
}

func callOf(word string, c operate.SCIMCall) clientCall {
	return clientCall{Word: word, At: c.At, Request: strings.TrimSpace(c.Method + " " + c.Path), Status: statusOutcome(c.Status), Agent: c.Agent}
}

// stateOfClient says how a client stands. of is in the words of its product.
func stateOfClient(e operate.TokenEntry, all operate.SCIMCalls, of product, now time.Time) clientState {
	c := all.Clients[e.ID]
	v := clientState{}
	if !c.First.At.IsZero() {
		v.Calls = append(v.Calls, callOf("First", c.First))
	}
	if c.Last.At.After(c.First.At) {
		v.Calls = append(v.Calls, callOf("Last", c.Last))
	}
	stranger := strangerTo(e, all.Stranger, c)
	switch {
	case !e.Expires.IsZero() && !now.Before(e.Expires):
		v.state, v.Title, v.Mend = state{"Expired", "alert", bad}, "Its token has expired", expiredMend(e)
		if c.Refused.At.After(e.Expires) {
			v.Calls = append(v.Calls, callOf("Refused", c.Refused))
		}
	case c.Refused.At.After(c.Last.At) && wrong(c.Refused):
		v.state, v.Title = state{"Refused", "alert", bad}, "Its last request was refused"
		v.Detail, v.Mend = c.Refused.Detail, mendOf(e, all, c.Refused)
		v.Calls = append(v.Calls, callOf("Refused", c.Refused))
	case stranger != nil:
		v.state, v.Title = state{"Not let in", "alert", warn}, strangerTitle(*stranger)
		v.Detail, v.Mend, v.Waits = stranger.Detail, strangerMend(e, *stranger), c.First.At.IsZero()
		v.Calls = append(v.Calls, callOf("Not let in", stranger.SCIMCall))
	case !c.First.At.IsZero():
		v.state, v.Title = state{"Working", "check", good}, "Its first request has come"
	case !e.LastUsed.IsZero():
		v.state, v.Title = state{"Working", "check", good}, "It has called"
		v.Calls = append(v.Calls, clientCall{Word: "Last", At: e.LastUsed})
	default:
		v.state, v.Title, v.Waits = state{"Waiting", "circle", calm}, "Waiting for its first request", true
		v.Detail = "Do the steps, and press " + of.Test + ". This page turns green by itself."
		if of.ID == token.ProductOther || of.ID == "" {
			v.Detail = "Do the steps, and have it search for anybody. This page turns green by itself."
		}
	}
	return v
}

// strangerTo is the last request that showed nothing that opens the tenant, if it may have been the client's: it has the client's token with
// another secret, or it came while the client has not been let in yet.
func strangerTo(e operate.TokenEntry, s *operate.Stranger, c operate.ClientCalls) *operate.Stranger {
	switch {
	case s == nil || s.At.Before(e.Created) || s.At.Before(c.Last.At) || s.At.Before(c.Refused.At):
		return nil
	case s.Token == e.ID, s.Token == "" && c.Last.At.IsZero() && e.LastUsed.IsZero():
		return s
	}
	return nil
}

// wrong reports whether a request that was refused is a trouble: to ask for somebody who is not there is none.
func wrong(c operate.SCIMCall) bool {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(c.Path, "/"), "/")
	return c.Status != 404 || rest == "" || !slices.Contains([]string{"Users", "Groups"}, kind)
}

func expiredMend(e operate.TokenEntry) string {
	if !e.OAuth.Zero() {
		return "Add the client anew, with a later end. What it shows can stay."
	}
	return "Rotate it, and give the client the new secret."
}

// mendOf is what to do about a request that was refused.
func mendOf(e operate.TokenEntry, all operate.SCIMCalls, c operate.SCIMCall) string {
	switch c.Status {
	case 400:
		return mendOfType(e, c)
	case 401:
		return mendOfEnded(e, c.Type)
	case 403:
		if !e.Scopes.Allow("scim:write") {
			return "The client may only read. Add one that may write, or have this one stop at reading."
		}
		return "What it asks is forbidden to every client: see the request below for what it sent."
	case 404:
		return "The address in the client is not whole, or has something behind it. Copy it again, exactly as it stands here: what the client adds is /Users and /Groups."
	case 409:
		return "Somebody, or a group, of that name is here already, perhaps from another source. Have the client match by userName, or groups by displayName, before it creates."
	case 413:
		return "The request is too large. Have the client send less at once."
	case 429:
		return "It sends more than " + limitText(e, all.Rate) + ". Most clients wait and go on by themselves; for one that gives up, raise the limit under Settings, or the server's (--scim-rate)."
	case 503:
		return "What the token is checked with cannot be had at the moment: see the server's log. The client may try again."
	}
	if c.Status >= 500 {
		return "That is a failure of the server: see its log, and the request under Requests. The client may try again."
	}
	return "See the request under Requests for what it sent, and what it was answered."
}

// mendOfType is what to do about a 400, by its scimType (RFC 7644 §3.12).
func mendOfType(e operate.TokenEntry, c operate.SCIMCall) string {
	switch c.Type {
	case "invalidFilter":
		return "The client's filter cannot be read. Have it match by one attribute, such as userName eq \"ada@example.com\"."
	case "invalidPath", "noTarget":
		return "A mapping of the client names an attribute that is not here. Take it out there, or add a schema of your own."
	case "invalidValue":
		if !e.Profile.Tolerates() && strings.ContainsAny(c.Path, "/") && (strings.Contains(c.Detail, "member") || strings.Contains(c.Detail, "manager")) {
			return "It names somebody who is not here. Have the client send people before the groups and the managers that name them, or give it the profile okta, which leaves such members out."
		}
		return "A value does not fit its attribute: mend the client's mapping, or the value at its source."
	case "mutability":
		return "The client writes what cannot be written. Take that attribute out of its mappings."
	case "uniqueness":
		return "The value belongs to somebody else already. Have the client match by it before it creates."
	case "tooMany":
		return "Have the client ask for less at once, with a filter or smaller pages."
	case "invalidSyntax":
		return "The body is no SCIM: see the request under Requests for what it sent. Is the client set to SCIM 2.0?"
	}
	if e.Profile.Refuses() {
		return "The profile " + string(e.Profile) + " refuses what others are forgiven. Take another one under Settings, or mend what the client sends."
	}
	return "See the request under Requests for what it sent, and what it was answered."
}

// mendOfEnded is what to do about a 401 of a client that is known.
func mendOfEnded(e operate.TokenEntry, why string) string {
	switch why {
	case "former":
		return "It shows the secret of before the last rotation, whose time is over. Give the client the new one; if it is lost, rotate again."
	case "maker":
		return "The token, or the administrator, with which this client was made is no more. Add the client anew."
	case "expired":
		return "It was expired when the client called. It stands again: have the client call once more."
	}
	return expiredMend(e)
}

func limitText(e operate.TokenEntry, server float64) string {
	limit := e.Rate
	if limit == 0 || server > 0 && server < limit {
		limit = server
	}
	if limit == 0 {
		return "it may"
	}
	return strconv.FormatFloat(limit, 'f', -1, 64) + " requests a second"
}

func strangerTitle(s operate.Stranger) string {
	if s.Token != "" {
		return "It called, and was not let in"
	}
	return "Somebody called, and was not let in"
}

// strangerMend says what a request lacked that showed nothing that opens the tenant, and what to do about it.
func strangerMend(e operate.TokenEntry, s operate.Stranger) string {
	if !e.OAuth.Zero() {
		switch s.Why {
		case operate.StrangerNothing:
			return "The request showed no access token. Has the client been told to get one?"
		case operate.StrangerSecret, operate.StrangerBroken, operate.StrangerKind:
			return "It showed a fixed token. This client shows access tokens: have it get them."
		case operate.StrangerAccess, operate.StrangerScheme, operate.StrangerText, operate.StrangerTenant:
		}
	}
	switch s.Why {
	case operate.StrangerNothing:
		return "The request showed no token. If it was the client, its field for the token is empty, or the client was set to another way of signing in."
	case operate.StrangerScheme:
		return "It signed in with a name and a password. Set the client to a bearer token."
	case operate.StrangerBroken:
		return "It showed a token of which a part is missing. Copy the whole text, without a blank or a line break; if it is lost, rotate for a new one."
	case operate.StrangerKind:
		return "It showed a token of the management API. That opens no SCIM endpoint: give it the token of this client."
	case operate.StrangerSecret:
		return "It showed an older secret of this client. Give it the one that was shown last; if it is lost, rotate for a new one."
	case operate.StrangerTenant:
		return "It showed this client's token at the address of another tenant. Copy the address again."
	case operate.StrangerAccess:
		return "It showed an access token that opens nothing here. Compare issuer, audience and subject with what this client was set up with."
	case operate.StrangerText:
	}
	return "It showed a text that is none of our tokens. Copy the token of this client again, without the word Bearer before it."
}
