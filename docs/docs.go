// Package docs is the documentation, embedded: the Markdown files of this folder as pages and as sections to search.
//
// Pages are found by their path without ".md"; "" is the index. Links between them become links below a prefix; a link to a file that is
// not embedded (pictures, the README of the repository) becomes its words. The files are our own, so the HTML in them is kept.
package docs

import (
	"bytes"
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

//go:embed *.md how-to/*.md adr/*.md
var files embed.FS

// index is the file whose path is "".
const index = "README.md"

// Page is a page of the documentation.
type Page struct {
	Path     string // without ".md"; "" is the index
	Title    string
	HTML     string
	Headings []Heading // of the second level, in their order
}

// Heading is a heading that can be linked to.
type Heading struct{ ID, Title string }

// Found is a section that has what was searched for.
type Found struct {
	Path, Page string // of the page
	ID, Title  string // of the heading; "" is the beginning of the page
	Text       string // where the words stand
}

// Paths lists the pages.
func Paths() []string {
	var all []string
	for _, pattern := range []string{"*.md", "how-to/*.md", "adr/*.md"} {
		names, err := fs.Glob(files, pattern)
		if err != nil {
			panic(err) //nolint:forbidigo // a pattern of ours
		}
		for _, name := range names {
			all = append(all, pathOf(name))
		}
	}
	return all
}

// pathOf is the path of a file's page.
func pathOf(name string) string {
	name = strings.TrimSuffix(name, ".md")
	if name == "README" || strings.HasSuffix(name, "/README") {
		return strings.TrimSuffix(strings.TrimSuffix(name, "README"), "/")
	}
	return name
}

// fileOf is the file of a path.
func fileOf(p string) string {
	for _, name := range []string{p + ".md", path.Join(p, index)} {
		if _, err := fs.Stat(files, name); err == nil && p != "README" {
			return name
		}
	}
	return ""
}

// Read renders a page. Links to other pages begin with the prefix, such as "/docs". A path that is none gives fs.ErrNotExist.
func Read(p, prefix string) (Page, error) {
	name := fileOf(p)
	if name == "" || path.Clean("/"+p) != "/"+p {
		return Page{}, fs.ErrNotExist
	}
	source, err := files.ReadFile(name)
	if err != nil {
		return Page{}, err
	}
	tree := markdown.Parser().Parse(text.NewReader(source))
	page := Page{Path: p}
	if err := ast.Walk(tree, page.visit(source)); err != nil {
		return Page{}, err
	}
	relink(tree, source, name, prefix)
	var out bytes.Buffer
	if err := markdown.Renderer().Render(&out, source, tree); err != nil {
		return Page{}, err
	}
	page.HTML = scrolling.Replace(out.String())
	return page, nil
}

// scrolling lets what is wider than its page be moved with the keyboard, too.
var scrolling = strings.NewReplacer(
	"<pre>", `<pre tabindex="0">`,
	"<table>", `<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>`, "</table>", "</table></div>",
)

var titles = sync.OnceValues(func() (map[string]string, error) {
	all := map[string]string{}
	for _, p := range Paths() {
		page, err := Read(p, "")
		if err != nil {
			return nil, err
		}
		all[p] = page.Title
	}
	return all, nil
})

// Title is the title of a page, "" when there is none. It is cheap.
func Title(p string) string {
	all, err := titles()
	if err != nil {
		return ""
	}
	return all[p]
}

var markdown = goldmark.New(
	goldmark.WithExtensions(extension.GFM),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(html.WithUnsafe()),
)

// visit collects the title and the headings.
func (p *Page) visit(source []byte) ast.Walker {
	return func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		h, ok := n.(*ast.Heading)
		if !entering || !ok {
			return ast.WalkContinue, nil
		}
		switch h.Level {
		case 1:
			p.Title = words(h, source)
		case 2:
			id, _ := h.AttributeString("id")
			bytes, _ := id.([]byte)
			p.Headings = append(p.Headings, Heading{ID: string(bytes), Title: words(h, source)})
		}
		return ast.WalkSkipChildren, nil
	}
}

// words are the words of a node, without marks.
func words(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the walker never fails
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Segment.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				b.Write(line.Value(source))
			}
		}
		if n.Type() == ast.TypeBlock {
			b.WriteByte(' ')
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

// relink makes links to other files links to their pages. What is not embedded is not linked.
func relink(tree ast.Node, source []byte, file, prefix string) {
	var lost []ast.Node
	_ = ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the walker never fails
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			lost = append(lost, n)
		case *ast.Link:
			to, inside := resolve(file, string(n.Destination), prefix)
			if to == "" && inside {
				lost = append(lost, n)
			} else if inside {
				name(n, source, file, string(n.Destination))
				n.Destination = []byte(to)
			}
		}
		return ast.WalkContinue, nil
	})
	for _, n := range lost {
		parent := n.Parent()
		if _, picture := n.(*ast.Image); !picture {
			for c := n.FirstChild(); c != nil; c = n.FirstChild() {
				parent.InsertBefore(parent, n, c)
			}
		}
		parent.RemoveChild(parent, n)
	}
}

// name gives a link that is named by its file the title of the page.
func name(link *ast.Link, source []byte, file, to string) {
	to, _, _ = strings.Cut(to, "#")
	if said := words(link, source); said != path.Base(to) && said != to {
		return
	}
	page, err := files.ReadFile(path.Join(path.Dir(file), to))
	if err != nil {
		return
	}
	title, _, _ := strings.Cut(string(page), "\n")
	link.RemoveChildren(link)
	link.AppendChild(link, ast.NewString([]byte(strings.TrimPrefix(title, "# "))))
}

// resolve is where a link in a file leads; inside reports whether that is to a file at all. "" inside is a file that is not embedded.
func resolve(name, link, prefix string) (to string, inside bool) {
	if strings.Contains(link, ":") || strings.HasPrefix(link, "/") {
		return link, false
	}
	file, anchor, _ := strings.Cut(link, "#")
	if file == "" {
		return link, false
	}
	file = path.Join(path.Dir(name), file)
	if _, err := fs.Stat(files, file); err != nil || !strings.HasSuffix(file, ".md") {
		return "", true
	}
	to = strings.TrimSuffix(prefix+"/"+pathOf(file), "/")
	if anchor != "" {
		to += "#" + anchor
	}
	return to, true
}

// section is a part of a page for searches.
type section struct {
	Found
	folded string
}

var sections = sync.OnceValues(func() ([]section, error) {
	var all []section
	for _, p := range Paths() {
		source, err := files.ReadFile(fileOf(p))
		if err != nil {
			return nil, err
		}
		tree := markdown.Parser().Parse(text.NewReader(source))
		page := Page{Path: p}
		if err := ast.Walk(tree, page.visit(source)); err != nil {
			return nil, err
		}
		at := section{Found: Found{Path: p, Page: page.Title}}
		for n := tree.FirstChild(); n != nil; n = n.NextSibling() {
			if h, ok := n.(*ast.Heading); ok && h.Level > 1 {
				all = append(all, at)
				id, _ := h.AttributeString("id")
				bytes, _ := id.([]byte)
				at = section{Found: Found{Path: p, Page: page.Title, ID: string(bytes), Title: words(h, source)}}
				continue
			}
			at.Text += words(n, source) + " "
		}
		all = append(all, at)
	}
	for i := range all {
		all[i].folded = strings.ToLower(all[i].Page + " " + all[i].Title + " " + all[i].Text)
	}
	return all, nil
})

// shown is how much of a section is shown around what was found, in bytes on each side.
const shown = 90

// references are the pages that list everything of a kind.
var references = []string{"commands", "api", "attributes", "configuration"}

// Search finds the sections that have all of the words, those with a word in their heading first and references later; at most limit.
func Search(query string, limit int) ([]Found, error) {
	all, err := sections()
	if err != nil {
		return nil, err
	}
	wanted := strings.Fields(strings.ToLower(query))
	if len(wanted) == 0 {
		return nil, nil
	}
	type hit struct {
		Found
		rank int
	}
	var hits []hit
	for _, s := range all {
		rank := 0
		for _, w := range wanted {
			switch {
			case !strings.Contains(s.folded, w):
				rank = -1
			case rank >= 0 && strings.Contains(strings.ToLower(s.Page+" "+s.Title), w):
				rank += 2
			}
			if rank < 0 {
				break
			}
		}
		if rank < 0 {
			continue
		}
		switch {
		case strings.HasPrefix(s.Path, "adr"):
			rank-- // decisions are for contributors
		case slices.Contains(references, s.Path):
			rank -= 3 // guides first: a list of everything has every word somewhere
		}
		s.Text = around(s.Text, wanted[0])
		hits = append(hits, hit{s.Found, rank})
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return b.rank - a.rank })
	var found []Found
	for _, h := range hits[:min(limit, len(hits))] {
		found = append(found, h.Found)
	}
	return found, nil
}

// around is the part of a text in which a word stands.
func around(s, word string) string {
	s = strings.Join(strings.Fields(s), " ")
	at := max(strings.Index(strings.ToLower(s), word), 0)
	from, to := max(at-shown, 0), min(at+shown, len(s))
	if from > 0 {
		from += strings.IndexByte(s[from:], ' ') + 1
	}
	if to < len(s) {
		to = from + max(strings.LastIndexByte(s[from:to], ' '), 0)
	}
	part := s[from:to]
	if from > 0 {
		part = "… " + part
	}
	if to < len(s) {
		part += " …"
	}
	return part
}
