package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep/api"
	"lockstep/terminal"
	"lockstep/words"
)

// Exchanges lists exchanges of SCIM clients.
func Exchanges(all []api.Exchange, err error) (View, error) {
	return List(all, err, "Nothing yet. The server keeps the last exchanges in memory.", "ID AT CLIENT STATUS TOOK REQUEST", exchangeRow)
}

// ExchangeLine is an exchange that comes while one looks, without the end of its line.
func ExchangeLine(e api.Exchange) string { return strings.Join(terminal.Cells(exchangeRow(e)), "  ") }

func exchangeRow(e api.Exchange) []string {
	took := time.Duration(e.Took) * time.Microsecond
	return []string{e.ID, e.At.Local().Format("15:04:05.000"), e.Client, strconv.Itoa(e.Status), took.Round(10 * time.Microsecond).String(), e.Method + " " + e.URL}
}

// Exchange shows an exchange, and where it departs from the RFCs.
func Exchange(e api.Exchange, err error) (View, error) {
	return Of(e, err, func(p *Page) {
		p.Printf("%s %s\n", e.Method, e.URL)
		message(p, e.Sent)
		p.Printf("\n%d, %v, %s\n", e.Status, time.Duration(e.Took)*time.Microsecond, e.At.Local().Format(time.RFC3339))
		message(p, e.Answered)
		if len(e.Deviations) > 0 {
			fmt.Fprintln(p)
			p.deviations(e.Deviations)
		}
	})
}

func message(w io.Writer, m *api.Message) {
	if m == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		for _, value := range m.Header[name] {
			terminal.Printf(w, "%s: %s\n", name, value)
		}
	}
	if text := api.Pretty(m.Body); text != "" {
		fmt.Fprintf(w, "\n%s\n", plain(text))
	} else if m.Omitted != "" {
		terminal.Printf(w, "\n[%s]\n", m.Omitted)
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

func (p *Page) deviations(all []api.Deviation) {
	for _, d := range all {
		p.Printf("%s\tThe client %s. %s (%s)\n", d.Code, d.Title, d.Want, d.Section)
		if d.Seen != "" {
			p.Printf("\t%d×, at %s: %s\n", d.Times, dash(d.Path), d.Seen)
		}
		if d.Clients != "" {
			p.Printf("\tKnown of %s: %s\n", d.Clients, d.Source)
		}
	}
}

// Deviations shows how the holders of strict tokens depart from the RFCs.
func Deviations(all []api.ClientReport, err error) (View, error) {
	return Of(all, err, func(p *Page) {
		if len(all) == 0 {
			p.Say("No token is strict. Make one so: lockstep token set NAME --profile strict")
		}
		for i, one := range all {
			if i > 0 {
				fmt.Fprintln(p)
			}
			state := "examined"
			if !one.Strict {
				state = "not examined now"
			}
			p.Printf("%s (%s)\n", one.Client, state)
			if len(one.Deviations) == 0 {
				fmt.Fprintln(p, "No deviation from RFC 7643 and RFC 7644 was met.")
			}
			p.deviations(one.Deviations)
		}
	})
}
