package csvfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockstep"
)

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func people(n int) string {
	var b strings.Builder
	b.WriteString("id,userName,name.givenName,manager\n")
	for i := range n {
		fmt.Fprintf(&b, "p%d,u%d@example.com,Given %d,p%d\n", i, i, i, i/8)
	}
	return b.String()
}

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig(nil, map[string]string{"people": "staff.csv", "delimiter": "tab", "id": "uid"})
	if err != nil || c.People != "staff.csv" || c.Comma != '\t' || c.ID != "uid" {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ParseConfig(nil, map[string]string{"encoding": "latin1", "max_bytes": "1000", "delimiter": "auto"})
	if err != nil || c.Encoding != "latin1" || c.MaxBytes != 1000 || c.Comma != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []map[string]string{{"file": "x"}, {"delimiter": "#"}, {"encoding": "morse"}, {"encoding": "replacement"}, {"max_bytes": "-1"}, {"max_bytes": "1 GiB"}} {
		if _, err := ParseConfig(nil, bad); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
