package csvfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Reader reads a folder of CSV files in passes: people from one file, groups from two.
//
// A pass goes over a file three times: for the digest and the encoding, for the ids, and for the objects. Memory holds the objects of
// a page, eight bytes for each id while repeated ones are looked for, and of the memberships those of some groups at a time: never
// the files. People and groups are named to each other by name, so that nobody needs to know everybody.
//
// Only settled files are read (see settle). The digest of the bytes is in the mark and in the continuation: bytes that are the same
// are not read again, and a pass that was broken off goes on exactly where it was.
type Reader struct {
	config Config
	limits limits

	mu        sync.Mutex
	sightings map[string]sighting // by file
}

var (
	_ connection.Reader  = (*Reader)(nil)
	_ connection.Getter  = (*Reader)(nil)
	_ connection.Watcher = (*Reader)(nil)
)

// limits bound what is held in memory and told.
type limits struct {
	parts   int    // hidden ones that are told one by one
	keys    int    // ids while repeated ones are looked for
	members uint32 // of one group
	window  uint32 // memberships at a time
}

// NewReader returns a Reader of the folder.
func NewReader(c Config) *Reader {
	c.People = or(c.People, "people.csv")
	c.Groups = or(c.Groups, "groups.csv")
	c.Memberships = or(c.Memberships, "memberships.csv")
	c.ID = or(c.ID, "id")
	c.Poll = or(c.Poll, 250*time.Millisecond)
	c.MaxBytes = or(c.MaxBytes, 4<<30)
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Reader{config: c, limits: limits{parts: 1000, keys: 8 << 20, members: 1 << 20, window: 1 << 20}, sightings: map[string]sighting{}}
}

// delimiter returns the delimiter that is set, 0 when it is to be found out.
func (c Config) delimiter() byte { return byte(c.Comma) }

// Describe names the system. It has no schema: every column is an attribute.
func (f *Reader) Describe(context.Context) (connection.System, error) {
	return connection.System{
		Name:       f.config.People,
		Key:        "csvfile/" + f.config.Root.Name() + "/" + f.config.People,
		References: []string{connection.Manager, connection.Members},
		Nesting:    true,
	}, nil
}

// Read reads people or groups.
func (f *Reader) Read(ctx context.Context, r connection.Read, page func(connection.ReadPage) error) error {
	p, err := f.newPass(r, page)
	if err == nil {
		err = p.run(ctx)
	}
	if s, ok := errors.AsType[*stopped](err); ok {
		return s.error
	}
	return err
}

// files returns the files of a type.
func (f *Reader) files(typ string) ([]string, error) {
	switch typ {
	case connection.UserType:
		return []string{f.config.People}, nil
	case connection.GroupType:
		return []string{f.config.Groups, f.config.Memberships}, nil
	}
	return nil, invalid("CSV files have no objects of the type %q", typ)
}

// Limits of one page.
const (
	pageRecords    = 500
	pageBytes      = 1 << 20
	pageReferences = 100_000
)

// pass is one pass over one type.
type pass struct {
	*Reader
	request connection.Read
	send    func(connection.ReadPage) error
	files   []string
	wanted  wanted
	since   mark            // of the files that were read before
	columns []string        // that are asked for and there
	only    map[string]bool // ids of the objects that are wanted; nil is all

	docs   []document
	from   place                   // where the pass goes on
	next   connection.Continuation // after the page that was sent last
	anew   bool                    // the next page says so
	total  int
	repeat *repeats
	sent   time.Time // when the last page was sent

	page       connection.ReadPage
	rows       int // of the page
	bytes      int
	references int
	parts      int // that were told one by one
}

// place is where a row of the first file begins.
type place struct {
	offset int64
	line   int
}

func (f *Reader) newPass(r connection.Read, send func(connection.ReadPage) error) (*pass, error) {
	files, err := f.files(r.Type)
	if err != nil {
		return nil, err
	}
	p := &pass{Reader: f, request: r, send: send, files: files, next: r.From, sent: f.config.Now(), wanted: wanted{}}
	p.page.Asked = p.sent
	for _, name := range r.Paths {
		path, err := columnPath(name)
		if err != nil { // a column of this name is refused with a better sentence
			path.Attr = name
		}
		p.wanted[filter.Fold(path.Attr)] = append(p.wanted[filter.Fold(path.Attr)], path)
	}
	return p, nil
}

func (p *pass) run(ctx context.Context) error {
	since := parseMark(p.request.Since)
	p.since = since
	asked := since.settings == "" || p.request.Whole
	if !asked { // bytes that are the same have settled when they were read first
		if err := p.study(ctx, since); err != nil {
			return err
		}
	}
	if asked || !p.same(since) {
		if err := p.settle(ctx, p.files, asked, since, p.beat); err != nil {
			return err
		}
		if err := p.study(ctx, since); err != nil {
			return err
		}
	}
	if !p.request.Whole && p.same(since) && since.settings == p.settings() {
		return p.unchanged()
	}
	p.resume()
	if p.request.Type == connection.UserType {
		return p.people(ctx)
	}
	return p.groups(ctx)
}

// study looks through all files of the pass. A file that was there before and is missing now is an error: nothing has left because
// a file is not there.
func (p *pass) study(ctx context.Context, since mark) error {
	p.docs = p.docs[:0]
	for i, name := range p.files {
		d, err := p.Reader.study(ctx, name, since.sought(i), p.beat)
		if err != nil {
			return err
		}
		required := p.request.Type == connection.UserType
		if d.missing() && (required || since.had(i)) {
			return p.gone(name, required)
		}
		if !d.missing() {
			d.doubt, d.sound = since.doubts(i, d)
			if !d.large(d.sound) { // its last row may be any one, at whose end the copy was broken off
				d.ending = ""
			}
		}
		p.docs = append(p.docs, d)
	}
	return nil
}

func (f *Reader) gone(name string, required bool) error {
	detail := fmt.Sprintf("There is no file %s.", name)
	if !required {
		detail = fmt.Sprintf("The file %s is missing, and it was there before. Leave a file with a header alone if it has nothing to say any more.", name)
	}
	return &lockstep.Error{Code: lockstep.CodeSourceMissing, Detail: detail}
}

// same reports whether the files have the bytes that the mark stands for.
func (p *pass) same(since mark) bool {
	if len(since.files) != len(p.docs) {
		return false
	}
	for i, d := range p.docs {
		if since.files[i].digest != d.digest {
			return false
		}
	}
	return true
}

func (p *pass) unchanged() error {
	p.columns = p.since.columns
	page := connection.ReadPage{Asked: p.page.Asked, Anew: p.request.From != "", Last: true, Mark: p.mark(), Reach: connection.Unchanged}
	return p.deliver(page)
}

// resume finds out where the pass goes on.
func (p *pass) resume() {
	if at, ok := p.where(p.request.From); ok {
		p.from = at
		return
	}
	p.next, p.anew = "", p.request.From != ""
}

// deliver sends a page as it is.
func (p *pass) deliver(page connection.ReadPage) error {
	if err := p.send(page); err != nil {
		return &stopped{err}
	}
	p.sent = p.config.Now()
	return nil
}

// beatEvery is how long nothing is said: less than the shortest time-out that a connection can have.
const beatEvery = 900 * time.Millisecond

// beat says that the pass is at work.
func (p *pass) beat() error {
	now := p.config.Now()
	if now.Sub(p.sent) < beatEvery {
		return nil
	}
	page := connection.ReadPage{Asked: now, Next: p.next, Anew: p.anew, Total: p.total}
	p.anew = false
	return p.deliver(page)
}

// flush sends the page; the pass goes on at the row after it.
func (p *pass) flush(ctx context.Context, at place) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.next = p.continuation(at)
	return p.finish()
}

func (p *pass) finish() error {
	page := p.page
	if p.parts += len(page.Hidden); p.parts > p.limits.parts {
		page.Hidden = together(page.Hidden)
	}
	page.Next, page.Anew, page.Total = p.next, p.anew, p.total
	p.page = connection.ReadPage{Asked: p.config.Now()}
	p.rows, p.bytes, p.references, p.anew = 0, 0, 0, false
	return p.deliver(page)
}

// last sends the last page.
func (p *pass) last(notes []string) error {
	p.page.Last, p.page.Mark, p.page.Reach, p.page.Notes = true, p.mark(), connection.OneView, notes
	p.next = ""
	return p.finish()
}

// full reports whether the page has enough.
func (p *pass) full() bool {
	return p.rows >= pageRecords || p.bytes >= pageBytes || p.references >= pageReferences || len(p.page.Hidden) >= pageRecords
}

// each calls use with every row of the first file from where the pass goes on, and sends the pages.
func (p *pass) each(ctx context.Context, t *text, use func(record) error) error {
	if p.from.offset > 0 {
		if err := t.jump(p.from); err != nil {
			return p.in(t.name, err)
		}
	}
	for {
		r, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p.in(t.name, err)
		}
		if err := use(r); err != nil {
			return err
		}
		p.rows, p.bytes = p.rows+1, p.bytes+len(r.raw)
		if p.full() {
			if err := p.flush(ctx, place{t.offset, t.line}); err != nil {
				return err
			}
		}
	}
	return p.end(t)
}

// jump goes on at a row that was reached before.
func (p *rows) jump(to place) error {
	for p.offset < to.offset {
		if n := min(int64(len(p.buf)-p.pos), to.offset-p.offset); n > 0 {
			p.pos, p.offset = p.pos+int(n), p.offset+n
			continue
		}
		if p.done {
			return io.ErrUnexpectedEOF
		}
		if err := p.fill(); err != nil {
			return err
		}
	}
	p.line = to.line
	return nil
}

// hide notes that a row cannot be used, and who may be in it.
func (p *pass) hide(t *text, r record, id string, code lockstep.Code, detail string) {
	if p.only != nil && id != "" && !p.only[id] && r.others == 0 {
		return
	}
	at := t.at(r)
	part := r.part
	if part == "" {
		part = partOf(r.raw)
	}
	h := connection.Hidden{Name: at, Err: &lockstep.Error{Code: code, Detail: at + ": " + detail}, Part: part}
	if id != "" {
		h.IDs = []string{id}
		p.page.Hidden = append(p.page.Hidden, h)
		if h.IDs, h.Most = nil, r.others; r.others == 0 {
			return
		}
	} else {
		h.Most = 1 + r.others
	}
	p.page.Hidden = append(p.page.Hidden, h)
}

// hideEnd notes that anybody may be behind the end of a file that may have been cut off.
func (p *pass) hideEnd(d document) {
	if !d.doubt || p.only != nil {
		return
	}
	detail := ": Its last line has no line end, and in a file that was read before it had one: it may have been cut off. Its last row waits, and so does whoever is not in it, until that line is ended."
	if d.sound > 0 {
		detail += " The next file without it counts as whole if the last row of this one stands in it unchanged and both are about as large as the last one that ended its lines."
	}
	p.page.Hidden = append(p.page.Hidden, connection.Hidden{Name: d.name + ", its end", Part: d.digest, Err: &lockstep.Error{Code: lockstep.CodeSourceTruncated, Detail: d.name + detail}})
}

// cutRow reports whether a row may be a part of one only: the last one of a file that may have been cut off.
func (p *pass) cutRow(t *text) bool { return !t.rows.ended && p.docs[0].doubt }

// together makes one hidden part of those that may hide certain objects, and one of the others. Whoever has more bad rows than
// anybody can read needs the first ones, and their number.
func together(all []connection.Hidden) []connection.Hidden {
	var known, others connection.Hidden
	var merged []connection.Hidden
	for _, h := range all {
		if h.IDs == nil && h.Most == 0 { // anybody
			merged = append(merged, h)
			continue
		}
		to := &others
		if h.IDs != nil {
			to = &known
		}
		if to.Err == nil {
			*to = connection.Hidden{Name: h.Name + " and further ones", Err: h.Err}
		}
		to.IDs, to.Most, to.Part = append(to.IDs, h.IDs...), to.Most+h.Most, partOf([]byte(to.Part+h.Part))
	}
	for _, h := range []connection.Hidden{known, others} {
		if h.Err != nil {
			merged = append(merged, h)
		}
	}
	return merged
}

// at names a row for people.
func (t *text) at(r record) string {
	if r.others > 0 {
		return fmt.Sprintf("%s, lines %d to %d", t.name, r.line, r.line+r.lines-1)
	}
	return fmt.Sprintf("%s, line %d", t.name, r.line)
}

// mark is what a Mark says.
type mark struct {
	settings string
	columns  []string // that were asked for and there
	files    []markedFile
}

type markedFile struct {
	digest string
	inode  uint64
	ended  bool   // the last line had a line end
	doubt  bool   // it had none, although the file before had one
	sound  int64  // document.sound
	ending string // document.ending of one in doubt
}

// What follows the inode in a mark, and before the size of the newest file that was not cut off: the last line had a line end, or there was doubt. Then what
// its last lines are known by follows, after another such mark.
const (
	endMark   = "."
	doubtMark = "~"
)

const version = "csv1"

// meaning rises when a release reads another thing in the same bytes, so that they are read again.
const meaning = 2

// settings returns a digest of what changes how the files are read.
func (p *pass) settings() string {
	c := p.config
	paths := slices.Sorted(slices.Values(p.request.Paths))
	return partOf(fmt.Appendf(nil, "%d %q %q %d %q %q", meaning, p.files, c.ID, c.Comma, c.Encoding, paths))[:16]
}

func (p *pass) mark() connection.Mark {
	parts := []string{version, p.settings() + columnMark(p.columns)}
	for _, d := range p.docs {
		inode := strconv.FormatUint(d.inode, 36)
		switch {
		case d.doubt:
			inode += doubtMark + strconv.FormatInt(d.sound, 36) + doubtMark + d.ending
		case d.ended:
			inode += endMark + strconv.FormatInt(d.size, 36)
		}
		parts = append(parts, d.digest, inode)
	}
	return connection.Mark(strings.Join(parts, "/"))
}

func parseMark(m connection.Mark) (k mark) {
	parts := strings.Split(string(m), "/")
	if len(parts) < 4 || parts[0] != version || len(parts)%2 != 0 {
		return mark{}
	}
	k.settings, k.columns = cutColumns(parts[1])
	for i := 2; i < len(parts); i += 2 {
		file := markedFile{digest: parts[i]}
		inode, size, ended := strings.Cut(parts[i+1], endMark)
		if !ended {
			inode, size, file.doubt = strings.Cut(inode, doubtMark)
			size, file.ending, _ = strings.Cut(size, doubtMark)
		}
		file.ended = ended
		var err, err2 error
		file.inode, err = strconv.ParseUint(inode, 36, 64)
		if size != "" { // earlier versions kept none
			file.sound, err2 = strconv.ParseInt(size, 36, 64)
		}
		if cmp.Or(err, err2) != nil {
			return mark{}
		}
		k.files = append(k.files, file)
	}
	return k
}

// had reports whether the file existed.
func (k mark) had(i int) bool { return i < len(k.files) && k.files[i].digest != absent }

// doubts reports whether a file may have been cut off, and returns the size of the newest one that was not. The last line of a whole file may lose its line
// end, because what writes it has changed; so may that of a copy that was broken off. The second such file in a row is no broken copy when both are as large as
// a whole one, but for a fiftieth, and it has the last row of the first one as it was there, as a whole row or as its last one. Where nobody knows how large a whole
// one is the doubt stays until a line end comes.
func (k mark) doubts(i int, d document) (bool, int64) {
	if i >= len(k.files) {
		return false, d.size
	}
	f := k.files[i]
	switch {
	case d.ended || !f.ended && !f.doubt:
		return false, d.size
	case f.digest == d.digest: // it is the same file still
		return f.doubt, f.sound
	case f.ending != "" && (d.holds || d.ending == f.ending) && d.large(f.sound):
		return false, d.size
	}
	return true, f.sound
}

// large reports whether the file is about as large as one that was whole; of none that is known it is not.
func (d document) large(sound int64) bool { return sound > 0 && d.size >= sound-sound/50 }

// sought looks for the last row of a file that may have been cut off. Of memberships one may be the beginning of another: there it is with the row before it.
func (k mark) sought(i int) *seeker {
	s := &seeker{lines: min(i, 1) + 1}
	if i < len(k.files) {
		s.want = k.files[i].ending
	}
	return s
}

// inode returns that of the file that was read last, 0 when there was none.
func (k mark) inode(i int) uint64 {
	if i < len(k.files) {
		return k.files[i].inode
	}
	return 0
}

func (p *pass) continuation(at place) connection.Continuation {
	parts := []string{version, p.settings()}
	for _, d := range p.docs {
		parts = append(parts, d.digest)
	}
	return connection.Continuation(fmt.Sprintf("%s/%d/%d", strings.Join(parts, "/"), at.offset, at.line))
}

// where returns the place of a continuation, if the files are still what it was made from.
func (p *pass) where(c connection.Continuation) (at place, ok bool) {
	parts := strings.Split(string(c), "/")
	if len(parts) < 2 {
		return at, false
	}
	offset, err := strconv.ParseInt(parts[len(parts)-2], 10, 64)
	line, err2 := strconv.Atoi(parts[len(parts)-1])
	if cmp.Or(err, err2) != nil {
		return at, false
	}
	at = place{offset, line}
	return at, offset > 0 && p.continuation(at) == c
}

// typeOf returns the built-in type, for what its attributes are called.
func typeOf(name string) *scim.Type {
	if name == connection.GroupType {
		return scim.GroupType()
	}
	return scim.UserType()
}
