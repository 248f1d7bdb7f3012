package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"lockstep/webexorg"
)

// universe is a webexorg, in this process or in another, seen through its control surface.
type universe struct{ *webexorg.Remote }

// universeAt is the universe at an address such as http://127.0.0.1:8430.
func universeAt(address, token string) *universe {
	return &universe{&webexorg.Remote{Address: address, Token: token, HTTP: &http.Client{}}}
}

// org is an organisation with a token that may write.
type org struct {
	*universe
	id     string
	bearer string
}

// add adds an organisation.
func (u *universe) add(ctx context.Context, c webexorg.OrgConfig) (*org, error) {
	var made webexorg.OrgConfig
	if err := u.Do(ctx, http.MethodPost, "/orgs", c, &made); err != nil {
		return nil, err
	}
	var issued struct {
		Token string `json:"token"`
	}
	err := u.Do(ctx, http.MethodPost, "/orgs/"+made.ID+"/tokens", struct{}{}, &issued)
	return &org{universe: u, id: made.ID, bearer: issued.Token}, err
}

// drop removes the organisation.
func (o *org) drop(ctx context.Context) error {
	return o.Do(ctx, http.MethodDelete, "/orgs/"+o.id, nil, nil)
}

// misbehave sets the knobs.
func (o *org) misbehave(ctx context.Context, k webexorg.Knobs) error {
	return o.Do(ctx, http.MethodPatch, "/orgs/"+o.id+"/knobs", k, nil)
}

// scim is the address of the organisation's SCIM service.
func (o *org) scim() string { return o.Address + "/identity/scim/" + o.id + "/v2" }

// traffic is how many requests an organisation answered.
type traffic struct {
	all       int
	throttled int // with 429
	routes    []webexorg.Count
}

// counts returns the requests since resetCounts.
func (u *universe) counts(ctx context.Context) (traffic, error) {
	var out struct {
		Requests []webexorg.Count `json:"requests"`
	}
	err := u.Do(ctx, http.MethodGet, "/stats", nil, &out)
	t := traffic{routes: out.Requests}
	for _, c := range out.Requests {
		t.all += int(c.Requests)
		if c.Status == http.StatusTooManyRequests {
			t.throttled += int(c.Requests)
		}
	}
	return t, err
}

func (u *universe) resetCounts(ctx context.Context) error {
	return u.Do(ctx, http.MethodDelete, "/stats", nil, nil)
}

// commits returns the writes after the one numbered since, waiting a while when there is none, and the number of the last.
func (u *universe) commits(ctx context.Context, since int64, wait time.Duration) ([]webexorg.Commit, int64, error) {
	var out struct {
		Last    int64             `json:"last"`
		Commits []webexorg.Commit `json:"commits"`
	}
	q := url.Values{"since": {fmt.Sprint(since)}, "wait": {wait.String()}}
	err := u.Do(ctx, http.MethodGet, "/commits?"+q.Encode(), nil, &out)
	return out.Commits, out.Last, err
}

// holdings is what an organisation has, by id.
type holdings struct {
	accounts map[string]*account
	groups   map[string]string   // names
	members  map[string][]string // by group
}

// read returns what the organisation has.
func (o *org) read(ctx context.Context) (*holdings, error) {
	res, err := o.Send(ctx, http.MethodGet, "/orgs/"+o.id+"/dump", nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return readDump(res.Body)
}

// readDump reads webexorg's dump of one organisation.
func readDump(r io.Reader) (*holdings, error) {
	h := &holdings{accounts: map[string]*account{}, groups: map[string]string{}, members: map[string][]string{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	for lines.Scan() {
		var line struct {
			Kind, ID, Group, Member string
			Resource                json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("read the organisation's dump: %w", err)
		}
		switch line.Kind {
		case "user":
			a := &account{}
			if err := json.Unmarshal(line.Resource, a); err != nil {
				return nil, fmt.Errorf("read account %s: %w", line.ID, err)
			}
			h.accounts[line.ID] = a
		case "group":
			var g struct {
				DisplayName string `json:"displayName"`
			}
			if err := json.Unmarshal(line.Resource, &g); err != nil {
				return nil, fmt.Errorf("read group %s: %w", line.ID, err)
			}
			h.groups[line.ID] = g.DisplayName
		case "member":
			h.members[line.Group] = append(h.members[line.Group], line.Member)
		}
	}
	return h, lines.Err()
}
