package webex

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// Apply implements connection.Target. Licences are no part of SCIM: what an operation changes of them is written after the user, by a request
// of its own, and only when there is a difference.
func (t *Target) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	results := make([]connection.Result, len(ops))
	for i := range ops {
		results[i] = t.apply(ctx, &ops[i])
	}
	return results
}

// Rehearse implements connection.Rehearser.
func (t *Target) Rehearse(ctx context.Context, secrets map[string]bool, ops ...connection.Operation) []connection.Exchange {
	transcript := &connection.Transcript{Rehearsal: true, Secrets: secrets}
	t.Apply(connection.WithTranscript(ctx, transcript), ops)
	said, _ := transcript.Exchanges()
	return said
}

func (t *Target) apply(ctx context.Context, op *connection.Operation) connection.Result {
	lost := slices.Contains(t.differRoles(ctx, op).take, fullAdmin)
	if lost {
		t.admins.Lock()
		defer t.admins.Unlock()
	}
	if op.Ref.Type == connection.UserType && op.Ref.ID != "" && disables(op) && t.mapsRoles.Load() {
		if me, _ := t.signsIn(ctx); slices.Contains(me, strings.ToLower(op.Ref.ID)) {
			return connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetAdmin, Detail: fmt.Sprintf("%s %s in %s: this connection signs in as them: it would lock itself out", op.Kind, op.Name, t.name)}, Requests: 1}
		}
	}
	more := op.Before.Has(UserURN) || op.After.Has(UserURN) || op.Before.Has(rolesAttribute) || op.After.Has(rolesAttribute)
	if !more || op.Ref.Type != connection.UserType || op.Kind == rule.Delete || op.Kind == rule.Refer {
		return t.Target.Apply(ctx, []connection.Operation{*op})[0]
	}
	plain := *op
	plain.Before, plain.After = op.Before.Clone(), op.After.Clone()
	plain.Before.Delete(UserURN)
	plain.After.Delete(UserURN)
	roles := t.changeRoles(ctx, op, &plain)
	r := t.Target.Apply(ctx, []connection.Operation{plain})[0]
	r.Requests += roles.Requests
	if r.Err != nil {
		return r
	}
	wrote := op.After.Clone()
	if roles.Err != nil {
		wrote = withRoles(wrote, op.Before)
	}
	l, has := t.changeLicences(ctx, op, cmp.Or(r.ID, op.Ref.ID))
	r.Requests += l.Requests
	if r.Note == "" {
		r.Note = l.Note
	}
	if failed := firstOfResults(roles, l); failed.Err != nil {
		r.Err, r.RetryAfter, r.MaybeSent = failed.Err, failed.RetryAfter, failed.MaybeSent
		r.Wrote = withLicences(wrote, has)
		if r.Wrote == nil {
			r.Wrote = scim.Object{}
		}
	}
	return r
}

// firstOfResults is the failure that says when to try again, else the first.
func firstOfResults(all ...connection.Result) connection.Result {
	var first connection.Result
	for _, r := range all {
		switch {
		case r.Err == nil:
		case lockstep.Describe(lockstep.CodeOf(r.Err)).Class == lockstep.Heals:
			return r
		case first.Err == nil:
			first = r
		}
	}
	return first
}

// withLicences returns the values with these licences, and no others.
func withLicences(o scim.Object, has []string) scim.Object {
	o = o.Clone()
	ext, _ := o.Get(UserURN).(scim.Object)
	ext = ext.Clone()
	ext.Delete(licencesPath.Attr)
	if len(has) > 0 {
		list := make(scim.List, len(has))
		for i, s := range has {
			list[i] = s
		}
		ext.Set(licencesPath.Attr, list)
	}
	if len(ext) == 0 {
		o.Delete(UserURN)
	} else {
		o.Set(UserURN, ext)
	}
	return o
}

// grant is one licence that is given or taken away.
type grant struct {
	licence
	text   string // what the rules call it
	remove bool
}

func (g *grant) operation() string {
	if g.remove {
		return "remove"
	}
	return "add"
}

// changeLicences gives and takes away what licences the operation says, and returns which ones of ours the person has then.
func (t *Target) changeLicences(ctx context.Context, op *connection.Operation, user string) (r connection.Result, has []string) {
	before, after := licencesOf(op.Before), licencesOf(op.After)
	give, take := without(after, before), without(before, after)
	if len(give)+len(take) == 0 {
		return r, after
	}
	t.licensed.Store(true)
	all, r := t.lookUp(ctx, append(slices.Clone(give), take...))
	if r.Err != nil {
		return r, before
	}
	c := assignment{Target: t, op: op, user: user, has: slices.Clone(before), requests: r.Requests}
	grants := c.resolve(all, before, after, give, take)
	c.write(ctx, grants)
	slices.SortStableFunc(c.has, func(a, b string) int { return place(after, a) - place(after, b) })
	return c.result(), c.has
}

func place(list []string, name string) int {
	if i := slices.IndexFunc(list, func(s string) bool { return alike(s, name) }); i >= 0 {
		return i
	}
	return len(list)
}

// assignment is a change of one person's licences.
type assignment struct {
	*Target
	op       *connection.Operation
	user     string   // id in SCIM
	has      []string // what the person has of ours by now, as the rules call it
	notes    []string
	failed   []connection.Result
	requests int
}

// resolve finds out which licences are meant. One that has another name in the rules since is neither given nor taken away; one that the organisation has no
// more cannot be taken away, which is noted. A list without any licence says nothing.
func (c *assignment) resolve(all []licence, before, after, give, take []string) []grant {
	ids := func(texts []string) map[string]bool {
		m := map[string]bool{}
		for _, s := range texts {
			if l, err := meant(all, s); err == nil {
				m[l.id] = true
			}
		}
		return m
	}
	had, wants := ids(before), ids(after)
	var grants []grant
	for _, s := range take {
		l, err := meant(all, s)
		switch {
		case err != nil && (len(all) == 0 || len(called(all, s)) > 1):
			c.fail(err, s, true)
		case err != nil:
			c.notes = append(c.notes, fmt.Sprintf("Webex has no licence %q any more, which %s had: it could not be taken away by that name", s, c.op.Name))
			c.settle(&grant{text: s, remove: true})
		case wants[l.id]:
			c.settle(&grant{text: s, remove: true})
		default:
			grants = append(grants, grant{l, s, true})
		}
	}
	for _, s := range give {
		l, err := meant(all, s)
		switch {
		case err != nil:
			c.fail(err, s, false)
		case had[l.id]:
			c.settle(&grant{licence: l, text: s})
		default:
			grants = append(grants, grant{l, s, false})
		}
	}
	return grants
}

// settle notes that a grant is as it is to be.
func (c *assignment) settle(g *grant) {
	if g.remove {
		c.has = slices.DeleteFunc(c.has, func(s string) bool { return alike(s, g.text) })
	} else {
		c.has = append(c.has, g.text)
	}
}

// fail notes that a licence could not be given, or taken away.
func (c *assignment) fail(err error, text string, remove bool) {
	verb := "give %s to %s in %s"
	if remove {
		verb = "take %s from %s in %s"
	}
	c.failed = append(c.failed, connection.Result{Err: &lockstep.Error{
		Code: lockstep.CodeOf(err), Detail: fmt.Sprintf(verb, text, c.op.Name, c.name) + ": " + lockstep.Said(err), Err: err,
	}})
}

// result is what came of all of it: each failure is named.
func (c *assignment) result() connection.Result {
	r := firstOfResults(c.failed...)
	if len(c.failed) > 1 {
		var all []string
		for _, f := range c.failed {
			all = append(all, lockstep.Said(f.Err))
		}
		r.Err = &lockstep.Error{Code: lockstep.CodeOf(r.Err), Detail: strings.Join(all, "; "), Err: r.Err}
	}
	r.Requests, r.Note = c.requests, strings.Join(c.notes, "; ")
	return r
}

// write sends all grants in one request. Where Webex refuses them together, it is asked for each by itself, so that one that it does not
// allow keeps no other from the person; those that need another come round once more.
func (c *assignment) write(ctx context.Context, grants []grant) {
	if len(grants) == 0 {
		return
	}
	refused := c.send(ctx, grants)
	if refused == nil {
		return
	}
	if len(grants) == 1 {
		c.fail(refused, grants[0].text, grants[0].remove)
		return
	}
	for round := 0; len(grants) > 0; round++ {
		var left []grant
		reasons := map[string]error{}
		for _, g := range grants {
			n := len(c.failed)
			if err := c.send(ctx, []grant{g}); err != nil {
				left = append(left, g)
				reasons[g.id] = err
			}
			if c.waits(n) {
				return // the rest waits, too
			}
		}
		if round == 1 || len(left) == len(grants) || len(left) == 0 {
			for _, g := range left {
				c.fail(reasons[g.id], g.text, g.remove)
			}
			return
		}
		grants = left
	}
}

// send makes one request. It returns an error when Webex refuses all of it for what it asks for; every other failure is noted.
func (c *assignment) send(ctx context.Context, grants []grant) (refused error) {
	body := scim.Object{}
	if id := personID(c.user, grants[0].id); id != "" {
		body.Set("personId", id)
	} else {
		body.Set("email", cmp.Or(c.op.After.Text("userName"), c.op.Name))
	}
	var list scim.List
	for i := range grants {
		list = append(list, scim.Object{{Name: "id", Value: grants[i].id}, {Name: "operation", Value: grants[i].operation()}})
	}
	body.Set("licenses", list)
	a, r := c.rest.Call(ctx, http.MethodPatch, "/licenses/users", body, "change licences of "+c.op.Name+" in")
	c.requests += r.Requests
	switch {
	case a.Status == http.StatusBadRequest:
		return refusal(a.Body, r.Err)
	case a.Status == http.StatusNotFound: // the user is there: what knows of licences has not heard of them yet
		r.Err = &lockstep.Error{Code: lockstep.CodeTargetNotListed, Detail: fmt.Sprintf("change licences of %s in %s: they are not known there yet", c.op.Name, c.name), Err: r.Err}
		c.failed = append(c.failed, r)
	case r.Err != nil:
		r.Err = unopened(r.Err, "licences", "spark-admin:people_write")
		c.failed = append(c.failed, r)
	default:
		c.done(ctx, grants, a.Status, a.Body)
	}
	return nil
}

// waits reports whether one of the failures from the n-th on says that there is no use in going on now.
func (c *assignment) waits(n int) bool {
	return slices.ContainsFunc(c.failed[n:], func(r connection.Result) bool {
		return lockstep.Describe(lockstep.CodeOf(r.Err)).Class == lockstep.Heals
	})
}

// done takes over what the answer says that the person has now (200: all of it; 206: a part). What was to be taken away and is not certain to be gone
// is asked for once more, alone.
func (c *assignment) done(ctx context.Context, grants []grant, status int, body scim.Object) {
	var held []string
	var alone []grant
	n := len(c.failed)
	list, told := body.Get("licenses").(scim.List)
	for _, v := range list {
		if s, ok := v.(string); ok {
			held = append(held, s)
		}
	}
	shown := len(held) > 0 || status == http.StatusPartialContent
	for i := range grants {
		g := &grants[i]
		has := slices.ContainsFunc(held, func(id string) bool { return id == g.id || g.key != "" && alike(keyOf(id), g.key) })
		switch {
		case g.remove && !has && (told || status != http.StatusPartialContent):
			c.settle(g)
			c.seat(g.id, -1)
		case g.remove && status != http.StatusPartialContent:
			c.notes = append(c.notes, c.op.Name+" keeps "+g.text+", which something else in Webex gives them")
			c.settle(g)
		case g.remove && len(grants) > 1:
			alone = append(alone, *g)
		case g.remove:
			c.fail(&lockstep.Error{Code: lockstep.CodeTargetRefused, Detail: "Webex has done a part only, and does not say why (206)"}, g.text, true)
		case has, !shown:
			c.settle(g)
			c.seat(g.id, 1)
		default:
			n, _ := g.free()
			c.fail(&lockstep.Error{Code: lockstep.CodeTargetSeats, Detail: fmt.Sprintf("no seat is free (%d of %d were, when it was last asked)", n, g.total)}, g.text, false)
		}
	}
	for _, g := range alone {
		if c.waits(n) {
			return
		}
		if err := c.send(ctx, []grant{g}); err != nil {
			c.fail(err, g.text, true)
		}
	}
}

// seat counts a seat that was taken, or given back, until Webex is asked again.
func (t *Target) seat(id string, n int) {
	t.stock.amend(func(l *licence) {
		if l.id == id {
			l.taken += n
		}
	})
}

// refusals are the numbers that Webex documents for licences that it does not give or take away, in our words.
var refusals = map[int]string{
	400:    "the location of Webex Calling is not known",
	400112: "Webex Calling Professional cannot become Standard",
	400118: "licences of Webex Messenger are not managed here",
	400216: "the meeting site is not one of the organisation",
	400404: "nobody can have Webex Calling Professional and Standard together",
	400406: "nobody can have Webex Calling Standard and Attendant Console together",
	400407: "nobody can have Webex Calling Standard and Customer Assist together",
	400408: "Attendant Console needs Webex Calling Professional first",
	400410: "Customer Assist cannot become Webex Calling Standard",
	400411: "Webex Calling needs a location and a number or extension, which Control Hub gives with the licence",
	400413: "only one of the contact center's agent licences can be had",
	700003: "paid messaging needs the free messaging licence, too",
	700004: "paid meetings need the free meetings licence, too",
	700005: "meetings need the free messaging licence, too",
	700006: "it comes with another licence and cannot be taken away alone",
}

// refusal says why Webex refuses a change of licences.
func refusal(body scim.Object, err error) error {
	for _, e := range objects(body.Get("errors")) {
		code := number(e.Get("errorCode"))
		if s := e.Text("errorCode"); s != "" {
			_, _ = fmt.Sscan(s, &code)
		}
		if code == 400000 {
			return &lockstep.Error{Code: lockstep.CodeTargetName, Detail: "Webex does not know the licence any more (400000)", Err: err}
		}
		if why := refusals[code]; why != "" {
			return &lockstep.Error{Code: lockstep.CodeTargetRefused, Detail: fmt.Sprintf("%s (%d)", why, code), Err: err}
		}
	}
	return &lockstep.Error{Code: lockstep.CodeTargetRefused, Detail: lockstep.Said(err), Err: err}
}
