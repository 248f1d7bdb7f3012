package web

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// watched answers with what h does, after it has shown the exchange to the inspector.
func watched(s *Surface, i *Inspector, who Watched, h Handler) http.Handler {
	return s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		i.Watch(r, who)
		i.Watch(r, Watched{Holder: "somebody else"}) // once is enough
		return h(w, r)
	})
}

func silent(http.ResponseWriter, *http.Request) error { return nil }

func urls(all []Exchange) string {
	var out []string
	for _, e := range all {
		out = append(out, e.URL)
	}
	return strings.Join(out, " ")
}

func TestInspectorKeepsTheLast(t *testing.T) {
	i, s := &Inspector{Keep: 3}, Surface{}
	last := ""
	for n := range 5 {
		run(t, s, watched(&s, i, Watched{Holder: "a", Client: "entra", ClientID: "1"}, silent), httptest.NewRequest("GET", fmt.Sprintf("/%d", n), nil))
		want := []string{}
		for m := n; m >= 0 && m > n-3; m-- {
			want = append(want, fmt.Sprintf("/%d", m))
		}
		all := i.Exchanges("a")
		if got := urls(all); got != strings.Join(want, " ") {
			t.Errorf("after %d: %v, want %v", n, got, want)
		}
		if all[0].ID <= last || all[0].Client != "entra" || all[0].ClientID != "1" || all[0].Method != "GET" || all[0].Status != 200 {
			t.Errorf("after %s came %+v", last, all[0])
		}
		last = all[0].ID
	}
	if all := i.Exchanges("b"); len(all) != 0 {
		t.Errorf("of somebody else: %v", all)
	}
	var none *Inspector
	run(t, s, watched(&s, none, Watched{}, silent), httptest.NewRequest("GET", "/", nil))
}

// TestInspectorHolders: what one holder sends takes nothing from another, unless all together need too much: then whoever holds
// most gives.
func TestInspectorHolders(t *testing.T) {
	s := Surface{}
	answer := func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		_, err := io.WriteString(w, `{"a":"`+strings.Repeat("x", 1000)+`"}`)
		return err
	}
	fill := func(i *Inspector, holder string, n int) {
		for m := range n {
			run(t, s, watched(&s, i, Watched{Holder: holder}, answer), httptest.NewRequest("GET", fmt.Sprintf("/%d", m), nil))
		}
	}
	i := &Inspector{Keep: 100, Bytes: 20_000}
	fill(i, "calm", 3)
	fill(i, "busy", 500)
	if got := urls(i.Exchanges("calm")); got != "/2 /1 /0" {
		t.Errorf("the calm one has %s", got)
	}
	if n := len(i.Exchanges("busy")); n < 10 || n > 20 {
		t.Errorf("the busy one has %d exchanges in 20,000 bytes", n)
	}

	i = &Inspector{Keep: 100, Bytes: 200_000, Total: 50_000}
	fill(i, "calm", 3)
	fill(i, "busy", 60)
	fill(i, "busier", 60)
	if got := urls(i.Exchanges("calm")); got != "/2 /1 /0" {
		t.Errorf("short of room the calm one has %s", got)
	}
	one, two := len(i.Exchanges("busy")), len(i.Exchanges("busier"))
	if one < 10 || two < 10 || i.total > 50_000 {
		t.Errorf("the busy ones share as %d and %d, %d bytes", one, two, i.total)
	}
	for n := range 1000 { // more holders than there is room for
		fill(i, fmt.Sprint("h", n), 1)
	}
	if sum := i.total; sum > 50_000 || len(i.holders) > 50 {
		t.Errorf("%d bytes of %d holders", sum, len(i.holders))
	}
}

// secretCase is what is sent and comes back, and what is kept of it.
type secretCase struct{ name, url, contentType, body, want, omitted string }

const hush = "s3cret" // every secret below; nothing else contains it

func secretCases() []secretCase {
	scim := "application/scim+json"
	return []secretCase{
		{"create", "/Users", scim, `{"userName":"ada","password":"s3cret","n":1.50}`, `{"userName":"ada","password":"•••","n":1.50}`, ""},
		{"nothing secret", "/Users", scim, `{ "userName": "ada" }`, `{ "userName": "ada" }`, ""},
		{"number", "/Users", "application/json", `{"PIN":1234}`, `{"PIN":"•••"}`, ""},
		{
			"patch names the attribute in its path", "/Users/1", scim,
			`{"Operations":[{"op":"replace","path":"password","value":"s3cret"},{"op":"add","path":"title","value":"Dr"}]}`,
			`{"Operations":[{"op":"replace","path":"password","value":"•••"},{"op":"add","path":"title","value":"Dr"}]}`, "",
		},
		{"value before path", "/", scim, `{"value":{"x":"s3cret"},"path":"urn:a:b:Password"}`, `{"value":"•••","path":"urn:a:b:Password"}`, ""},
		{"path with a filter", "/", scim, `{"path":"password[value eq \"s3cret\"]","op":"remove"}`, `{"path":"•••","op":"remove"}`, ""},
		{"escaped name", "/", scim, `{"pass\u0077ord":"s3cret"}`, `{"pass\u0077ord":"•••"}`, ""},
		{"name with punctuation", "/", scim, `{"pass-word":"s3cret","Client Secret":"s3cret"}`, `{"pass-word":"•••","Client Secret":"•••"}`, ""},
		{"nested", "/", scim, `{"a":[{"client_secret":["s3cret"]}]}`, `{"a":[{"client_secret":"•••"}]}`, ""},
		{"a name of the schema", "/", scim, `{"urn:x:User:Badge.number":"s3cret","badge":{"id":7}}`, `{"urn:x:User:Badge.number":"•••","badge":"•••"}`, ""},
		{"a path of the schema", "/", scim, `{"path":"urn:x:1.0:User:badge","value":"s3cret"}`, `{"path":"urn:x:1.0:User:badge","value":"•••"}`, ""},
		{"no name of the schema", "/", scim, `{"badges":"x"}`, `{"badges":"x"}`, ""},
		{"JSON in a string", "/", scim, `{"value":"{\"password\":\"s3cret\"}"}`, `{"value":"{\"password\":\"•••\"}"}`, ""},
		{"half JSON in a string", "/", scim, `{"value":"{\"password\":\"s3cret"}`, `{"value":"•••"}`, ""},
		{"search", "/.search", scim, `{"filter":"password eq s3cret"}`, `{"filter":"•••"}`, ""},
		{"a JWT", "/", scim, `{"x":"eyJhbGciOi.s3cret.s3cret"}`, `{"x":"•••"}`, ""},
		{"a token of ours", "/", scim, `{"x":"lkp_01a2046dfd5879c48785b38ede41edfa_s3cret_1234"}`, `{"x":"•••"}`, ""},
		{"a key", "/", scim, `{"x":"-----BEGIN KEY-----s3cret"}`, `{"x":"•••"}`, ""},
		{"a header's value", "/", scim, `{"x":"Bearer s3cret"}`, `{"x":"•••"}`, ""},
		{"a path outside the grammar", "/", scim, `{"op":"remove","path":"password eq \"s3cret\""}`, `{"op":"remove","path":"•••"}`, ""},
		{
			"a long word before the name", "/", scim, `{"path":"x[a eq \"` + strings.Repeat("x", 70) + `\"].badge","value":"s3cret"}`,
			`{"path":"•••","value":"•••"}`, "",
		},
		{"names without quotes", "/", scim, `{'badge':'s3cret','pin':'s3cret'}`, "", "33 bytes that are not JSON"},
		{"half JSON in a string, escaped", "/", scim, `{"value":"{\"pass\\u0077ord\":\"s3cret"}`, `{"value":"•••"}`, ""},
		{
			"other languages", "/", scim, `{"Passwort":"s3cret","Kennwort":"s3cret","motDePasse":"s3cret","contraseña":"s3cret","senha":"s3cret","x":1}`,
			`{"Passwort":"•••","Kennwort":"•••","motDePasse":"•••","contraseña":"•••","senha":"•••","x":1}`, "",
		},
		{"form", "/token", "application/x-www-form-urlencoded", "grant_type=x&client_secret=s3cret&code=s3cret", "client_secret=•••&code=•••&grant_type=x", ""},
		{"query", "/callback?state=1&access_token=s3cret", "", "", "", ""},
		{"filter", `/Users?filter=password+eq+"s3cret"`, "", "", "", ""},
		{"filter of another protocol", `/Users?$filter=password+eq+"s3cret"`, "", "", "", ""},
		{"broken JSON", "/", "application/json", `{"password":"s3cret"`, "", "20 bytes that are not JSON"},
		{"two values", "/", "application/json", `{} {"password":"s3cret"}`, "", "24 bytes that are not JSON"},
		{"not an object", "/", "application/json; charset=utf-8", `s3cret`, "", "6 bytes that are not JSON"},
		{"unknown form", "/", "application/octet-stream", "s3cret", "", "6 bytes of application/octet-stream"},
		{"no type", "/", "", "s3cret", "", "6 bytes of unknown type"},
		{"large", "/", "application/json", `"` + strings.Repeat("s3cret", 20_000) + `"`, "", "120002 bytes, too large to show"},
		{"deep", "/", "application/json", strings.Repeat("[", 100) + strings.Repeat("]", 100), "", "200 bytes that are not JSON"},
	}
}

func TestInspectorShowsNoSecret(t *testing.T) {
	for _, c := range secretCases() {
		i, s := &Inspector{}, Surface{}
		r := httptest.NewRequest("POST", strings.ReplaceAll(c.url, `"`, "%22"), strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		r.Header.Set("Authorization", "Bearer s3cret")
		r.Header.Set("Cookie", "session=s3cret")
		r.Header.Set("X-Forwarded", "eyJ.s3cret.x")
		r.Header.Set("Referer", "https://u:s3cret@x.example/?token=s3cret#s3cret")
		told := ""
		who := Watched{Holder: "a", Secrets: map[string]bool{"badge": true}, Then: func(e Exchange) { told = fmt.Sprintf("%+v", e) }}
		echo := watched(&s, i, who, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Type", c.contentType)
			w.Header().Set("Set-Cookie", "session=s3cret")
			w.Header().Set("Location", "/next?token=s3cret")
			w.Header().Set("WWW-Authenticate", "Bearer realm=x")
			_, err := io.Copy(w, r.Body)
			return err
		})
		w, _ := run(t, s, echo, r)
		if w.Body.String() != c.body {
			t.Errorf("%s: the inspector changed what it watched: %s", c.name, w.Body)
		}
		e := i.Exchanges("a")[0]
		for _, m := range []Message{e.Request, e.Response} {
			if m.Body != c.want || m.Omitted != c.omitted {
				t.Errorf("%s: kept %s (%s), want %s (%s)", c.name, m.Body, m.Omitted, c.want, c.omitted)
			}
		}
		if all := fmt.Sprintf("%+v", e) + told + string(i.holders["a"].all[0].text); strings.Contains(all, hush) {
			t.Errorf("%s: %s", c.name, all)
		}
		if got := e.Request.Header.Get("Authorization"); got != "Bearer •••" {
			t.Errorf("%s: Authorization %q", c.name, got)
		}
		if got := e.Response.Header.Get("Www-Authenticate"); got != "Bearer realm=x" {
			t.Errorf("%s: WWW-Authenticate %q", c.name, got)
		}
	}
}

// TestInspectorVouched: an answer that the handler vouches for is masked when it is looked at; not one to a request with secrets,
// and no error.
func TestInspectorVouched(t *testing.T) {
	for _, c := range secretCases() {
		for _, secret := range []bool{false, true} {
			for _, status := range []int{200, 400} {
				i, s := &Inspector{}, Surface{}
				r := httptest.NewRequest("POST", "/", strings.NewReader(`{"a":1}`))
				if secret {
					r = httptest.NewRequest("POST", "/", strings.NewReader(`{"password":"x"}`))
				}
				r.Header.Set("Content-Type", "application/json")
				h := watched(&s, i, Watched{Holder: "a", Secrets: map[string]bool{"badge": true}, Vouched: true}, func(w http.ResponseWriter, r *http.Request) error {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return err
					}
					w.Header().Set("Content-Type", c.contentType)
					w.WriteHeader(status)
					_, err := io.WriteString(w, c.body)
					return err
				})
				run(t, s, h, r)
				e, k := i.Exchanges("a")[0], i.holders["a"].all[0]
				tight := strings.NewReplacer(" ", "") // masking writes JSON anew
				if tight.Replace(e.Response.Body) != tight.Replace(c.want) || e.Response.Omitted != c.omitted || strings.Contains(fmt.Sprintf("%+v", e), hush) {
					t.Errorf("%s, %d: shown %s (%s), want %s (%s)", c.name, status, e.Response.Body, e.Response.Omitted, c.want, c.omitted)
				}
				if (secret || status != 200) && strings.Contains(string(k.text), hush) {
					t.Errorf("%s, %d, secret %t: kept %s", c.name, status, secret, k.text)
				}
			}
		}
	}
}

// TestInspectorErrors: an error may repeat what was sent, so its detail is kept only when nothing secret was.
func TestInspectorErrors(t *testing.T) {
	for _, c := range []struct{ url, body, want string }{
		{"/Users", `{"a":1}`, `{"detail":"no good: s3cret","status":"400"}`},
		{"/Users", `{"password":"s3cret"}`, `{"detail":"•••","status":"400"}`},
		{"/Users?filter=" + url.QueryEscape("password eq s3cret"), ``, `{"detail":"•••","status":"400"}`},
	} {
		i, s := &Inspector{}, Surface{}
		r := httptest.NewRequest("POST", c.url, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		run(t, s, watched(&s, i, Watched{}, func(w http.ResponseWriter, r *http.Request) error {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return err
			}
			w.Header().Set("Content-Type", "application/scim+json")
			_, err := io.WriteString(w, `{"detail":"no good: s3cret","status":"400"}`)
			return err
		}), r)
		if got := i.Exchanges("")[0].Response.Body; got != c.want {
			t.Errorf("%s %s: kept %s, want %s", c.url, c.body, got, c.want)
		}
	}
}

// TestInspectorThen: who wants to see an exchange sees a longer body than what is kept.
func TestInspectorThen(t *testing.T) {
	body := `{"a":"` + strings.Repeat("x", 100) + `"}`
	for limit, want := range map[int]string{200: body, 50: ""} {
		var got Exchange
		i, s := &Inspector{Body: 20}, Surface{}
		r := httptest.NewRequest("POST", "/x?y=1", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		run(t, s, watched(&s, i, Watched{Then: func(e Exchange) { got = e }, ThenBody: limit}, func(_ http.ResponseWriter, r *http.Request) error {
			_, err := io.Copy(io.Discard, r.Body)
			return err
		}), r)
		kept := i.Exchanges("")[0]
		if got.Request.Body != want || got.URL != "/x?y=1" || kept.Request.Body != "" || kept.Request.Omitted != "108 bytes, too large to show" {
			t.Errorf("limit %d: told %+v, kept %+v", limit, got.Request, kept.Request)
		}
	}
}

// TestSecretNames: the table that passes over text knows every part, and every part is found.
func TestSecretNames(t *testing.T) {
	n := 0
	for first := byte('a'); first <= 'z'; first++ {
		for _, part := range partsOf(first) {
			n++
			for _, name := range []string{part, strings.ToUpper(part), "x" + part, part[:1] + "_" + part[1:], "a " + part[:2] + "-" + part[2:]} {
				if !holdsSecretName(name) || !holdsSecretName([]byte(name)) {
					t.Errorf("%s is no secret", name)
				}
			}
			if part[0] != first {
				t.Errorf("%s does not begin with %c", part, first)
			}
		}
	}
	if n < 10 || holdsSecretName("userName displayName entitlements stop costCenter pass") {
		t.Error("names are secret that are not")
	}
}

// FuzzMaskJSON: what is printed is one JSON value of the same shape, holds no value of a field that is secret, and masks again
// to itself; a glance says that there is nothing to mask only when that is so.
func FuzzMaskJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[1,"a",null]`, `{"password":{"a":1}}`, `{"path":"password","value":[1]}`, `{"a":{"token":"t"}} `, `{"a":1,"a":2}`,
		`{"badge":1}`, `{"a":"{\"badge\":1}"}`, `{"x.badge":1,"code":2,"pin":3}`, `{"p_a ss-WORD":"x"}`,
	} {
		f.Add(seed)
	}
	names := map[string]bool{"badge": true}
	f.Fuzz(func(t *testing.T, text string) {
		m := masker{names: names}
		glance := m.harmless([]byte(text))
		slow := masker{names: names, details: true}
		careful, valid := slow.json([]byte(strings.ReplaceAll(text, "detail", "d")))
		if glance && valid && slow.found {
			t.Errorf("%q is harmless at a glance, but %q", text, careful)
		}
		masked, ok := m.json([]byte(text))
		if !ok || glance {
			return
		}
		m = masker{names: names}
		again, ok := m.json(masked)
		if !ok || string(again) != string(masked) {
			t.Errorf("%q → %q → %q, %v", text, masked, again, ok)
		}
	})
}

// BenchmarkInspector: what watching adds to a request. Compare the two.
func BenchmarkInspector(b *testing.B) {
	answer := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],` +
		`"id":"01a2046d-fd58-79c4-8785-b38ede41edfa","externalId":"e1234","userName":"ada.lovelace@acme.example","name":{"givenName":"Ada",` +
		`"familyName":"Lovelace"},"displayName":"Ada Lovelace","active":true,"emails":[{"value":"ada.lovelace@acme.example","type":"work","primary":true}],` +
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Research","employeeNumber":"1815"},"meta":{"resourceType":"User",` +
		`"created":"2026-11-22T12:00:00.000Z","lastModified":"2026-11-22T12:00:00.000Z","location":"https://id.example.com/scim/acme/v2/Users/1","version":"W/\"1\""}}`
	patch := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`
	for _, method := range []string{"GET", "PATCH"} {
		for name, i := range map[string]*Inspector{"watched": {}, "alone": nil} {
			b.Run(method+"/"+name, func(b *testing.B) {
				s := Surface{Log: slog.New(slog.DiscardHandler)}
				h := s.Wrap(watched(&s, i, Watched{Holder: "a", Client: "entra"}, func(w http.ResponseWriter, r *http.Request) error {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return err
					}
					w.Header().Set("Content-Type", "application/scim+json")
					_, err := io.WriteString(w, answer)
					return err
				}))
				b.ReportAllocs()
				for b.Loop() {
					var r *http.Request
					if method == "GET" {
						r = httptest.NewRequest(method, "/Users/1", nil)
					} else {
						r = httptest.NewRequest(method, "/Users/1", strings.NewReader(patch))
						r.Header.Set("Content-Type", "application/scim+json")
					}
					r.Header.Set("Authorization", "Bearer lkp_01a2046dfd5879c48785b38ede41edfa_x")
					r.Header.Set("User-Agent", "Okta SCIM Client 1.0.0")
					r.Header.Set("Accept", "application/scim+json")
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
			})
		}
	}
}
