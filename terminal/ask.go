package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"lockstep"
)

// Usage is an error that the command line is to blame for.
func Usage(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf(format, args...)}
}

// Confirm asks whether something is to be done. Where nobody can be asked, that is an error of the command line.
func (s *Screen) Confirm(in io.Reader, question string) (yes bool, err error) {
	if !IsTerminal(in) {
		return false, Usage("%s Nobody can be asked here: give --yes.", question)
	}
	fmt.Fprintf(s, "%s [y/N] ", question)
	var answer string
	_, err = fmt.Fscanln(in, &answer)
	return err == nil && strings.HasPrefix(strings.ToLower(answer), "y"), nil //nolint:nilerr // no answer is no
}

// Secret reads a secret: from a file, from the input, or, without a name of a file and not fromInput, by a prompt that does not show it.
func (s *Screen) Secret(in io.Reader, what, file string, fromInput bool) (string, error) {
	switch {
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return "", Usage("The %s cannot be read from the file: %v.", what, err)
		}
		return strings.TrimSpace(string(text)), nil
	case fromInput:
		text, err := io.ReadAll(io.LimitReader(in, mostRead))
		return strings.TrimSpace(string(text)), err
	}
	f, ok := in.(*os.File)
	if !ok || !IsTerminal(f) {
		return "", Usage("Give the %s in a file or on standard input.", what)
	}
	fmt.Fprintf(s, "%s: ", what)
	text, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(s)
	return strings.TrimSpace(string(text)), err
}

// mostRead is how much of a file or of the input is read at most.
const mostRead = 1 << 20

// Read reads a file, or the input where the file is called -.
func Read(in io.Reader, file string) ([]byte, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, Usage("%s.", err)
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, mostRead))
}

// ReadText reads a file that a flag names: what, for the error.
func ReadText(what, file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", Usage("%s cannot be read: %v.", what, err)
	}
	return string(text), nil
}
