package demo

import "strings"

// Measured are the fields of a bench that measures a server in a process of its own. Fields of a bench are the flags of its command, and their
// tags say what those are for.
type Measured struct {
	DSN        string `name:"dsn" placeholder:"URL" help:"Empty PostgreSQL database for --store postgres."`
	CPUProfile string `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server's process."`
	Program    string `placeholder:"FILE" help:"Measure this program, such as an older version; this one when absent."`

	Store string       `kong:"-"` // "sqlite" or "postgres"; "" is sqlite
	Data  string       `kong:"-"` // folder that is kept, where a bench has use for it; "" is one that goes
	Say   func(string) `kong:"-"` // told what begins; may be nil
}

// Within sets what a bench has from the flags of every command. A store may be an address, which is the DSN then.
func (m *Measured) Within(store, data string, say func(string)) {
	m.Store, m.Data, m.Say = store, data, say
	if strings.HasPrefix(store, "postgres") && strings.Contains(store, "://") {
		m.Store, m.DSN = "postgres", store
	}
}
