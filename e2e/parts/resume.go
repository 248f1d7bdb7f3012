package parts

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// passed stands before the name of a test in the log of a run, as soon as it has passed. (What go test says about subtests
// comes when all of them have ended.)
const passed = "passed: "

// SkipPassed skips a test that has passed in an earlier run, of which log is what `go test -v` has said. So a run of hours goes
// on where it was broken off. "" and a log that is not there skip nothing.
func SkipPassed(t testing.TB, log string) {
	t.Helper()
	if log == "" {
		return
	}
	t.Cleanup(func() {
		if !t.Failed() && !t.Skipped() {
			t.Log(passed + t.Name())
		}
	})
	file, err := os.Open(log)
	if err != nil {
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if _, name, is := strings.Cut(lines.Text(), ": "+passed); is && name == t.Name() {
			t.Skip("it has passed before")
		}
	}
}
