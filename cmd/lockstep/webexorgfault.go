package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"lockstep"
	"lockstep/webexorg"
)

// webexorgAt says which running organisation is meant.
type webexorgAt struct {
	At      string `default:"http://127.0.0.1:8430" help:"Address of the running organisation."`
	Control string `env:"LOCKSTEP_WEBEXORG_CONTROL" required:"" placeholder:"TOKEN" help:"Token of its control surface, as serve prints it."`
	Org     string `placeholder:"ID" help:"Organisation; needed when there are several."`
}

type webexorgFaultCmd struct {
	Add   webexorgFaultAddCmd   `cmd:"" help:"Make some calls fail."`
	Set   webexorgFaultSetCmd   `cmd:"" help:"Turn a knob: latency=20ms jitter=5ms page_latency=1s rate=10 late_listing=9s late_deletion=9s late_members=25s count_lag=15s present=1000 duplicates=true."`
	List  webexorgFaultListCmd  `cmd:"" help:"Show what goes wrong."`
	Clear webexorgFaultClearCmd `cmd:"" help:"Behave well again."`
}

type webexorgFaultAddCmd struct {
	webexorgAt
	Kind   string `arg:"" help:"423, 429, 500, 502, 503, 504, reset, hang, html, truncate, malformed, expire or partial."`
	Every  int    `placeholder:"N" help:"Every n-th call only."`
	Times  int    `placeholder:"N" help:"At most so often."`
	After  bool   `help:"The call takes effect first; only its answer is lost."`
	Method string `placeholder:"METHOD" help:"Calls with this method only."`
	Path   string `placeholder:"TEXT" help:"Calls whose path has this part only, such as /Users."`
	Wait   int    `placeholder:"SECONDS" help:"Retry-After of the answer."`
}

type webexorgFaultSetCmd struct {
	webexorgAt
	Knobs []string `arg:"" name:"knob=value" help:"Knobs and what they are to be."`
}

type webexorgFaultListCmd struct{ webexorgAt }

type webexorgFaultClearCmd struct{ webexorgAt }

type webexorgExportCmd struct{ webexorgAt }

// Run adds a fault.
func (f *webexorgFaultAddCmd) Run(c *cli) error {
	fault := webexorg.Fault{
		Kind: webexorg.FaultKind(f.Kind), Every: f.Every, Times: f.Times, After: f.After, Method: f.Method, Path: f.Path, Wait: f.Wait,
	}
	return f.knobs(c, http.MethodPost, "/faults", fault)
}

// Run turns knobs.
func (f *webexorgFaultSetCmd) Run(c *cli) error {
	change := map[string]json.RawMessage{}
	for _, pair := range f.Knobs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return usage("%s is none of knob=value.", pair)
		}
		text := json.RawMessage(value)
		switch name {
		case "rate", "present", "duplicates":
		default:
			quoted, err := json.Marshal(value)
			if err != nil {
				return err
			}
			text = quoted
		}
		if !json.Valid(text) {
			return usage("%s cannot be %s.", name, value)
		}
		change[name] = text
	}
	return f.knobs(c, http.MethodPatch, "/knobs", change)
}

// Run shows the knobs.
func (f *webexorgFaultListCmd) Run(c *cli) error { return f.knobs(c, http.MethodGet, "/knobs", nil) }

// Run takes all faults away and turns every knob back. Accounts that were made by present are removed.
func (f *webexorgFaultClearCmd) Run(c *cli) error {
	org, err := f.organisation(c.ctx)
	if err != nil {
		return err
	}
	if _, err := f.send(c.ctx, http.MethodDelete, "/orgs/"+org+"/faults", nil); err != nil {
		return err
	}
	return f.knobs(c, http.MethodPatch, "/knobs", webexorg.Knobs{Faults: []webexorg.Fault{}})
}

// Run writes the seed.
func (f *webexorgExportCmd) Run(c *cli) error {
	text, err := f.send(c.ctx, http.MethodGet, "/export", nil)
	if err != nil {
		return err
	}
	_, err = c.stdout.Write(text)
	return err
}

// knobs sends a change to the organisation and shows how it misbehaves from now on.
func (w *webexorgAt) knobs(c *cli, method, path string, body any) error {
	org, err := w.organisation(c.ctx)
	if err != nil {
		return err
	}
	text, err := w.send(c.ctx, method, "/orgs/"+org+path, body)
	if err != nil {
		return err
	}
	var k webexorg.Knobs
	if err := json.Unmarshal(text, &k); err != nil {
		return fmt.Errorf("read what the organisation answers: %w", err)
	}
	plain := k
	if plain.Faults = nil; len(k.Faults) == 0 && reflect.DeepEqual(plain, webexorg.Knobs{}) {
		c.say("The organisation behaves well.")
	}
	return c.show(k, func(out io.Writer) { writeKnobs(out, k) })
}

func writeKnobs(out io.Writer, k webexorg.Knobs) {
	row := func(name string, on bool, value any) {
		if on {
			fmt.Fprintf(out, "%s\t%v\n", name, value)
		}
	}
	row("latency", k.Latency > 0, k.Latency)
	row("jitter", k.Jitter > 0, k.Jitter)
	row("page_latency", k.PageLatency > 0, k.PageLatency)
	row("rate", k.Rate > 0, k.Rate)
	row("late_listing", k.LateListing > 0, k.LateListing)
	row("late_deletion", k.LateDeletion > 0, k.LateDeletion)
	row("late_members", k.LateMembers > 0, k.LateMembers)
	row("count_lag", k.CountLag > 0, k.CountLag)
	row("present", k.Present > 0, k.Present)
	row("duplicates", k.Duplicates, k.Duplicates)
	for _, f := range k.Faults {
		text := strings.TrimSpace(f.Method + " " + f.Path)
		if f.Every > 1 {
			text += fmt.Sprintf(" every %d", f.Every)
		}
		if f.Times > 0 {
			text += fmt.Sprintf(" at most %d times", f.Times)
		}
		if f.After {
			text += " after the deed"
		}
		fmt.Fprintf(out, "fault %s\t%s\n", f.Kind, strings.TrimSpace(text))
	}
}

// organisation returns the id of the organisation that is meant.
func (w *webexorgAt) organisation(ctx context.Context) (string, error) {
	if w.Org != "" {
		return w.Org, nil
	}
	text, err := w.send(ctx, http.MethodGet, "/orgs", nil)
	if err != nil {
		return "", err
	}
	var list struct {
		Orgs []webexorg.OrgConfig `json:"orgs"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return "", fmt.Errorf("read what the organisation answers: %w", err)
	}
	if len(list.Orgs) != 1 {
		return "", usage("There are %d organisations: name one with --org.", len(list.Orgs))
	}
	return list.Orgs[0].ID, nil
}

// send asks the control surface.
func (w *webexorgAt) send(ctx context.Context, method, path string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(w.At, "/")+"/control"+path, sent)
	if err != nil {
		return nil, usage("--at is an address such as http://127.0.0.1:8430.")
	}
	req.Header.Set("Authorization", "Bearer "+w.Control)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the Webex organisation: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read what the organisation answers: %w", err)
	}
	if res.StatusCode < 300 {
		return text, nil
	}
	var refused struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(text, &refused) // what is no JSON says nothing
	code := lockstep.CodeUsage
	if res.StatusCode == http.StatusUnauthorized {
		code = lockstep.CodeUnauthorized
	}
	return nil, &lockstep.Error{Code: code, Detail: fmt.Sprintf("The organisation refuses: %s.", strings.TrimSuffix(refused.Error, "."))}
}
