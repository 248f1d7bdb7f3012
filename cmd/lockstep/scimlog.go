package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep/api"
	"lockstep/terminal"
	"lockstep/words"
)

type scimCmd struct {
	Log    scimLogCmd    `cmd:"" default:"withargs" help:"The last exchanges of SCIM clients with the running server."`
	Show   scimShowCmd   `cmd:"" help:"Show an exchange, without secrets, and where it departs from the RFCs."`
	Report scimReportCmd `cmd:"" help:"Tell where the holders of strict tokens depart from the RFCs."`
}

type scimLogCmd struct {
	Client string `placeholder:"TOKEN" help:"Only this client: id or name of its token."`
	Status string `enum:",2xx,3xx,4xx,5xx" default:"" help:"Only this class of status: 2xx, 3xx, 4xx or 5xx."`
	Limit  int    `default:"50" help:"At most so many."`
	Follow bool   `short:"f" help:"Go on with what comes."`
}

// exchangeHead is the head of the table of exchanges.
const exchangeHead = "ID AT CLIENT STATUS TOOK REQUEST"

// Run lists exchanges, the newest last as they scroll by.
func (l *scimLogCmd) Run(c *cli, client *api.Client) error {
	q := api.ExchangeQuery{Client: l.Client, Status: l.Status, Limit: l.Limit}
	all, err := client.Exchanges(c.ctx, q)
	if err != nil {
		return err
	}
	slices.Reverse(all)
	if l.Follow && len(all) == 0 {
		c.say("Nothing yet. The server keeps the last exchanges in memory.")
	} else if err := showList(c, all, "Nothing yet. The server keeps the last exchanges in memory.", exchangeHead, exchangeRow); err != nil {
		return err
	}
	for l.Follow {
		if err := wait(c.ctx, time.Second); err != nil {
			return ended(err)
		}
		if len(all) > 0 {
			q.Newer = all[len(all)-1].ID
		}
		q.Limit = 1000
		fresh, err := client.Exchanges(c.ctx, q)
		if err != nil {
			return ended(err)
		}
		slices.Reverse(fresh)
		for _, e := range fresh {
			if err := c.showLine(e); err != nil {
				return err
			}
		}
		if len(fresh) > 0 {
			all = fresh
		}
	}
	return nil
}

// showLine shows an exchange that came while one follows.
func (c *cli) showLine(e api.Exchange) error {
	if c.Output != "table" {
		return json.NewEncoder(c.stdout).Encode(e)
	}
	_, err := fmt.Fprintln(c.stdout, strings.Join(terminal.Cells(exchangeRow(e)), "  "))
	return err
}

// ended is no error when it was the user who had enough.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func exchangeRow(e api.Exchange) []string {
	took := time.Duration(e.Took) * time.Microsecond
	return []string{e.ID, e.At.Local().Format("15:04:05.000"), e.Client, strconv.Itoa(e.Status), took.Round(10 * time.Microsecond).String(), e.Method + " " + e.URL}
}

type scimShowCmd struct {
	ID string `arg:"" help:"Id of the exchange."`
}

// Run shows an exchange.
func (s *scimShowCmd) Run(c *cli, client *api.Client) error {
	e, err := client.Exchange(c.ctx, s.ID)
	if err != nil {
		return err
	}
	return c.show(e, func(w io.Writer) {
		printf(w, "%s %s\n", e.Method, e.URL)
		printMessage(w, e.Sent)
		printf(w, "\n%d, %v, %s\n", e.Status, time.Duration(e.Took)*time.Microsecond, e.At.Local().Format(time.RFC3339))
		printMessage(w, e.Answered)
		if len(e.Deviations) > 0 {
			fmt.Fprintln(w)
			printDeviations(w, e.Deviations)
		}
	})
}

func printMessage(w io.Writer, m *api.Message) {
	if m == nil {
		return
	}
	names := make([]string, 0, len(m.Header))
	for name := range m.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range m.Header[name] {
			printf(w, "%s: %s\n", name, value)
		}
	}
	if text := api.Pretty(m.Body); text != "" {
		fmt.Fprintf(w, "\n%s\n", plain(text))
	} else if m.Omitted != "" {
		printf(w, "\n[%s]\n", m.Omitted)
	}
}

// plain is what a client sent, without what a terminal would obey. Its lines stay lines.
func plain(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = words.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func printDeviations(w io.Writer, all []api.Deviation) {
	for _, d := range all {
		printf(w, "%s\tThe client %s. %s (%s)\n", d.Code, d.Title, d.Want, d.Section)
		if d.Seen != "" {
			printf(w, "\t%d×, at %s: %s\n", d.Times, dash(d.Path), d.Seen)
		}
		if d.Clients != "" {
			printf(w, "\tKnown of %s: %s\n", d.Clients, d.Source)
		}
	}
}

type scimReportCmd struct {
	Client string `arg:"" optional:"" help:"Id or name of the token; all strict ones when absent."`
	Clear  bool   `help:"Begin the client's count anew."`
}

// Run shows how clients depart from the RFCs.
func (r *scimReportCmd) Run(c *cli, client *api.Client) error {
	if r.Clear {
		if r.Client == "" {
			return usage("Say whose report is to be cleared.")
		}
		if err := client.ClearSCIMReport(c.ctx, r.Client); err != nil {
			return err
		}
		return c.did("cleared", r.Client, "Cleared.")
	}
	all, err := client.SCIMReport(c.ctx, r.Client)
	if err != nil {
		return err
	}
	if len(all) == 0 && c.Output == "table" {
		c.say("No token is strict. Make one so: lockstep token set NAME --profile strict")
		return nil
	}
	return c.show(all, func(w io.Writer) {
		for i, one := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			state := "examined"
			if !one.Strict {
				state = "not examined now"
			}
			printf(w, "%s (%s)\n", one.Client, state)
			if len(one.Deviations) == 0 {
				fmt.Fprintln(w, "No deviation from RFC 7643 and RFC 7644 was met.")
			}
			printDeviations(w, one.Deviations)
		}
	})
}
