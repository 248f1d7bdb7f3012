//go:build unix

package csvfile

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"lockstep"
	"lockstep/connection"
)

// TestNoFile checks that nothing but a file is opened: a pipe would be waited for.
func TestNoFile(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"a socket": func(path string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, f := reader(t)
			if err := make(filepath.Join(dir, "people.csv")); err != nil {
				t.Skip(err)
			}
			errs := map[string]error{"read": f.Read(t.Context(), connection.Read{Type: connection.UserType}, nil)}
			_, errs["get"] = f.Get(t.Context(), connection.Ref{Type: connection.UserType, ID: "1"})
			errs["test"] = f.Test(t.Context(), func(connection.Check) {})
			for what, err := range errs {
				if lockstep.CodeOf(err) != lockstep.CodeSourceNotFile {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	dir, f := reader(t)
	if err := os.Symlink("/dev/null", filepath.Join(dir, "people.csv")); err != nil {
		t.Fatal(err)
	}
	if err := f.Read(t.Context(), connection.Read{Type: connection.UserType}, nil); lockstep.CodeOf(err) != lockstep.CodeSourceUnreachable {
		t.Errorf("a link out of the folder: %v", err)
	}
	_, f = reader(t)
	if err := f.Read(t.Context(), connection.Read{Type: connection.UserType}, nil); lockstep.CodeOf(err) != lockstep.CodeSourceMissing {
		t.Errorf("nothing: %v", err)
	}
	_, f = reader(t, "people.csv", people(10))
	f.config.MaxBytes = 50
	if err := f.Read(t.Context(), connection.Read{Type: connection.UserType}, nil); lockstep.CodeOf(err) != lockstep.CodeSourceLimit {
		t.Errorf("too large: %v", err)
	}
	if err := f.Read(t.Context(), connection.Read{Type: "Printer"}, nil); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("an unknown type: %v", err)
	}
}
