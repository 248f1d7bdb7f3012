package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// Exchanges lists the last exchanges of SCIM clients with the server, the newest first.
func (c *Client) Exchanges(ctx context.Context, q ExchangeQuery) ([]Exchange, error) {
	v := url.Values{}
	add(v, "status", q.Status)
	add(v, "client", q.Client)
	add(v, "newer", q.Newer)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	out, err := call[list[Exchange]](ctx, c, http.MethodGet, at("scim", "exchanges"), v, nil)
	return out.Items, err
}

// Exchange shows one, with its bodies and with where it departs from the RFCs.
func (c *Client) Exchange(ctx context.Context, id string) (Exchange, error) {
	return call[Exchange](ctx, c, http.MethodGet, at("scim", "exchanges", id), nil, nil)
}

// SCIMReport tells where the holder of a token departs from the RFCs; "" is every one that is or was strict.
func (c *Client) SCIMReport(ctx context.Context, client string) ([]ClientReport, error) {
	v := url.Values{}
	add(v, "client", client)
	out, err := call[list[ClientReport]](ctx, c, http.MethodGet, at("scim", "report"), v, nil)
	return out.Items, err
}

// SCIMClients tells what each SCIM client has asked first, last and in vain.
func (c *Client) SCIMClients(ctx context.Context) ([]SCIMClient, error) {
	out, err := call[list[SCIMClient]](ctx, c, http.MethodGet, at("scim", "clients"), nil, nil)
	return out.Items, err
}

// ClearSCIMReport begins a token's count anew.
func (c *Client) ClearSCIMReport(ctx context.Context, token string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("scim", "report", token), nil, nil)
	return err
}

// SetToken changes a token, by id or name.
func (c *Client) SetToken(ctx context.Context, name string, t SetToken) (Token, error) {
	return call[Token](ctx, c, http.MethodPatch, at("tokens", name), nil, t)
}

// Pretty is JSON with line breaks, or the text itself when it is not JSON.
func Pretty(text string) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") != nil {
		return text
	}
	return out.String()
}
