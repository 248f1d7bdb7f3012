package scimhttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"lockstep/scim"
)

// body reads the request's body, which must be JSON in UTF-8 of at most limit bytes (RFC 7644 §3.8). A client that does not
// say what it sends is believed to send that.
func (c *call) body(limit int64) ([]byte, error) {
	if err := checkContentType(c.r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	if coding := strings.TrimSpace(c.r.Header.Get("Content-Encoding")); coding != "" && !strings.EqualFold(coding, "identity") {
		c.w.Header().Set("Accept-Encoding", "identity")
		return nil, &scim.Error{
			Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("The body is compressed (Content-Encoding %q). Send it as it is (RFC 9110 §15.5.16).", clip(coding)),
		}
	}
	if c.r.ContentLength > limit {
		c.w.Header().Set("Connection", "close") // rather than read what is not wanted
		return nil, tooLarge(limit)
	}
	var buf bytes.Buffer
	if c.r.ContentLength > 0 {
		buf.Grow(int(c.r.ContentLength) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(c.w, c.r.Body, limit))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge(limit)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, scim.ErrInvalidSyntax("the body ends too early")
	}
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return unmarked(buf.Bytes())
}

// unmarked returns the body without a byte order mark, which JSON has none of but may be forgiven (RFC 8259 §8.1).
func unmarked(body []byte) ([]byte, error) {
	if bytes.HasPrefix(body, []byte("\xfe\xff")) || bytes.HasPrefix(body, []byte("\xff\xfe")) {
		return nil, scim.ErrInvalidSyntax("the body is in UTF-16; JSON is sent in UTF-8 (RFC 8259 §8.1)")
	}
	return bytes.TrimPrefix(body, []byte("\ufeff")), nil
}

// clip shortens what somebody sent, for an error.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

func tooLarge(limit int64) error {
	return scim.ErrTooLarge(fmt.Sprintf("The size of the request exceeds the limit of %d bytes.", limit))
}

func checkContentType(header string) error {
	if header == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(header)
	charset := strings.ToLower(params["charset"])
	switch {
	case err != nil, media != ContentType && media != "application/json":
		return &scim.Error{
			Status: http.StatusUnsupportedMediaType,
			Detail: "The body must be " + ContentType + " or application/json.",
		}
	case charset != "" && charset != "utf-8" && charset != "utf8" && charset != "us-ascii":
		return &scim.Error{Status: http.StatusUnsupportedMediaType, Detail: "The charset must be UTF-8."}
	}
	return nil
}
