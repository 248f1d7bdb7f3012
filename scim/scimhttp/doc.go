// Package scimhttp is SCIM 2.0 over HTTP (RFC 7644): routes, content types, entity tags, paging, projection, Bulk and
// discovery for any Backend.
//
// Design: a Handler turns each request into one call of its tenant's Backend and the outcome into one answer. Bodies are
// decoded and checked against the type's schema before the Backend sees them; a PATCH is parsed here and applied by the
// Backend to what it has stored, atomically. A resource is rendered straight into the buffer that is sent.
//
// Invariants:
//   - Every answer with a body is JSON, errors too, whatever went wrong (RFC 7644 §3.12).
//   - No error shows what lies beneath it; a status of 500 says nothing but that.
//   - Attributes that are never returned do not leave, not even in the answer to the write that set them.
//   - Nothing is read beyond a limit: body, operations, page size, length of a filter.
package scimhttp
