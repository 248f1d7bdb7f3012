package scim_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"lockstep/scim"
)

// What a client can send within the limits does not take more than linear time: each of these would take minutes.
func TestHostileSizes(t *testing.T) {
	const n = 30_000
	repeat := func(one func(i int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = one(i)
		}
		return strings.Join(parts, ",")
	}
	ty := webexUser(t)
	accounts := `{"op":"add","path":"` + scim.CiscoUserURN + `:extLinkedAccts","value":[` + repeat(func(i int) string { return `{"status":"` + strconv.Itoa(i) + `"}` }) + `]}`
	for name, run := range map[string]func() error{
		"many names": func() error {
			_, err := scim.DecodeObject([]byte(`{` + repeat(func(i int) string { return `"a` + strconv.Itoa(i) + `":1` }) + `}`))
			return err
		},
		"many values without value": func() error {
			p, err := scim.ParsePatch([]byte(`{"Operations":[`+accounts+`,`+accounts+`]}`), scim.Limits{Bytes: 8 << 20})
			if err != nil {
				return err
			}
			_, _, err = p.Apply(ty, object(t, `{"userName":"a"}`))
			return err
		},
		"many references": func() error {
			r, err := scim.ParseBulk([]byte(`{"Operations":[{"method":"POST","path":"/Groups","bulkId":"g","data":{"members":[`+
				repeat(func(i int) string { return `"bulkId:` + strconv.Itoa(i) + `"` })+`]}}]}`), scim.Limits{})
			if err == nil && len(r.Operations[0].References()) != n {
				t.Error("references are missing")
			}
			return err
		},
	} {
		start := time.Now()
		if err := run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
	p, err := scim.ParsePatch([]byte(`{"Operations":[{"op":"remove","path":"addresses","value":[`+repeat(func(int) string { return `{"country":"CH"}` })+`]}]}`), scim.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Apply(ty, object(t, `{"userName":"a"}`))
	checkError(t, err, "400 invalidValue")
}
