package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/operate"
	"lockstep/session"
)

func (s *Server) consoleSessionRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/console-sessions", "list-console-sessions", "List who is in the console, the newest first", s.listConsoleSessions)
	command(s, a, http.MethodDelete, "/console-sessions/{session}", "end-console-session", "End a session of the console", s.endConsoleSession)
	route(s, a, http.MethodDelete, "/console-sessions", "end-console-sessions", "End all sessions of the console, and links that were not opened yet", s.endConsoleSessions)
}

// ConsoleSession is somebody who is in the console.
type ConsoleSession struct {
	ID     session.ID `json:"id"`
	Holder string     `json:"holder" doc:"Who it is, as the console calls them."`
	How    string     `json:"how" doc:"How they came in: link, token, password or sign-in."`
	Began  time.Time  `json:"began"`
	Seen   time.Time  `json:"seen" doc:"Of the newest request, to within a minute."`
}

func consoleSessionOf(x operate.ConsoleSession) ConsoleSession {
	return ConsoleSession{ID: x.ID, Holder: x.Name, How: string(x.How()), Began: x.Began, Seen: x.Seen}
}

func (s *Server) listConsoleSessions(ctx context.Context, p operate.Principal, _ *struct{}) (list[ConsoleSession], error) {
	all, err := s.Operator.ConsoleSessions(ctx, p)
	return mapped(all, "", consoleSessionOf), err
}

func (s *Server) endConsoleSession(ctx context.Context, p operate.Principal, in *struct {
	Session session.ID `path:"session" maxLength:"36"`
},
) error {
	return s.Operator.EndConsoleSession(ctx, p, in.Session)
}

// Ended is how many were ended.
type Ended struct {
	Ended int `json:"ended"`
}

func (s *Server) endConsoleSessions(ctx context.Context, p operate.Principal, _ *struct{}) (Ended, error) {
	n, err := s.Operator.EndConsoleSessions(ctx, p)
	return Ended{n}, err
}

// ConsoleSessions lists who is in the console.
func (c *Client) ConsoleSessions(ctx context.Context) ([]ConsoleSession, error) {
	out, err := call[list[ConsoleSession]](ctx, c, http.MethodGet, at("console-sessions"), nil, nil)
	return out.Items, err
}

// EndConsoleSession ends a session of the console, by its id.
func (c *Client) EndConsoleSession(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("console-sessions", id), nil, nil)
	return err
}

// EndConsoleSessions ends all of them, and returns how many.
func (c *Client) EndConsoleSessions(ctx context.Context) (int, error) {
	out, err := call[Ended](ctx, c, http.MethodDelete, at("console-sessions"), nil, nil)
	return out.Ended, err
}
