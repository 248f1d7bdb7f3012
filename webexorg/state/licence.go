package state

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Licence is a stock of seats of one product, of one subscription.
type Licence struct {
	ID           string   `json:"id"`             // <TYPE>_<uuid>, with _<site> for meetings
	Name         string   `json:"name"`           // since 2026-01-26
	OldName      string   `json:"old_name"`       // before; "" is Name
	Product      Product  `json:"product"`        // what the rules about licences look at
	Total        int      `json:"total"`          // seats; 0 of a free product is without end
	Subscription string   `json:"subscription"`   // "" of a free one
	Site         string   `json:"site,omitempty"` // of meetings
	SiteType     SiteType `json:"site_type,omitempty"`
}

// Product is what a licence is for.
type Product string

// The products that the rules know.
const (
	FreeMessaging     Product = "free-messaging" // the three that everybody gets without a template
	FreeMeetings      Product = "free-meetings"
	FreeCalling       Product = "free-calling"
	Messaging         Product = "messaging"
	Meetings          Product = "meetings"
	CallingPro        Product = "calling-professional"
	CallingStandard   Product = "calling-standard"
	Attendant         Product = "attendant"
	CustomerAssist    Product = "customer-assist"
	ScreenShare       Product = "screen-share" // implicit: comes with messaging, and cannot be removed
	ContactPremium    Product = "contact-center-premium"
	ContactStandard   Product = "contact-center-standard"
	ContactSupervisor Product = "contact-center-supervisor"
	Messenger         Product = "messenger" // of before; nobody can be given it, and nobody can lose it
)

// products tells the TYPE of each product's ids, and its names since and before 2026-01-26.
var products = map[Product][3]string{
	FreeMessaging: {"MSF", "Basic Messaging", "Basic Messaging"}, FreeMeetings: {"MCF", "Free Meetings", "Free - Webex Meetings"},
	FreeCalling: {"CSF", "Call on Webex", "Call on Webex"}, Messaging: {"MS", "Webex Messaging", "Messaging"},
	Meetings: {"EE", "Webex Meetings", "Single License - Webex Meetings"}, CallingPro: {"BC", "Webex Calling", "Single License - Webex Calling"},
	CallingStandard: {"BCSTD", "Webex Calling - Standard", "Webex Calling - Basic"}, Attendant: {"ATT", "Attendant Console", "Webex Attendant Console"},
	CustomerAssist: {"CXE", "Customer Assist", "Single License - CX Essentials"}, ScreenShare: {"SS", "Screen Share", "Screen Share"},
	ContactPremium:    {"CJPPRM", "Contact Center Premium Agent", "Contact Center Premium Agent"},
	ContactStandard:   {"CJPSTD", "Contact Center Standard Agent", "Contact Center Standard Agent"},
	ContactSupervisor: {"CJPSUP", "Contact Center Supervisor", "Contact Center Supervisor"}, Messenger: {"WM", "Webex Messenger", "Webex Messenger"},
}

// free reports whether seats have no end.
func (p Product) free() bool {
	return p == FreeMessaging || p == FreeMeetings || p == FreeCalling || p == ScreenShare
}

func (p Product) calling() bool { return p == CallingPro || p == CallingStandard }

// Contact reports whether the product makes somebody an agent or supervisor of the contact centre.
func (p Product) Contact() bool {
	return p == ContactPremium || p == ContactStandard || p == ContactSupervisor
}

// SiteType says who manages a meeting site.
type SiteType string

// The types of site.
const (
	ManagedSite SiteType = "Control Hub managed site"
	LinkedSite  SiteType = "Linked site"
	AdminSite   SiteType = "Site Admin managed site"
)

func (l *Licence) check() error {
	known, ok := products[l.Product]
	if !ok {
		return fmt.Errorf("the licence %q has the unknown product %q", l.Name, l.Product)
	}
	if l.Name == "" {
		l.Name, l.OldName = known[1], known[2]
	}
	if l.OldName == "" {
		l.OldName = l.Name
	}
	if l.ID == "" {
		l.ID = known[0] + "_" + NewID()
		if l.Site != "" {
			l.ID += "_" + l.Site
		}
	}
	if l.Product == Meetings && l.Site != "" && l.SiteType == "" {
		l.SiteType = ManagedSite
	}
	if l.Total < 0 || strings.ContainsAny(l.ID, " /:") {
		return fmt.Errorf("the licence %q cannot have the id %q and %d seats", l.Name, l.ID, l.Total)
	}
	return nil
}

// Template gives licences to whoever is created in the organisation or comes into a group.
type Template struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Type     TemplateType `json:"type"`
	Licences []string     `json:"licences"`         // ids
	Groups   []string     `json:"groups,omitempty"` // ids, of a template of groups
	// Recompute takes licences away when somebody joins or leaves a group: what no template grants is lost, also what was assigned
	// by hand. Off, as in Webex by default, licences are preserved.
	Recompute bool `json:"recompute,omitempty"`
}

// TemplateType says whom a template is for.
type TemplateType string

// The types of template.
const (
	OrgTemplate   TemplateType = "ORG"
	GroupTemplate TemplateType = "GROUP"
)

// Site is a meeting site that a person may use.
type Site struct {
	URL  string `json:"url"`
	Type string `json:"type"` // attendee or host
}

// granted returns the ids of the licences that templates give to a member of the groups: the union, or without any template of the
// organisation the three free ones. Of two licences of a product the one of the first subscription comes first, and a premium agent's
// before a standard one's; who has the one does not need the other, see serves.
func (c *OrgConfig) granted(groups []*record) []string {
	var ids []string
	org := false
	for _, t := range c.Templates {
		switch t.Type {
		case OrgTemplate:
			org = true
			ids = append(ids, t.Licences...)
		case GroupTemplate:
			if slices.ContainsFunc(groups, func(g *record) bool { return slices.Contains(t.Groups, g.id) }) {
				ids = append(ids, t.Licences...)
			}
		}
	}
	if !org {
		for _, l := range c.Licences {
			if l.Product == FreeMessaging || l.Product == FreeMeetings || l.Product == FreeCalling {
				ids = append(ids, l.ID)
			}
		}
	}
	slices.SortStableFunc(ids, func(a, b string) int {
		standard := func(id string) int { return map[bool]int{true: 1}[c.product(id) == ContactStandard] }
		return cmp.Or(standard(a)-standard(b), c.rank(a)-c.rank(b))
	})
	return slices.Compact(ids)
}

// serves reports whether whoever has the licences needs the other one no more: they have it, or one of the same product and site
// that another subscription pays for, or, in the place of a standard agent's, a premium one's.
func (c *OrgConfig) serves(have []string, l *Licence) bool {
	return slices.ContainsFunc(have, func(id string) bool {
		h := c.licence(id)
		return h != nil && (h.ID == l.ID || h.Product == l.Product && h.Site == l.Site || h.Product == ContactPremium && l.Product == ContactStandard)
	})
}

// rank is the place of a licence in the order of the configuration, which is that of its subscriptions, oldest first.
func (c *OrgConfig) rank(id string) int {
	return slices.IndexFunc(c.Licences, func(l Licence) bool { return l.ID == id })
}

func (c *OrgConfig) product(id string) Product {
	if l := c.licence(id); l != nil {
		return l.Product
	}
	return ""
}
