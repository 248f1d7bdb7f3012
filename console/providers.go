package console

import (
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/web"
)

// signInPages are the pages about signing people in. They are there only when the server does so.
func (s *Server) signInPages(handle func(string, web.Handler)) {
	handle("GET /signin", func(w http.ResponseWriter, r *http.Request) error { return seeOther(w, r, "/signin/providers") })
	handle("GET /signin/providers", s.in(s.providers))
	handle("GET /signin/add", s.in(s.providerKinds))
	handle("GET /signin/add/{kind}", s.in(s.showAddProvider))
	handle("POST /signin/add/{kind}", s.in(s.addProvider))
	handle("GET /signin/providers/{alias}", s.in(s.showProvider))
	handle("POST /signin/providers/{alias}", s.in(s.saveProvider))
	handle("GET /signin/providers/{alias}/test", s.in(s.showTrial))
	handle("GET /signin/providers/{alias}/test/live", s.in(s.trialLive))
	handle("POST /signin/providers/{alias}/test", s.in(s.beginTrial))
	handle("GET /signin/providers/{alias}/people", s.in(s.showMatches))
	handle("POST /signin/providers/{alias}/people", s.in(s.checkMatches))
	handle("GET /signin/providers/{alias}/claims", s.in(s.showClaims))
	handle("POST /signin/providers/{alias}/claims", s.in(s.addClaimRule))
	handle("POST /signin/providers/{alias}/claims/remove", s.in(s.removeClaimRule))
	handle("POST /signin/providers/{alias}/trust", s.in(s.trustAuthority))
	handle("POST /signin/providers/{alias}/look", s.in(s.lookAtProvider))
	handle("POST /signin/providers/{alias}/state", s.in(s.setProviderState))
	handle("POST /signin/providers/{alias}/delete", s.in(s.deleteProvider))
	s.clientPages(handle)
	s.sessionPages(handle)
	s.attemptPages(handle)
	s.loginPages(handle)
}

// signInTabs are the pages of Sign-in.
func signInTabs(here string) []tab {
	all := []tab{
		{Word: "Identity providers", Href: "/signin/providers"}, {Word: "Applications", Href: "/signin/apps"}, {Word: "Sessions", Href: "/signin/sessions"},
		{Word: "Attempts", Href: "/signin/attempts"}, {Word: "Login page", Href: "/signin/page"},
	}
	for i := range all {
		all[i].Here = all[i].Href == here
	}
	return all
}

// provider is an identity provider as pages show it.
type provider struct {
	operate.IdentityProvider
	KindName string
	Href     string
	Badge    state
}

func (s *Server) providerOf(v visit, p operate.IdentityProvider) (provider, operate.KindOfProvider, error) {
	k, err := s.Operator.ProviderKind(v.who, p.Kind)
	return provider{IdentityProvider: p, KindName: k.Title, Href: "/signin/providers/" + url.PathEscape(p.Alias), Badge: providerBadge(p.State)}, k, err
}

func providerBadge(s sso.ProviderState) state {
	switch s {
	case sso.Enabled:
		return state{"Enabled", "check", good}
	case sso.Disabled:
		return state{"Disabled", "pause", calm}
	case sso.Draft:
	}
	return state{"Draft", "pencil", calm}
}

// providersView is the list of identity providers.
type providersView struct {
	Said string
	All  []provider
}

func (s *Server) providers(w http.ResponseWriter, r *http.Request, v visit) error {
	all, err := s.Operator.IdentityProviders(r.Context(), v.who)
	if err != nil {
		return err
	}
	view := providersView{Said: said(r)}
	for _, one := range all {
		p, _, err := s.providerOf(v, one)
		if err != nil {
			return err
		}
		view.All = append(view.All, p)
	}
	v.page.Title, v.page.Nav = "Identity providers", "/signin"
	return s.render(w, r, http.StatusOK, providersPage(v.page, view))
}

func (s *Server) providerKinds(w http.ResponseWriter, r *http.Request, v visit) error {
	all, err := s.Operator.ProviderKinds(v.who)
	if err != nil {
		return err
	}
	v.page.Title, v.page.Nav = "Add a provider", "/signin"
	return s.render(w, r, http.StatusOK, providerKindsPage(v.page, all))
}

// addProviderView is a kind of provider that is about to be added.
type addProviderView struct {
	Kind operate.KindOfProvider
	Form form
}

func (s *Server) addProviderView(r *http.Request, v *visit) (addProviderView, error) {
	k, err := s.Operator.ProviderKind(v.who, sso.ProviderKind(r.PathValue("kind")))
	if err != nil {
		return addProviderView{}, err
	}
	all, err := s.Operator.IdentityProviders(r.Context(), v.who)
	if err != nil {
		return addProviderView{}, err
	}
	v.page.Title, v.page.Nav = "Add "+k.Title, "/signin"
	alias := string(k.Kind)
	if k.Kind == sso.KindWebexCC {
		alias = "webex-cc"
	}
	base := alias
	for n := 2; slices.ContainsFunc(all, func(p operate.IdentityProvider) bool { return p.Alias == alias }); n++ {
		alias = base + "-" + strconv.Itoa(n)
	}
	return addProviderView{k, form{Fields: []field{
		{Name: "name", Label: "Display name", Hint: k.Name, Help: "What its button on the login page says. Empty: " + k.Name + "."},
		{Name: "alias", Label: "Short name", Value: alias, Required: true, Code: true, Help: "Part of the redirect URI, so it stays as it is: small letters, digits and hyphens."},
	}}}, nil
}

func (s *Server) showAddProvider(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.addProviderView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, addProviderPage(v.page, view))
}

// addProvider adds a provider as a draft, whose redirect URI stands at once.
func (s *Server) addProvider(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.addProviderView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	name := view.Form.value("name")
	if name == "" {
		name = view.Kind.Name
	}
	p, err := s.Operator.AddIdentityProvider(r.Context(), v.who, view.Kind.Kind, view.Form.value("alias"), operate.ProviderChange{Name: &name})
	if err == nil {
		return seeOther(w, r, "/signin/providers/"+url.PathEscape(p.Alias)+"?said=provider-added")
	}
	if lockstep.CodeOf(err) == lockstep.CodeConflict {
		view.Form.blame("alias", sentenceOf(err))
	} else if err := view.Form.wrong(err); err != nil {
		return err
	}
	return s.render(w, r, http.StatusUnprocessableEntity, addProviderPage(v.page, view))
}

// providerHead is what every page of a provider has.
type providerHead struct {
	Provider provider
	Kind     operate.KindOfProvider
	Links    int
	Tabs     []tab
}

func (s *Server) openProvider(r *http.Request, v *visit, here string) (providerHead, error) {
	one, err := s.Operator.IdentityProvider(r.Context(), v.who, r.PathValue("alias"))
	if err != nil {
		return providerHead{}, err
	}
	p, k, err := s.providerOf(*v, one)
	if err != nil {
		return providerHead{}, err
	}
	h := providerHead{Provider: p, Kind: k, Tabs: []tab{{Word: "Settings", Href: p.Href}, {Word: "Test sign-in", Href: p.Href + "/test"}, {Word: "Claims", Href: p.Href + "/claims"}, {Word: "Who would match", Href: p.Href + "/people"}}}
	if k.Kind == sso.KindLocal {
		h.Tabs = h.Tabs[:1]
	}
	for i := range h.Tabs {
		h.Tabs[i].Here = h.Tabs[i].Href == p.Href+here
	}
	h.Links, err = s.Operator.ProviderLinks(r.Context(), v.who, p.Alias)
	v.page.Title, v.page.Nav = p.Name, "/signin"
	return h, err
}

// providerView is a provider as a form, with what is to be done at the provider before it can be filled in.
type providerView struct {
	Head    providerHead
	Guide   operate.ProviderGuide
	Said    string
	Main    form
	Groups  []fieldGroup
	Notes   []string // of what was just imported
	Steps   []todo
	Presets string // JSON, for the script that shows what a region stands for
	NoApp   bool   // it is enabled, and no application signs people in yet
}

// fieldGroup are fields that are folded up while they are as they mostly are.
type fieldGroup struct {
	Title string
	Open  bool
	Form  form
}

// todo is one thing on the way to a provider that works.
type todo struct {
	Word string
	Done bool
	When time.Time
}

func (s *Server) providerView(r *http.Request, v *visit) (providerView, error) {
	h, err := s.openProvider(r, v, "")
	if err != nil {
		return providerView{}, err
	}
	view := providerView{Head: h, Said: said(r)}
	if !h.Kind.ByPassword() {
		if view.Guide, err = s.Operator.ProviderGuide(r.Context(), v.who, h.Provider.Alias); err != nil {
			return view, err
		}
	}
	view.fill()
	ready := s.Operator.CheckIdentityProvider(r.Context(), v.who, h.Provider.Alias) == nil
	p := h.Provider
	if !h.Kind.ByPassword() {
		view.Steps = append(view.Steps, todo{Word: "Lockstep is registered there", Done: p.Settings["client_id"] != "" || p.Settings["entity_id"] != ""})
	}
	view.Steps = append(view.Steps, todo{Word: "The settings are complete", Done: ready})
	if p.Kind != sso.KindLocal {
		view.Steps = append(view.Steps, todo{Word: "A test sign-in has succeeded", Done: !p.Tested.IsZero(), When: p.Tested})
	}
	view.Steps = append(view.Steps, todo{Word: "Enabled: its button is on the login page", Done: p.State == sso.Enabled})
	if p.State == sso.Enabled {
		apps, err := s.Operator.Clients(r.Context(), v.who)
		if err != nil {
			return view, err
		}
		view.NoApp = !slices.ContainsFunc(apps, func(c sso.Client) bool { return c.ID != sso.ConsoleClient })
	}
	return view, nil
}

func (s *Server) showProvider(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.providerView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, providerPage(v.page, view))
}

// saveProvider keeps what was sent, as far as it goes: what a draft lacks is no fault. It can import a document first, or lead on to the test.
func (s *Server) saveProvider(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.providerView(r, &v)
	if err != nil {
		return err
	}
	for _, f := range view.forms() {
		f.sent(r)
	}
	refuse := func() error {
		view.unfold()
		return s.render(w, r, http.StatusUnprocessableEntity, providerPage(v.page, view))
	}
	p := view.Head.Provider
	do := r.PostFormValue("do")
	if do == "import" {
		return s.importProvider(w, r, v, view)
	}
	change := view.change()
	change.DecryptionKey = do == "decryption-key"
	if all := view.faults(); all.faulty() {
		return refuse()
	}
	if _, err := s.Operator.SetIdentityProvider(r.Context(), v.who, p.Alias, change); err != nil {
		if err := view.wrong(err); err != nil {
			return err
		}
		return refuse()
	}
	switch do {
	case "test":
		return seeOther(w, r, p.Href+"/test?said=saved")
	case "decryption-key":
		return seeOther(w, r, p.Href+"?said=decryption-key")
	}
	return seeOther(w, r, p.Href+"?said=saved")
}

// importProvider fills the form from the provider's own document. Nothing is kept before somebody saves it.
func (s *Server) importProvider(w http.ResponseWriter, r *http.Request, v visit, view providerView) error {
	from := view.field("set-discovery_url")
	if from == nil {
		from = view.field("set-metadata_url")
	}
	if from == nil || from.Value == "" {
		return seeOther(w, r, view.Head.Provider.Href)
	}
	settings, notes, err := s.Operator.ImportProvider(r.Context(), v.who, view.Head.Provider.Alias, from.Value)
	status := http.StatusOK
	if err != nil {
		if web.StatusOf(err) < 500 || strings.HasPrefix(string(lockstep.CodeOf(err)), "idp.") {
			from.Error = sentenceOf(err) + " " + lockstep.Describe(lockstep.CodeOf(err)).Help
			status = http.StatusUnprocessableEntity
		} else {
			return err
		}
	}
	for name, value := range settings {
		if to := view.field("set-" + name); to != nil && to.Value != value {
			to.Value = value
		}
	}
	view.Notes = notes
	if err == nil && len(notes) == 0 {
		view.Notes = []string{"The form is filled in from the document. Look it over and save it."}
	}
	view.unfold()
	return s.render(w, r, status, providerPage(v.page, view))
}

// lookAtProvider looks now at what a provider publishes about itself.
func (s *Server) lookAtProvider(w http.ResponseWriter, r *http.Request, v visit) error {
	p, err := s.Operator.LookAtProvider(r.Context(), v.who, r.PathValue("alias"))
	if err != nil {
		return err
	}
	return seeOther(w, r, "/signin/providers/"+url.PathEscape(p.Alias)+"?said=provider-looked")
}

// setProviderState enables or disables a provider.
func (s *Server) setProviderState(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.providerView(r, &v)
	if err != nil {
		return err
	}
	do := r.PostFormValue("do")
	_, err = s.Operator.EnableIdentityProvider(r.Context(), v.who, view.Head.Provider.Alias, do != "disable", do == "untested")
	if err != nil {
		if err := view.wrong(err); err != nil {
			return err
		}
		view.unfold()
		return s.render(w, r, http.StatusUnprocessableEntity, providerPage(v.page, view))
	}
	if do == "disable" {
		return seeOther(w, r, view.Head.Provider.Href+"?said=provider-disabled")
	}
	return seeOther(w, r, view.Head.Provider.Href+"?said=provider-enabled")
}

// deleteProvider deletes a provider, once its short name was typed.
func (s *Server) deleteProvider(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.providerView(r, &v)
	if err != nil {
		return err
	}
	p := view.Head.Provider
	if r.PostFormValue("sure") != p.Alias {
		view.Main.Wrong = append(view.Main.Wrong, "It was not deleted: what was typed is not “"+p.Alias+"”.")
		return s.render(w, r, http.StatusUnprocessableEntity, providerPage(v.page, view))
	}
	if err := s.Operator.DeleteIdentityProvider(r.Context(), v.who, p.Alias); err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return err
	}
	return seeOther(w, r, "/signin/providers?said=provider-deleted")
}

// pemOf writes certificates as PEM, the form in which they are given.
func pemOf(all [][]byte) string {
	var b strings.Builder
	for _, der := range all {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return b.String()
}
