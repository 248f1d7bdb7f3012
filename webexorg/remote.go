package webexorg

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"lockstep"
)

// Remote is the control surface of a Universe, of this process or of another, as its client sees it.
type Remote struct {
	Address string       // such as http://127.0.0.1:8430
	Token   string       // of the control surface
	HTTP    *http.Client // nil is the usual one
}

// Send sends a request to the control surface, with a body as JSON unless it is nil. The caller closes the answer's body. A refusal is an error
// that says why.
func (r *Remote) Send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.Address, "/")+"/control"+path, sent)
	if err != nil {
		return nil, usage("The address of a Webex organisation is such as http://127.0.0.1:8430.")
	}
	req.Header.Set("Authorization", "Bearer "+r.Token)
	client := r.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the Webex organisation: %w", err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, refusal(res)
	}
	return res, nil
}

// refusal is what the control surface says against a request.
func refusal(res *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1000)) // what there is of it explains the status
	var refused struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &refused) != nil || refused.Error == "" {
		refused.Error = res.Status
	}
	code := lockstep.CodeUsage
	if res.StatusCode == http.StatusUnauthorized {
		code = lockstep.CodeUnauthorized
	}
	why := fmt.Sprintf("The organisation refuses %s %s (%s): %s.", res.Request.Method, res.Request.URL.Path, res.Status, strings.TrimSuffix(refused.Error, "."))
	return &lockstep.Error{Code: code, Detail: why}
}

// Do sends a request to the control surface and decodes the answer, unless into is nil.
func (r *Remote) Do(ctx context.Context, method, path string, body, into any) error {
	res, err := r.Send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("read what the organisation answers to %s %s: %w", method, path, err)
	}
	return nil
}

// Only is the id of the organisation that was named, or of the only one there is.
func (r *Remote) Only(ctx context.Context, id string) (string, error) {
	if id != "" {
		return id, nil
	}
	var list struct {
		Orgs []OrgConfig `json:"orgs"`
	}
	if err := r.Do(ctx, http.MethodGet, "/orgs", nil, &list); err != nil {
		return "", err
	}
	if len(list.Orgs) != 1 {
		return "", usage("There are %d organisations: name one with --org.", len(list.Orgs))
	}
	return list.Orgs[0].ID, nil
}

func usage(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf(format, args...)}
}

// ReadKnobs reads knob=value as people type it, for a change of the knobs.
func ReadKnobs(pairs []string) (map[string]json.RawMessage, error) {
	change := map[string]json.RawMessage{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usage("%s is none of knob=value.", pair)
		}
		text := json.RawMessage(value)
		switch name {
		case "rate", "present", "duplicates": // numbers and truth values
		default:
			quoted, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			text = quoted
		}
		if !json.Valid(text) {
			return nil, usage("%s cannot be %s.", name, value)
		}
		change[name] = text
	}
	return change, nil
}
