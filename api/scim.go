package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/operate"
	"lockstep/scim/conform"
	"lockstep/token"
	"lockstep/web"
)

func (s *Server) scimRoutes(a huma.API) {
	if !s.Operator.HasSCIM() {
		return
	}
	route(s, a, http.MethodGet, "/scim/exchanges", "list-exchanges", "List the last exchanges of SCIM clients with this node, the newest first", s.listExchanges)
	route(s, a, http.MethodGet, "/scim/exchanges/{exchange}", "get-exchange", "Show an exchange, without secrets, and where it departs from the RFCs", s.getExchange)
	route(s, a, http.MethodGet, "/scim/clients", "list-scim-clients", "Tell what each SCIM client has asked first, last and in vain", s.scimClients)
	route(s, a, http.MethodGet, "/scim/report", "scim-report", "Tell where the holders of strict tokens depart from the RFCs", s.scimReport)
	command(s, a, http.MethodDelete, "/scim/report/{token}", "clear-scim-report", "Begin a token's count anew", s.clearReport)
}

// Exchange is one request of a SCIM client and its answer.
type Exchange struct {
	ID         string           `json:"id"`
	Request    string           `json:"request" doc:"The request's ID, as in the log."`
	At         time.Time        `json:"at"`
	Took       int64            `json:"took_us" doc:"Microseconds."`
	Client     string           `json:"client" doc:"Name of the token."`
	Token      lockstep.TokenID `json:"token"`
	Method     string           `json:"method"`
	URL        string           `json:"url" doc:"Path and query, relative to the endpoint."`
	Status     int              `json:"status"`
	Sent       *Message         `json:"sent,omitempty" doc:"Only of a single exchange."`
	Answered   *Message         `json:"answered,omitempty" doc:"Only of a single exchange."`
	Deviations []Deviation      `json:"deviations,omitempty" doc:"Only of a single exchange."`
}

// Message is one direction of an exchange. Secrets in it are masked.
type Message struct {
	Header  map[string][]string `json:"header"`
	Body    string              `json:"body,omitempty"`
	Omitted string              `json:"omitted,omitempty" doc:"Why there is no body."`
}

// Deviation is one way in which a client departs from the RFCs.
type Deviation struct {
	Code    conform.Code `json:"code"`
	Title   string       `json:"title" doc:"What the client does."`
	Section string       `json:"section" doc:"Of the RFC."`
	Want    string       `json:"want" doc:"What the RFC wants."`
	Clients string       `json:"clients,omitempty" doc:"Who is known for it."`
	Source  string       `json:"source,omitempty" doc:"Of that."`
	Path    string       `json:"path,omitempty" doc:"Where in the document, of the first or, in a report, of the last one."`
	Seen    string       `json:"seen,omitempty" doc:"What stood there, without secrets."`
	Times   int64        `json:"times"`
	First   *time.Time   `json:"first,omitempty"`
	Last    *time.Time   `json:"last,omitempty"`
}

func deviationOf(r conform.Rule) Deviation {
	return Deviation{Code: r.Code, Title: r.Title, Section: r.Section, Want: r.Want, Clients: r.Clients, Source: r.Source}
}

func exchangeOf(e web.Exchange) Exchange {
	return Exchange{
		ID: e.ID, Request: e.RequestID, At: e.At, Took: e.Took.Microseconds(), Client: e.Client, Token: lockstep.TokenID(e.ClientID),
		Method: e.Method, URL: e.URL, Status: e.Status,
	}
}

func messageOf(m web.Message) *Message {
	return &Message{Header: m.Header, Body: m.Body, Omitted: m.Omitted}
}

// ExchangeQuery selects exchanges.
type ExchangeQuery struct {
	Status string `query:"status" enum:"2xx,3xx,4xx,5xx" doc:"Class of the status."`
	Client string `query:"client" maxLength:"100" doc:"Id or name of the token."`
	Newer  string `query:"newer" maxLength:"20" doc:"Only exchanges after the one with this id."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (q ExchangeQuery) matches(e web.Exchange) bool {
	return (q.Status == "" || e.Status/100 == int(q.Status[0]-'0')) && (q.Client == "" || e.ClientID == q.Client || e.Client == q.Client) &&
		(q.Newer == "" || len(e.ID) > len(q.Newer) || len(e.ID) == len(q.Newer) && e.ID > q.Newer)
}

func (s *Server) listExchanges(_ context.Context, p operate.Principal, in *ExchangeQuery) (list[Exchange], error) {
	all, err := s.Operator.Exchanges(p)
	if err != nil {
		return list[Exchange]{}, err
	}
	var out []Exchange
	for _, e := range all {
		if len(out) < in.Limit && in.matches(e) {
			out = append(out, exchangeOf(e))
		}
	}
	return listOf(out), nil
}

func (s *Server) getExchange(ctx context.Context, p operate.Principal, in *struct {
	Exchange string `path:"exchange" maxLength:"20"`
},
) (Exchange, error) {
	all, err := s.Operator.Exchanges(p)
	if err != nil {
		return Exchange{}, err
	}
	for _, e := range all {
		if e.ID != in.Exchange {
			continue
		}
		v := exchangeOf(e)
		v.Sent, v.Answered = messageOf(e.Request), messageOf(e.Response)
		found, err := s.Operator.Examine(ctx, p, e)
		if err != nil {
			return Exchange{}, err
		}
		for _, d := range found {
			one := deviationOf(d.Rule)
			one.Path, one.Seen, one.Times = d.Path, d.Seen, int64(d.Times)
			v.Deviations = append(v.Deviations, one)
		}
		return v, nil
	}
	return Exchange{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "This node keeps no such exchange: it may have given way to later ones."}
}

// SCIMClient is what a SCIM client has asked, as it is remembered: to the minute or so, by all nodes.
type SCIMClient struct {
	Token   lockstep.TokenID `json:"token"`
	Client  string           `json:"client" doc:"Name of the token."`
	First   *SCIMCall        `json:"first,omitempty" doc:"The first request that was served."`
	Last    *SCIMCall        `json:"last,omitempty" doc:"The last one."`
	Refused *SCIMCall        `json:"refused,omitempty" doc:"The last that was refused, also with a token that had ended."`
}

// SCIMCall is one request of a SCIM client.
type SCIMCall struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path" doc:"Within the endpoint, without its query."`
	Status int       `json:"status"`
	Agent  string    `json:"user_agent,omitempty"`
	Type   string    `json:"scim_type,omitempty" doc:"Of the answer; of a client that has ended why: expired, former, revoked or maker."`
	Detail string    `json:"detail,omitempty" doc:"Of the answer, without secrets."`
}

func scimCallOf(c operate.SCIMCall) *SCIMCall {
	if c.At.IsZero() {
		return nil
	}
	v := SCIMCall(c)
	return &v
}

func (s *Server) scimClients(ctx context.Context, p operate.Principal, _ *struct{}) (list[SCIMClient], error) {
	all, err := s.Operator.ListTokens(ctx, p)
	if err != nil {
		return list[SCIMClient]{}, err
	}
	calls, err := s.Operator.SCIMCalls(ctx, p)
	if err != nil {
		return list[SCIMClient]{}, err
	}
	var out []SCIMClient
	for _, e := range all {
		if e.Kind == token.KindSCIM {
			c := calls.Clients[e.ID]
			out = append(out, SCIMClient{Token: e.ID, Client: e.Name, First: scimCallOf(c.First), Last: scimCallOf(c.Last), Refused: scimCallOf(c.Refused)})
		}
	}
	return listOf(out), nil
}

// ClientReport is where the holder of a token departs from the RFCs.
type ClientReport struct {
	Token      lockstep.TokenID `json:"token"`
	Client     string           `json:"client" doc:"Name of the token."`
	Strict     bool             `json:"strict" doc:"Whether its requests are examined now."`
	Deviations []Deviation      `json:"deviations" doc:"The most frequent first."`
}

func (s *Server) scimReport(ctx context.Context, p operate.Principal, in *struct {
	Client string `query:"client" maxLength:"100" doc:"Id or name of the token; all that are or were strict when absent."`
},
) (list[ClientReport], error) {
	if in.Client != "" {
		if _, err := s.Operator.Token(ctx, p, in.Client); err != nil {
			return list[ClientReport]{}, err
		}
	}
	all, err := s.Operator.ListTokens(ctx, p)
	if err != nil {
		return list[ClientReport]{}, err
	}
	tallies, err := s.Operator.Report(ctx, p)
	if err != nil {
		return list[ClientReport]{}, err
	}
	var out []ClientReport
	for _, e := range all {
		named := in.Client == string(e.ID) || in.Client == e.Name
		if in.Client == "" && (e.Profile.Reports() || len(tallies[e.ID]) > 0) || named {
			out = append(out, reportOf(e, tallies[e.ID]))
		}
	}
	return listOf(out), nil
}

func reportOf(e operate.TokenEntry, all []conform.Tally) ClientReport {
	r := ClientReport{Token: e.ID, Client: e.Name, Strict: e.Profile.Reports(), Deviations: []Deviation{}}
	for _, t := range all {
		d := deviationOf(conform.Describe(t.Code))
		d.Path, d.Seen, d.Times, d.First, d.Last = t.Path, t.Seen, t.Times, instant(t.First), instant(t.Last)
		r.Deviations = append(r.Deviations, d)
	}
	return r
}

func (s *Server) clearReport(ctx context.Context, p operate.Principal, in *struct {
	Token string `path:"token" maxLength:"100"`
},
) error {
	return s.Operator.ClearReport(ctx, p, in.Token)
}
