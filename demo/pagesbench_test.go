package demo

import "testing"

// TestRouteOf: pages of one kind have one route, whatever object they are about; what is no page has none.
func TestRouteOf(t *testing.T) {
	for address, want := range map[string]string{
		"/": "/",
		"/people/01a22b22-9a1a-7d9b-8f88-299d7ff5c188/edit":     "/people/{id}/edit",
		"/apps/webex?show=out&after=01a22b22":                   "/apps/webex?after&show",
		"/docs/how-to/upgrade":                                  "/docs/{page}",
		"/activity/log.csv?app=webex":                           "",
		"/apps/webex/live":                                      "",
		"/static/bf4676b84ba6543a/icon.svg":                     "",
		"https://example.com/":                                  "",
		"//example.com/x":                                       "",
		"/activity?line=01a22b22-9a1a-7d9b-8f88-299d7ff5c188#x": "/activity?line",
	} {
		if got := routeOf(address); got != want {
			t.Errorf("%s: %q, not %q", address, got, want)
		}
	}
}
