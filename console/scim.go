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
	"lockstep/token"
	"lockstep/web"
	"lockstep/words"
)

// scimView is the page about what comes in by SCIM.
type scimView struct {
	Endpoint  string
	Tokens    []scimToken
	Reports   []scimReport
	Filter    scimFilter
	Clients   []string // names, for the filter
	Exchanges []scimLine
	Kept      bool // there are exchanges, if not of this filter
	Said      string
}

type scimToken struct {
	ID, Name, May string
	Secret        string // which secret it has: a part of its hash
	Used, Expires time.Time
	Soon, Over    bool // it expires soon, or has expired
	FormerEnds    time.Time
	FormerUsed    time.Time
	Strict        bool
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

func scimHref(f scimFilter) string {
	q := url.Values{}
	for name, v := range map[string]string{"status": f.Status, "client": f.Client, "row": f.Row} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if len(q) == 0 {
		return "/inbound#exchanges"
	}
	at := "#exchanges"
	if f.Row != "" {
		at = "#x-" + f.Row
	}
	return "/inbound?" + q.Encode() + at
}

// scim shows the endpoint, its tokens, where clients depart from the RFCs, and their last exchanges.
func (s *Server) scim(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	view := scimView{Said: said(r), Filter: scimFilter{Status: q.Get("status"), Client: q.Get("client"), Row: q.Get("row")}}
	if f := view.Filter; len(f.Client) > 100 || len(f.Row) > 20 || len(f.Status) > 1 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The exchanges have no such view."}
	}
	var err error
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

// clients fills in the tokens and the reports about their holders.
func (s *Server) clients(ctx context.Context, p operate.Principal, view *scimView) error {
	all, err := s.Operator.ListTokens(ctx, p)
	if err != nil {
		return err
	}
	tallies, err := s.Operator.Report(ctx, p)
	if err != nil {
		return err
	}
	now := s.now()
	for _, e := range all {
		if e.Kind != token.KindSCIM {
			continue
		}
		view.Tokens = append(view.Tokens, scimTokenOf(e, now))
		if !e.Profile.Reports() && len(tallies[e.ID]) == 0 {
			continue
		}
		report := scimReport{Client: e.Name, Strict: e.Profile.Reports(), Called: !e.LastUsed.IsZero()}
		for _, one := range tallies[e.ID] {
			report.Rows = append(report.Rows, deviation{Rule: conform.Describe(one.Code), Path: one.Path, Seen: one.Seen, Times: one.Times, Last: one.Last})
		}
		view.Reports = append(view.Reports, report)
	}
	return nil
}

// expirySoon is how long before its end a token is marked.
const expirySoon = 30 * 24 * time.Hour

func scimTokenOf(e operate.TokenEntry, now time.Time) scimToken {
	v := scimToken{
		ID: string(e.ID), Name: e.Name, Secret: secretMark(e.Hash), Used: e.LastUsed, Expires: e.Expires, FormerEnds: e.Former.Ends, FormerUsed: e.FormerUsed, Strict: e.Profile.Reports(),
		May: "reads", Over: !e.Expires.IsZero() && !now.Before(e.Expires),
	}
	v.Soon = !v.Over && !e.Expires.IsZero() && e.Expires.Sub(now) < expirySoon
	if e.Scopes.Allow("scim:write") {
		v.May = "reads and writes"
	}
	if !now.Before(v.FormerEnds) {
		v.FormerEnds, v.FormerUsed = time.Time{}, time.Time{}
	}
	return v
}

// exchanges fills in those that the filter lets through; only the one that is open has its bodies.
func (s *Server) exchanges(ctx context.Context, p operate.Principal, view *scimView) error {
	f := view.Filter
	all, err := s.Operator.Exchanges(p)
	if err != nil {
		return err
	}
	for _, e := range all {
		view.Kept = true
		if !slices.Contains(view.Clients, e.Client) {
			view.Clients = append(view.Clients, e.Client)
		}
		if f.Status != "" && f.Status != strconv.Itoa(e.Status/100) || f.Client != "" && f.Client != e.Client {
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
		line.Href = scimHref(to)
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
		err = &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such token; it may have been revoked."}
	}
	return e, err
}

// rotateToken gives a token a new secret and shows it, this once. A form that is sent again, as by a browser that reloads the page
// with the secret, is about a secret that is no longer the token's.
func (s *Server) rotateToken(w http.ResponseWriter, r *http.Request, v visit) error {
	e, err := s.findSCIMToken(r, v.who)
	if err != nil {
		return err
	}
	if r.PostFormValue("of") != secretMark(e.Hash) {
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The token has another secret by now, so it was not rotated. To rotate it once more, begin at its row."}
	}
	hours, err := strconv.Atoi(r.PostFormValue("overlap"))
	if err != nil || hours < 0 || hours > int(token.MaxOverlap/time.Hour) {
		return unreadable()
	}
	how := operate.Rotation{Of: &e.Hash, Overlap: time.Duration(hours) * time.Hour}
	if days, err := strconv.Atoi(r.PostFormValue("days")); err == nil && days > 0 && days <= 3660 {
		how.Days = days
	}
	next, text, err := s.Operator.RotateToken(r.Context(), v.who, string(e.ID), how)
	if err != nil {
		return err
	}
	v.page.Title, v.page.Nav, v.page.Path = "New secret of "+e.Name, "/inbound", "/inbound"
	return s.render(w, r, http.StatusOK, rotatedPage(v.page, e.Name, text, next.Former.Ends))
}

// setStrict has the requests of a token's holder examined, or no more.
func (s *Server) setStrict(w http.ResponseWriter, r *http.Request, v visit) error {
	e, err := s.findSCIMToken(r, v.who)
	if err != nil {
		return err
	}
	profile := token.Generic
	if r.PostFormValue("strict") == "on" {
		profile = token.Strict
	}
	if _, err := s.Operator.SetToken(r.Context(), v.who, string(e.ID), operate.TokenChange{Profile: &profile}); err != nil {
		return err
	}
	return seeOther(w, r, "/inbound")
}
