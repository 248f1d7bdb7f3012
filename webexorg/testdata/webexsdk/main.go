// Command webexsdk does with a Webex organisation what the Go SDK of the Webex community can do with Webex: it lists people by
// pages, looks people up, reads who it is, waits when it is told to, and takes errors apart. It is a module of its own, as the
// SDK brings a tree of modules that Lockstep has no use for.
//
//	WEBEX_URL     such as http://127.0.0.1:8430/v1
//	WEBEX_TOKEN   of an administrator
//	WEBEX_NARROW  of one, without a scope to read people
//	WEBEX_PEOPLE  how many people there are
//	WEBEX_UUIDS   of some of them, divided by blanks
//	WEBEX_LOCKED  the id of a person for whom the organisation answers 423
//	WEBEX_WRITER  the token of an administrator who may assign licences
//	WEBEX_FULL    the id of a licence without a seat
//	WEBEX_FREE    the id of one with seats
//
// Before the first list the organisation answers 429 once.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/WebexCommunity/webex-go-sdk/v2/people"
	"github.com/WebexCommunity/webex-go-sdk/v2/webexsdk"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	client, err := newClient(os.Getenv("WEBEX_TOKEN"))
	if err != nil {
		return err
	}
	api := people.New(client, nil)
	if err := lists(api); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	me, err := api.GetMe()
	if err != nil {
		return fmt.Errorf("me: %w", err)
	}
	one, err := api.Get(me.ID)
	if err != nil || one.ID != me.ID || len(one.Emails) == 0 || one.Created.IsZero() || len(one.Roles) == 0 {
		return fmt.Errorf("get: %+v %v", one, err)
	}
	found, err := api.List(&people.ListOptions{Email: one.Emails[0]})
	if err != nil || len(found.Items) != 1 || found.Items[0].ID != me.ID {
		return fmt.Errorf("list by address: %+v %v", found, err)
	}
	// Ids that are no UUIDs the SDK encodes twice, unless they happen to be as long with padding as without.
	ids := strings.Fields(os.Getenv("WEBEX_UUIDS"))
	several, err := api.List(&people.ListOptions{IDs: ids})
	if err != nil || len(several.Items) != len(ids) {
		return fmt.Errorf("list by ids: %+v %v", several, err)
	}
	if err := refusals(api); err != nil {
		return err
	}
	if err := licences(me.ID); err != nil {
		return fmt.Errorf("licences: %w", err)
	}
	return nil
}

// assigned is the answer of PATCH /licenses/users.
type assigned struct {
	PersonID string   `json:"personId"`
	Licenses []string `json:"licenses"`
}

// licences assigns licences: what there are no seats for is missing from a partial answer, and what is unknown is refused with a number.
func licences(person string) error {
	client, err := newClient(os.Getenv("WEBEX_WRITER"))
	if err != nil {
		return err
	}
	full, free := os.Getenv("WEBEX_FULL"), os.Getenv("WEBEX_FREE")
	assign := func(ids ...string) (status int, got assigned, err error) {
		var list []map[string]string
		for _, id := range ids {
			list = append(list, map[string]string{"id": id, "operation": "add"})
		}
		res, err := client.Request("PATCH", "licenses/users", nil, map[string]any{"personId": person, "licenses": list})
		if err != nil {
			return 0, got, err
		}
		status = res.StatusCode
		return status, got, webexsdk.ParseResponse(res, &got)
	}
	status, got, err := assign(full, free)
	if err != nil || status != 206 || !slices.Contains(got.Licenses, free) || slices.Contains(got.Licenses, full) {
		return fmt.Errorf("without a seat: %d %+v %v", status, got, err)
	}
	if status, got, err = assign(free); err != nil || status != 200 || got.PersonID != person {
		return fmt.Errorf("with a seat: %d %+v %v", status, got, err)
	}
	_, _, err = assign("Y2lzY29zcGFyazovL3VzL0xJQ0VOU0Uvbm9uZQ")
	var refused *webexsdk.APIError
	if !errors.As(err, &refused) || refused.StatusCode != 400 || !told(refused) || !strings.Contains(string(refused.RawBody), `"errorCode":400000`) {
		return fmt.Errorf("refused: %#v", err)
	}
	return nil
}

func newClient(token string) (*webexsdk.Client, error) {
	return webexsdk.NewClient(token, &webexsdk.Config{
		BaseURL: os.Getenv("WEBEX_URL"), Timeout: 20 * time.Second, MaxRetries: 3, RetryBaseDelay: 10 * time.Millisecond,
	})
}

// lists pages through everybody, after a wait that the organisation asks for.
func lists(api *people.Client) error {
	want, err := strconv.Atoi(os.Getenv("WEBEX_PEOPLE"))
	if err != nil {
		return err
	}
	began := time.Now()
	first, err := api.List(&people.ListOptions{Max: 2})
	if err != nil {
		return err
	}
	if waited := time.Since(began); waited < time.Second {
		return fmt.Errorf("429 with Retry-After 1 was followed after %v", waited)
	}
	seen, pages := len(first.Items), 1
	for page := first.Page; page.HasNext; pages++ {
		if page, err = page.Next(); err != nil {
			return err
		}
		seen += len(page.Items)
	}
	if seen != want || pages != (want+1)/2 {
		return fmt.Errorf("%d people on %d pages, want %d", seen, pages, want)
	}
	return nil
}

// refusals takes errors apart: each is of the type that the SDK has for its status, with a message and a tracking id.
func refusals(api *people.Client) error {
	_, err := api.Get("nobody")
	var missing *webexsdk.NotFoundError
	if !errors.As(err, &missing) || !told(missing.APIError) {
		return fmt.Errorf("not found: %#v", err)
	}
	_, err = api.Get(os.Getenv("WEBEX_LOCKED"))
	var locked *webexsdk.LockedError
	if !errors.As(err, &locked) || !told(locked.APIError) || locked.RetryAfter != time.Second {
		return fmt.Errorf("locked: %#v", err)
	}
	stranger, err := newClient("nothing")
	if err != nil {
		return err
	}
	_, err = people.New(stranger, nil).GetMe()
	var unknown *webexsdk.AuthError
	if !errors.As(err, &unknown) || !told(unknown.APIError) {
		return fmt.Errorf("unauthorised: %#v", err)
	}
	narrow, err := newClient(os.Getenv("WEBEX_NARROW"))
	if err != nil {
		return err
	}
	_, err = people.New(narrow, nil).List(&people.ListOptions{Max: 2})
	var forbidden *webexsdk.ForbiddenError
	if !errors.As(err, &forbidden) || !told(forbidden.APIError) {
		return fmt.Errorf("forbidden: %#v", err)
	}
	_, err = api.List(&people.ListOptions{Max: 2, Email: ""})
	return err
}

// told reports whether an error says what happened and by which id it can be asked for.
func told(e *webexsdk.APIError) bool { return e.Message != "" && e.TrackingID != "" }
