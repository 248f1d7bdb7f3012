package scim

import "strconv"

// ListResponse is the frame of a page of resources (RFC 7644 §3.4.2, RFC 9865 §2).
type ListResponse struct {
	Total      int    // resources that match, on all pages
	StartIndex int    // of the first on this page, from 1; 0 when paging by cursor
	Items      int    // resources on this page
	Next       string // cursor of the next page; "" when there is none
	Previous   string // cursor of the page before; "" when there is none
}

// AppendList appends a list response to dst. resource appends the i-th resource of the page as JSON. Resources is always there,
// as some clients fail on null or nothing.
func AppendList(dst []byte, l ListResponse, resource func(dst []byte, i int) []byte) []byte {
	dst = append(dst, `{"schemas":["`+ListURN+`"],"totalResults":`...)
	dst = strconv.AppendInt(dst, int64(l.Total), 10)
	if l.StartIndex > 0 {
		dst = append(dst, `,"startIndex":`...)
		dst = strconv.AppendInt(dst, int64(l.StartIndex), 10)
	}
	dst = append(dst, `,"itemsPerPage":`...)
	dst = strconv.AppendInt(dst, int64(l.Items), 10)
	if l.Previous != "" {
		dst = appendText(append(dst, `,"previousCursor":`...), l.Previous)
	}
	if l.Next != "" {
		dst = appendText(append(dst, `,"nextCursor":`...), l.Next)
	}
	dst = append(dst, `,"Resources":[`...)
	for i := range l.Items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = resource(dst, i)
	}
	return append(dst, "]}"...)
}
