package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/parts"
	"lockstep/web"
	"lockstep/webexorg"
)

// brokerConsoleSteps are the steps of the guide “Adding Webex Contact Center Identity Provider”, by its numbers, with what it takes for granted
// before them and what a person and an administrator do after them.
var brokerConsoleSteps = []string{
	"prerequisite: passwords, and two applications", "1", "2", "3", "4", "5", "6", "7", "8", "8, the missing authority is named and its certificate imported",
	"8, the test sign-in has succeeded", "9", "signed in at a second application, and seen in the console", "signed out of both applications, here and at Webex",
}

// privateSite is a Webex organisation behind TLS, certified by an authority that nobody trusts: its address, and the authority's file.
func privateSite(t *testing.T, region string) (address, authority string) {
	t.Helper()
	universe, err := webexorg.New(webexorg.Config{})
	if err != nil {
		t.Fatal(err)
	}
	org, err := universe.AddOrg(webexorg.OrgConfig{Name: "Acme", Region: region})
	if err == nil {
		err = webexorg.AddSample(t.Context(), org, "acme.example")
	}
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	ca, err := web.OpenCA(folder, []string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: universe.Handler(), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(tls.NewListener(listener, ca.Config())) }()
	t.Cleanup(func() { _ = server.Close() })
	return "https://" + listener.Addr().String(), ca.File(folder)
}

// TestBrokerConsole: an administrator sets Webex Contact Center up in the browser, by the nine steps of the guide, and an agent is signed in at
// two applications by npm's openid-client, and signed out of everything. With SCREENSHOTS the first leaves a picture of each step.
func TestBrokerConsole(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	for _, c := range []struct{ region, door string }{{"us", "/us"}, {"eu", "/eu"}} {
		t.Run(c.region, func(t *testing.T) { // one after the other: each has two browsers and two servers
			base, authority := privateSite(t, c.region)
			h := newHome(t)
			served := h.start(serves, "serve")
			h.run("people", "add", "agent@acme.example", "--given", "Grace", "--family", "Agent")
			link := h.run("console")
			if i := strings.Index(link, "http"); i >= 0 {
				link = strings.Fields(link[i:])[0]
			}
			pictures := ""
			if c.region == "us" {
				pictures = os.Getenv("SCREENSHOTS")
			}
			got, said, err := foreignWithin(t, 2*patience, "brokerconsole.js", "LINK="+link, "BASE="+base, "DOOR="+c.door, "REGION="+c.region, "CA="+authority, "AUTHORITY="+authorityName(t, authority),
				"LOGIN=agent@acme.example", "CHROMIUM="+chromium, "SCREENSHOTS="+pictures, "ROOT="+fmt.Sprint(os.Getuid() == 0))
			if err != nil || !slices.Equal(got, brokerConsoleSteps) {
				t.Errorf("%v\nit did\n%s\nwant\n%s\n%s\n%s", err, strings.Join(got, "\n"), strings.Join(brokerConsoleSteps, "\n"), said, served.said())
			}
			t.Log(said)
		})
	}
}

// authorityName is what the certificate in a file is called.
func authorityName(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is not PEM", file)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c.Subject.CommonName
}
