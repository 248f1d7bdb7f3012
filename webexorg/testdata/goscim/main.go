// Command goscim provisions users with the SCIM client of go-github, which is not ours and knows nothing of Webex: it creates, reads,
// searches, pages and deletes, and takes refusals apart. It is a module of its own, as Lockstep has no use for
// the client.
//
// The client always speaks of organisations of GitHub; a transport puts Webex's path in the place of GitHub's. Nothing else is changed.
//
//	SCIM_URL    such as http://127.0.0.1:8430/identity/scim/ORG/v2
//	SCIM_TOKEN  of an administrator
//	SCIM_USERS  how many users there are before
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v74/github"
)

// moved sends what is meant for GitHub to the SCIM service.
type moved struct{ to *url.URL }

const organisation = "acme"

// RoundTrip implements http.RoundTripper.
func (m moved) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	_, rest, ok := strings.Cut(r.URL.Path, "/scim/v2/organizations/"+organisation)
	if !ok {
		if _, rest, ok = strings.Cut(r.URL.Path, "/scim/v2/enterprises/"+organisation); !ok {
			return nil, fmt.Errorf("the client asks for %s", r.URL)
		}
	}
	r.URL.Scheme, r.URL.Host, r.URL.Path, r.Host = m.to.Scheme, m.to.Host, m.to.Path+rest, m.to.Host
	return http.DefaultTransport.RoundTrip(r)
}

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	to, err := url.Parse(os.Getenv("SCIM_URL"))
	if err != nil {
		return err
	}
	before, err := strconv.Atoi(os.Getenv("SCIM_USERS"))
	if err != nil {
		return err
	}
	api := github.NewClient(&http.Client{Transport: moved{to}}).WithAuthToken(os.Getenv("SCIM_TOKEN")).SCIM
	ada, err := create(ctx, api)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, *github.SCIMService, string) error
	}{
		{"get", get}, {"search", search},
		{"pages", func(ctx context.Context, api *github.SCIMService, _ string) error { return pages(ctx, api, before+2) }},
		{"change", change}, {"groups", groups}, {"refusals", refusals}, {"delete", remove},
	} {
		if err := step.do(ctx, api, ada); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Println(step.name)
	}
	return nil
}

func user(name string) *github.SCIMUserAttributes {
	return &github.SCIMUserAttributes{
		UserName: name, Name: github.SCIMUserName{GivenName: "Ada", FamilyName: "Byron"}, DisplayName: github.Ptr("Ada Byron"), Active: github.Ptr(true),
		Emails: []*github.SCIMUserEmail{{Value: name, Type: github.Ptr("work"), Primary: github.Ptr(true)}}, ExternalID: github.Ptr("x-" + name),
		Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:User"},
	}
}

func create(ctx context.Context, api *github.SCIMService) (string, error) {
	if _, _, err := api.ProvisionAndInviteSCIMUser(ctx, organisation, user("ben@goscim.example")); err != nil {
		return "", err
	}
	made, res, err := api.ProvisionAndInviteSCIMUser(ctx, organisation, user("ada@goscim.example"))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusCreated || made.GetID() == "" || made.UserName != "ada@goscim.example" || made.Meta.GetCreated().IsZero() {
		return "", fmt.Errorf("%s %+v", res.Status, made)
	}
	return made.GetID(), nil
}

func get(ctx context.Context, api *github.SCIMService, id string) error {
	got, _, err := api.GetSCIMProvisioningInfoForUser(ctx, organisation, id)
	if err != nil {
		return err
	}
	want := user("ada@goscim.example")
	if got.GetID() != id || got.Name != want.Name || got.GetDisplayName() != "Ada Byron" || !got.GetActive() || got.GetExternalID() != *want.ExternalID ||
		len(got.Emails) != 1 || got.Emails[0].Value != "ada@goscim.example" || !got.Emails[0].GetPrimary() || !strings.HasSuffix(got.Meta.GetLocation(), "/Users/"+id) {
		return fmt.Errorf("%+v", got)
	}
	return nil
}

func search(ctx context.Context, api *github.SCIMService, id string) error {
	for filter, want := range map[string]int{`userName eq "ADA@goscim.example"`: 1, `userName eq "nobody@goscim.example"`: 0, `userName sw "ada@"`: 1} {
		list, _, err := api.ListSCIMProvisionedIdentities(ctx, organisation, &github.ListSCIMProvisionedIdentitiesOptions{Filter: &filter})
		if err != nil {
			return err
		}
		if list.GetTotalResults() != want || len(list.Resources) != want || want == 1 && list.Resources[0].GetID() != id {
			return fmt.Errorf("%s finds %d", filter, list.GetTotalResults())
		}
	}
	return nil
}

// pages walks through all users, two at a time.
func pages(ctx context.Context, api *github.SCIMService, want int) error {
	seen := map[string]bool{}
	for start := 1; ; {
		page, _, err := api.ListSCIMProvisionedIdentities(ctx, organisation, &github.ListSCIMProvisionedIdentitiesOptions{StartIndex: &start, Count: github.Ptr(2)})
		if err != nil {
			return err
		}
		if page.GetStartIndex() != start || page.GetItemsPerPage() != len(page.Resources) || page.GetTotalResults() != want {
			return fmt.Errorf("a page from %d on: %d of %d, total %d, wants %d", start, page.GetItemsPerPage(), len(page.Resources), page.GetTotalResults(), want)
		}
		for _, u := range page.Resources {
			seen[u.GetID()] = true
		}
		if start += len(page.Resources); start > want || len(page.Resources) == 0 {
			break
		}
	}
	if len(seen) != want {
		return fmt.Errorf("%d users on all pages, want %d", len(seen), want)
	}
	return nil
}

// change replaces a user as this client does: with everything in the address and no body. That must change nothing.
func change(ctx context.Context, api *github.SCIMService, id string) error {
	off := user("ada@goscim.example")
	off.Active = github.Ptr(false)
	_, err := api.UpdateProvisionedOrgMembership(ctx, organisation, id, off)
	if err := refused(err, http.StatusBadRequest); err != nil {
		return fmt.Errorf("no body: %w", err)
	}
	return get(ctx, api, id)
}

func groups(ctx context.Context, api *github.SCIMService, _ string) error {
	name := `displayName eq "Staff"`
	list, _, err := api.ListSCIMProvisionedGroupsForEnterprise(ctx, organisation, &github.ListSCIMProvisionedGroupsForEnterpriseOptions{Filter: &name})
	if err != nil {
		return err
	}
	if list.GetTotalResults() != 1 || len(list.Resources) != 1 || list.Resources[0].GetDisplayName() != "Staff" {
		return fmt.Errorf("%+v", list)
	}
	return nil
}

func refusals(ctx context.Context, api *github.SCIMService, _ string) error {
	_, _, err := api.ProvisionAndInviteSCIMUser(ctx, organisation, user("ada@goscim.example"))
	if err := refused(err, http.StatusConflict); err != nil {
		return fmt.Errorf("a name twice: %w", err)
	}
	_, _, err = api.ProvisionAndInviteSCIMUser(ctx, organisation, user("no address"))
	if err := refused(err, http.StatusBadRequest); err != nil {
		return fmt.Errorf("a name that is no address: %w", err)
	}
	_, _, err = api.GetSCIMProvisioningInfoForUser(ctx, organisation, "7fce0092-d52e-4f76-b727-3955bd72c939")
	if err := refused(err, http.StatusNotFound); err != nil {
		return fmt.Errorf("nobody: %w", err)
	}
	filter := `externalId eq "x"`
	_, _, err = api.ListSCIMProvisionedIdentities(ctx, organisation, &github.ListSCIMProvisionedIdentitiesOptions{Filter: &filter})
	if err := refused(err, http.StatusBadRequest); err != nil {
		return fmt.Errorf("a filter that there is not: %w", err)
	}
	return nil
}

// refused wants an error of the status.
func refused(err error, status int) error {
	e, ok := errors.AsType[*github.ErrorResponse](err)
	if !ok || e.Response.StatusCode != status {
		return fmt.Errorf("want %d, got %w", status, err)
	}
	return nil
}

func remove(ctx context.Context, api *github.SCIMService, id string) error {
	res, err := api.DeleteSCIMUserFromOrg(ctx, organisation, id)
	if err != nil || res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%v %w", res, err)
	}
	_, _, err = api.GetSCIMProvisioningInfoForUser(ctx, organisation, id)
	return refused(err, http.StatusNotFound)
}
