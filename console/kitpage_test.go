package console

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"lockstep"
	"lockstep/words"
)

// WithKit is the console with one page more, /kit, which shows every part of the kit in every state. Only tests have it.
func WithKit(s *Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.Handler())
	mux.HandleFunc("GET /kit", func(w http.ResponseWriter, r *http.Request) {
		p := s.page(r)
		p.Title, p.SignedIn = "Kit", true
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'")
		body := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error { return kit(s.now()).Render(ctx, w) })
		if err := layout(p).Render(templ.WithChildren(r.Context(), body), w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

// Routes are the patterns that the handler has registered.
func Routes(s *Server) []string { return s.routes }

// html is a component of fixed HTML.
func html(text string) templ.Component { return templ.Raw(text) }

// around gives a component children.
func around(outer templ.Component, inner ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return outer.Render(templ.WithChildren(ctx, templ.Join(inner...)), w)
	})
}

func panel(title string, all ...templ.Component) templ.Component {
	return templ.Join(append(append([]templ.Component{html(`<section class="panel" aria-label="` + title + `"><header><h2>` + title + `</h2></header>`)}, all...), html(`</section>`))...)
}

const long = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"

// kit is every part in every state.
func kit(now time.Time) templ.Component {
	return templ.Join(
		heading("An app with quite a long name of its own", "Webex · next run in 3 min", stateBadge(state{"In step", "check", good}),
			around(asks("kit-dialog", "destructive", ""), html("Delete…")), []tab{{Word: "Overview", Href: "/kit", Here: true}, {Word: "Users and groups", Href: "/kit", N: 12}, {Word: "Connection", Href: "/kit"}, {Word: "Mappings", Href: "/kit"}, {Word: "Scope", Href: "/kit"}, {Word: "Settings", Href: "/kit"}}),
		saved("Saved. It takes effect with the next plan."),
		html(`<div class="withhelp"><form class="fields" method="post" action="/kit">`), kitForm("a", false), html(`</form>`),
		around(helpBeside("What this is"), html(`<p>Help stands <strong>beside the form</strong>, and below it where there is no room.</p><ul><li>First</li><li>Second</li></ul>`)), html(`</div>`),
		html(`<form class="fields panel" method="post" action="/kit">`), kitForm("b", true), html(`</form>`),
		around(dialog("kit-dialog", "Delete this app?"), html(`<p>Its 12 assignments go with it. Nothing changes at the application.</p>`), cancels("kit-dialog")),
		panel("Picker", around(picker("/kit", picked{ID: "kit-found", Label: "Find a person", Hint: "Part of a name", Text: "ada", Keep: []setting{{"tab", "x"}}}),
			html(`<ul class="options" role="list"><li><label><input class="input" type="radio" name="to" value="1"/><span><span class="name">Ada Lindqvist</span><br/><small>ada.lindqvist@acme.example</small></span><span class="kind">Person</span></label></li></ul>`))),
		panel("Values", diffs([]words.Change{
			{Attribute: "title", Before: "Analyst", After: "Senior analyst"}, {Attribute: "phone", After: "+44 20 7946 0000"}, {Attribute: "nickName", Before: "Ada"},
			{Attribute: "members", After: "Grace", Reference: true}, {Attribute: "manager", Before: "Bob", Reference: true}, {Attribute: long, After: long},
		}, 6)),
		panel("Steps", stepList([]step{
			{N: 1, Name: "Import", OK: true, Summary: "found in people.csv", Details: []string{"userName = ada@acme.example", long + " = Engineering"}},
			{N: 2, Name: "Scope", Summary: "filter “Sales”: country equals DE", Details: []string{"country=US"}}, {N: 3, Name: "Action", OK: true, Last: true, Summary: "nothing to do"},
		})),
		panel("Nothing", around(empty("There is nothing here yet.", "What there will be, and what to do now."), html(`<a class="btn" href="/kit">Begin</a>`))),
		panel("Trouble", card(failureOf(lockstep.CodeTargetDomain, "create bob@old.example in Webex: the domain old.example is not verified")), html("<br/>"), card(failureOf(lockstep.CodeTargetTimeout, ""))),
		panel("Copy", copyable("https://lockstep.example/scim/acme/v2", "address")),
		panel("Table", html(`<div class="scroll" tabindex="0" role="region" aria-label="Table"><table class="stack"><thead><tr><th scope="col">Name</th><th scope="col">Why</th><th scope="col" class="num">People</th></tr></thead><tbody><tr><td><a href="/kit">Engineering</a></td><td data-label="Why" class="wrap">Assigned through a group with a long name</td><td data-label="People" class="num">1 204</td></tr></tbody></table></div>`)),
		panel("States", stateBadge(state{"Draft", "pencil", calm}), stateBadge(state{"Working", "busy", busy}), stateBadge(state{"Held", "eye", warn}), stateBadge(state{"Stopped", "alert", bad})),
	)
}

// kitForm has a field of each kind, empty or refused.
func kitForm(prefix string, wrong bool) templ.Component {
	choices := []choice{{"auto", "Automatic", "Changes go out as they come."}, {"manual", "Manual", "A plan waits for you each time."}}
	f := form{Fields: []field{
		{Name: prefix + "name", Label: "Name", Help: "As people call it.", Required: true},
		{Name: prefix + "attribute", Label: "Attribute", Code: true, Suggest: []choice{{"userName", "text", ""}, {long, "text", ""}}, Value: "userName"},
		{Name: prefix + "token", Label: "Secret token", Kind: secretField, Set: wrong},
		{Name: prefix + "expression", Label: "Expression", Kind: textField, Code: true, Value: `Join(" ", [givenName], [surname])`},
		{Name: prefix + "limit", Label: "Limit", Kind: numberField, Value: "5", Short: true},
		{Name: prefix + "ends", Label: "Ends", Kind: dateField, Short: true},
		{Name: prefix + "mode", Label: "Mode", Kind: choiceField, Choices: choices, Value: "manual"},
		{Name: prefix + "leave", Label: "Who leaves", Kind: selectField, Choices: choices},
		{Name: prefix + "groups", Label: "Send group objects", Kind: tickField, Help: "Groups with their members, too."},
	}}
	if wrong {
		f.Wrong = []string{"Somebody else has changed this in the meantime."}
		for i := range f.Fields {
			f.Fields[i].Error = "This is what is wrong with it, in a sentence."
		}
	}
	return templ.Join(formFaults(f), fields(f.Fields...), html(`<p class="actions"><button class="btn" type="submit">Save</button><button class="btn" data-variant="outline" type="submit">Save and test</button></p>`))
}
