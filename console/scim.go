package console

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/operate"
	"lockstep/scim/conform"
	"lockstep/sso"
	"lockstep/token"
	"lockstep/web"
	"lockstep/words"
)

// scimView is the page about what comes in by SCIM.
type scimView struct {
	Endpoint  string
	Clients   []scimRow
	Filter    scimFilter
	Names     []string // of clients, for the filter
	Exchanges []scimLine
	Kept      bool // there are exchanges, if not of this filter
	Said      string
}

// scimRow is a client in the list.
type scimRow struct {
	ID, Name, Href string
	Product, Way   string
	State          state
	Last           time.Time
	Expires        time.Time
	Soon, Over     bool // it expires soon, or has expired
	Reads          bool // it may not write
	FormerEnds     time.Time
	FormerUsed     time.Time
	Departs        int // in how many ways what it sends departs from the RFCs
}

type scimReport struct {
	Client string
	Strict bool
	Called bool
	Rows   []deviation
}

// deviation is one way in which a client departs from the RFCs.
type deviation struct {
	conform.Rule
	Path, Seen string
	Times      int64
	Last       time.Time
}

// scimFilter selects exchanges. All of it stands in the page's address.
type scimFilter struct {
	Status string // first digit of the status; "" is any
	Client string
	Row    string // the exchange that is open
	Page   string // where they are shown
	Of     string // id of the client whose page that is; "" is all
}

type scimLine struct {
	ID, RequestID  string
	At             time.Time
	Took           string
	Client         string
	Method, URL    string
	Status         words.Outcome
	Href           string
	Open           bool
	Sent, Answered scimMessage
	Deviations     []deviation
}

type scimMessage struct {
	Header  []setting
	Body    string
	Omitted string
}

// statusClasses are the choices of exchanges.
var statusClasses = []struct{ Name, Word string }{{"", "Everything"}, {"2", "Succeeded"}, {"4", "Refused"}, {"5", "Failed"}}

func (f scimFilter) href() string {
	q := url.Values{}
	for name, v := range map[string]string{"status": f.Status, "client": f.Client, "row": f.Row} {
		if v != "" && (name != "client" || f.Of == "") {
			q.Set(name, v)
		}
	}
	at := "#exchanges"
	if f.Row != "" {
		at = "#x-" + f.Row
	}
	if len(q) == 0 {
		return f.Page + at
	}
	return f.Page + "?" + q.Encode() + at
}

// with is the filter with another class of statuses and another client, and nothing open.
func (f scimFilter) with(status, client string) scimFilter {
	f.Status, f.Client, f.Row = status, client, ""
	return f
}

// exchangesAsked reads the filter of the page.
func exchangesAsked(r *http.Request, page string) (scimFilter, error) {
	q := r.URL.Query()
	f := scimFilter{Status: q.Get("status"), Client: q.Get("client"), Row: q.Get("row"), Page: page}
	if len(f.Client) > 100 || len(f.Row) > 20 || len(f.Status) > 1 {
		return f, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The exchanges have no such view."}
	}
	return f, nil
}

// scim shows the endpoint, its clients and their last exchanges.
func (s *Server) scim(w http.ResponseWriter, r *http.Request, v visit) error {
	view := scimView{Said: said(r)}
	var err error
	if view.Filter, err = exchangesAsked(r, "/inbound"); err != nil {
		return err
	}
	if view.Endpoint, err = s.endpoint(r, v.who); err != nil {
		return err
	}
	if err := s.clients(r.Context(), v.who, &view); err != nil {
		return err
	}
	if err := s.exchanges(r.Context(), v.who, &view); err != nil {
		return err
	}
	v.page.Title, v.page.Nav = "SCIM clients", "/inbound"
	return s.render(w, r, http.StatusOK, scimPage(v.page, view))
}

// endpoint is the address that clients are given.
func (s *Server) endpoint(r *http.Request, p operate.Principal) (string, error) {
	address, err := s.Operator.Endpoint(r.Context(), p)
	if err != nil || !strings.HasPrefix(address, "/") {
		return address, err
	}
	if r.TLS != nil {
		return "https://" + r.Host + address, nil
	}
	return "http://" + r.Host + address, nil
}

// clients fills in the clients.
func (s *Server) clients(ctx context.Context, p operate.Principal, view *scimView) error {
	all, err := s.Operator.ListTokens(ctx, p)
	if err != nil {
		return err
	}
	calls, err := s.Operator.SCIMCalls(ctx, p)
	if err != nil {
		return err
	}
	tallies, err := s.Operator.Report(ctx, p)
	if err != nil {
		return err
	}
	applications := map[string]sso.Client{}
	if s.Operator.HasSignIn() && p.May(operate.SignInRead) == nil {
		found, err := s.Operator.Clients(ctx, p)
		if err != nil {
			return err
		}
		for _, c := range found {
			applications[string(c.ID)] = c
		}
	}
	for _, e := range all {
		if e.Kind != token.KindSCIM {
			continue
		}
		row := scimRowOf(e, applications[e.OAuth.Client], calls, s.now())
		row.Departs = len(tallies[e.ID])
		view.Clients = append(view.Clients, row)
	}
	return nil
}

// expirySoon is how long before its end a token is marked.
const expirySoon = 30 * 24 * time.Hour

func scimRowOf(e operate.TokenEntry, c sso.Client, calls operate.SCIMCalls, now time.Time) scimRow {
	of := productOf(e.Product)
	v := scimRow{
		ID: string(e.ID), Name: e.Name, Href: "/inbound/clients/" + string(e.ID), Product: of.Name, Way: of.way(wayOfEntry(e, c)).Word, State: stateOfClient(e, calls, of, now).state,
		Last: e.LastUsed, Expires: e.Expires, Reads: !e.Scopes.Allow("scim:write"), FormerEnds: e.Former.Ends, FormerUsed: e.FormerUsed, Over: !e.Expires.IsZero() && !now.Before(e.Expires),
	}
	if last := calls.Clients[e.ID].Last.At; last.After(v.Last) {
		v.Last = last
	}
	v.Soon = !v.Over && !e.Expires.IsZero() && e.Expires.Sub(now) < expirySoon
	if !now.Before(v.FormerEnds) {
		v.FormerEnds, v.FormerUsed = time.Time{}, time.Time{}
	}
	return v
}

func reportOf(e operate.TokenEntry, tallies []conform.Tally) scimReport {
	report := scimReport{Client: e.Name, Strict: e.Profile.Reports(), Called: !e.LastUsed.IsZero()}
	for _, one := range tallies {
		report.Rows = append(report.Rows, deviation{Rule: conform.Describe(one.Code), Path: one.Path, Seen: one.Seen, Times: one.Times, Last: one.Last})
	}
	return report
}

// exchanges fills in those that the filter lets through; only the one that is open has its bodies.
func (s *Server) exchanges(ctx context.Context, p operate.Principal, view *scimView) error {
	f := view.Filter
	all, err := s.Operator.Exchanges(p)
	if err != nil {
		return err
	}
	for _, e := range all {
		if f.Of != "" && f.Of != e.ClientID {
			continue
		}
		view.Kept = true
		if !slices.Contains(view.Names, e.Client) {
			view.Names = append(view.Names, e.Client)
		}
		if f.Status != "" && f.Status != strconv.Itoa(e.Status/100) || f.Of == "" && f.Client != "" && f.Client != e.Client {
			continue
		}
		to := f
		to.Row = e.ID
		line := scimLine{
			ID: e.ID, RequestID: e.RequestID, At: e.At, Took: tookText(e.Took), Client: e.Client, Method: e.Method, URL: unescaped(e.URL),
			Status: statusOutcome(e.Status), Open: e.ID == f.Row,
		}
		if line.Open {
			to.Row = "" // the line closes again
			line.Sent, line.Answered = scimMessageOf(e.Request), scimMessageOf(e.Response)
			found, err := s.Operator.Examine(ctx, p, e)
			if err != nil {
				return err
			}
			for _, d := range found {
				line.Deviations = append(line.Deviations, deviation{Rule: d.Rule, Path: d.Path, Seen: d.Seen, Times: int64(d.Times)})
			}
		}
		line.Href = to.href()
		view.Exchanges = append(view.Exchanges, line)
	}
	return nil
}

// unescaped is an address as people read it.
func unescaped(address string) string {
	path, query, ok := strings.Cut(address, "?")
	if !ok {
		return address
	}
	if plain, err := url.QueryUnescape(query); err == nil {
		query = plain
	}
	return path + "?" + query
}

func tookText(d time.Duration) string {
	if d < 10*time.Millisecond {
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
	}
	return words.Lasted(d)
}

func statusOutcome(status int) words.Outcome {
	word := strconv.Itoa(status)
	switch status / 100 {
	case 2, 3:
		return words.Outcome{Sign: "✓", Word: word, Tone: "create"}
	case 4:
		return words.Outcome{Sign: "▲", Word: word, Tone: "held"}
	}
	return words.Outcome{Sign: "▲", Word: word, Tone: "failed"}
}

func scimMessageOf(m web.Message) scimMessage {
	v := scimMessage{Body: api.Pretty(m.Body), Omitted: m.Omitted}
	for _, name := range sortedKeys(m.Header) {
		for _, value := range m.Header[name] {
			v.Header = append(v.Header, setting{name, value})
		}
	}
	return v
}

// secretMark tells one secret of a token from the next and says nothing about either.
func secretMark(h token.Hash) string { return hex.EncodeToString(h[:4]) }

// findSCIMToken finds the SCIM token that a form is about.
func (s *Server) findSCIMToken(r *http.Request, p operate.Principal) (operate.TokenEntry, error) {
	e, err := s.Operator.Token(r.Context(), p, r.PathValue("id"))
	if lockstep.CodeOf(err) == lockstep.CodeNotFound || err == nil && e.Kind != token.KindSCIM {
		err = &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such client; it may have been revoked."}
	}
	return e, err
}
