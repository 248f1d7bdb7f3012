package oauth

// Region is one of Webex's clusters: where an organisation has its home. The empty Region is Global.
type Region string

// The regions. Government is a cloud of its own: its people sign in nowhere else, and nobody else signs in there.
const (
	Global     Region = ""
	US         Region = "us"
	EU         Region = "eu"
	Government Region = "gov"
)

// Organisation is what the id broker knows of an organisation.
type Organisation struct {
	ID     string // a UUID
	Name   string
	Region Region
}

// Person is what the id broker knows of somebody who has an account.
type Person struct {
	ID         string // a UUID, that of the SCIM user
	Org        string // their organisation's
	Login      string // the user name, which is their e-mail address
	Display    string
	GivenName  string
	FamilyName string
	Locale     string   // such as "en_US"; "" is unknown
	Phone      string   // the work number; "" is none
	Roles      []string // such as "id_full_admin"; of a contact centre "cjp.supervisor"
	Agent      bool     // may use the contact centre
}

// FullAdmin is the role of whoever may do everything in their organisation, and authorise service apps for it.
const FullAdmin = "id_full_admin"

// People is whom the id broker signs in. It is called without any lock of Server held, and by many goroutines.
type People interface {
	// Person returns whoever has the id, a UUID in any case.
	Person(id string) (Person, bool)
	// Login returns whoever has the user name, in any case.
	Login(name string) (Person, bool)
	// Some returns up to limit people of an organisation for a page to choose from: administrators first, then agents, then
	// the others, each by user name. Whoever may not sign in is left out.
	Some(org string, limit int) []Person
	// Standing returns the person's epoch and whether they may sign in, which is asked with every request that bears a token. The
	// epoch rises whenever roles or managed roles of the person change, and when they are deactivated; it survives a restart.
	Standing(person string) (epoch int64, ok bool)
	// Organisation returns the organisation with the id.
	Organisation(id string) (Organisation, bool)
	// Organisations returns all, in any order.
	Organisations() []Organisation
}

// Journal keeps the entries that Replay is given after a restart. Entries are lines of JSON.
type Journal interface {
	// Append takes an entry into the order of the journal and returns its number. It does not wait, and is called with a lock held.
	Append(entry []byte) (seq uint64)
	// Flush returns when the entry with the number, and all before it, will survive.
	Flush(seq uint64) error
}
