package api

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/words"
)

func (s *Server) accountRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/jobs/{job}/accounts", "list-accounts", "List whom an application was seen to have, and why an account is nobody's", s.listAccounts)
	route(s, a, http.MethodPost, "/jobs/{job}/accounts/read", "read-accounts", "Read the application once more, from its beginning, and list whom it has", s.readAccounts)
}

// Account is an object of an application, as it was last seen.
type Account struct {
	ID        string       `json:"id"`
	Name      string       `json:"name,omitempty"`
	UserName  string       `json:"user_name,omitempty"`
	Addresses []string     `json:"addresses,omitempty"`
	Active    bool         `json:"active"`
	Unlisted  bool         `json:"unlisted,omitempty" doc:"The last read did not list it, and that is not enough to call it gone."`
	Owner     *End         `json:"owner,omitempty" doc:"To whom it is linked; absent for an account that is nobody's."`
	Why       string       `json:"why,omitempty" enum:"unknown,outside,deleted,other,several,failing,not_yet,unlooked" doc:"Why it is nobody's."`
	Says      string       `json:"says,omitempty" doc:"The same in a sentence."`
	Like      []LikePerson `json:"like,omitempty" doc:"People of the directory who have its user name, an address of it or its external id."`
}

// LikePerson is somebody whose account it might be.
type LikePerson struct {
	ID       lockstep.UserID `json:"id"`
	Name     string          `json:"name"`
	UserName string          `json:"user_name"`
	Deleted  bool            `json:"deleted,omitempty"`
	Account  string          `json:"account,omitempty" doc:"Id of the account that they have."`
}

// AccountList is a page of an application's accounts, and how they were seen.
type AccountList struct {
	Says    string            `json:"says" doc:"What is known, in words."`
	Read    *time.Time        `json:"read,omitempty" doc:"When the last complete read of the application had ended."`
	Partial bool              `json:"partial,omitempty" doc:"It could not read everything: there may be more."`
	Reading bool              `json:"reading,omitempty" doc:"Another read is under way, or asked for."`
	Trouble string            `json:"trouble,omitempty" doc:"Why that does not come."`
	Total   int               `json:"total" doc:"Accounts that are known to be there."`
	Unowned int               `json:"unowned" doc:"Those that nobody has."`
	Shared  []operate.Sharing `json:"shared,omitempty" doc:"Other apps that lead to the same place: their accounts are nobody's here."`
	Items   []Account         `json:"items"`
	Next    string            `json:"next,omitempty" doc:"Give it as after for the next page."`
}

// AccountFilter selects accounts.
type AccountFilter struct {
	Unowned bool   `query:"unowned" doc:"Only those that nobody has."`
	Search  string `query:"search" maxLength:"320" doc:"A part of a value by which accounts are matched, or a whole id."`
	After   string `query:"after" maxLength:"20" doc:"The next of the page before."`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (f AccountFilter) query() operate.AccountQuery {
	return operate.AccountQuery{Text: f.Search, Unowned: f.Unowned, After: f.After, Limit: f.Limit}
}

// AccountOf is the account as the API shows it.
func AccountOf(a operate.Account) Account {
	v := Account{ID: a.ID, Name: a.Name, UserName: a.UserName, Addresses: a.Addresses, Active: a.Enabled, Unlisted: a.Unlisted, Why: string(a.Why), Says: a.Says()}
	if a.Owner.ID != "" {
		v.Owner = &End{Type: connection.UserType, ID: a.Owner.ID, Name: a.Owner.Name}
	}
	for _, p := range a.Like {
		v.Like = append(v.Like, LikePerson{ID: lockstep.UserID(p.ID), Name: p.Name, UserName: p.UserName, Deleted: p.Deleted, Account: p.Link.Target})
	}
	return v
}

func (s *Server) listAccounts(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	AccountFilter
},
) (AccountList, error) {
	all, err := s.Operator.Accounts(ctx, p, in.Job, in.query())
	v := AccountList{
		Says: all.Says(), Read: instant(all.Read), Partial: all.Partial, Reading: all.Reading, Total: all.Total, Unowned: all.Unowned, Shared: all.Shared,
		Items: mapped(all.Accounts, "", AccountOf).Items, Next: all.Next,
	}
	if all.Trouble != nil {
		v.Trouble = lockstep.Said(all.Trouble)
	}
	return v, err
}

func (s *Server) readAccounts(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	AccountFilter
	Wait int `query:"wait" minimum:"1" maximum:"600" default:"120" doc:"Seconds to wait for the end of the read."`
},
) (AccountList, error) {
	if _, err := s.Operator.ReadAccounts(ctx, p, in.Job, time.Duration(in.Wait)*time.Second); err != nil {
		return AccountList{}, err
	}
	return s.listAccounts(ctx, p, &struct {
		JobPath
		AccountFilter
	}{in.JobPath, in.AccountFilter})
}

// Accounts lists a page of whom an application has.
func (c *Client) Accounts(ctx context.Context, job string, f AccountFilter) (AccountList, error) {
	return call[AccountList](ctx, c, http.MethodGet, at("jobs", job, "accounts"), f.values(), nil)
}

// ReadAccounts has the application read once more, and lists the first page of whom it has then.
func (c *Client) ReadAccounts(ctx context.Context, job string, f AccountFilter) (AccountList, error) {
	q := f.values()
	q.Set("wait", "600")
	return call[AccountList](ctx, c, http.MethodPost, at("jobs", job, "accounts", "read"), q, nil)
}

func (f AccountFilter) values() url.Values {
	v := url.Values{}
	add(v, "search", f.Search)
	add(v, "after", f.After)
	if f.Unowned {
		v.Set("unowned", "true")
	}
	if f.Limit > 0 {
		v.Set("limit", strconv.Itoa(f.Limit))
	}
	return v
}

// AccountCSV writes accounts as a table for spreadsheets.
type AccountCSV struct{ out *csv.Writer }

// NewAccountCSV begins a table with its head.
func NewAccountCSV(w io.Writer) (*AccountCSV, error) {
	t := &AccountCSV{csv.NewWriter(w)}
	return t, t.write("id", "user_name", "name", "addresses", "active", "person", "person_id", "why", "says", "like", "like_id")
}

// Add writes an account.
func (t *AccountCSV) Add(a Account) error {
	active, owner := "no", End{}
	if a.Active {
		active = "yes"
	}
	if a.Owner != nil {
		owner = *a.Owner
	}
	var names, ids []string
	for _, p := range a.Like {
		names, ids = append(names, p.UserName), append(ids, string(p.ID))
	}
	return t.write(a.ID, a.UserName, a.Name, strings.Join(a.Addresses, "; "), active, owner.Name, owner.ID, a.Why, a.Says, strings.Join(names, "; "), strings.Join(ids, "; "))
}

// Close writes what is left.
func (t *AccountCSV) Close() error {
	t.out.Flush()
	return t.out.Error()
}

func (t *AccountCSV) write(cells ...string) error {
	for i := range cells {
		cells[i] = words.Cell(words.Clean(cells[i]))
	}
	return t.out.Write(cells)
}
