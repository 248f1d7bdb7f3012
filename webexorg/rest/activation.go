package rest

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"lockstep/webexorg/state"
)

// activations are the last jobs that sent activation mails, one an organisation. They are in memory: a restart forgets them.
type activations struct {
	mu   sync.Mutex
	jobs map[string]*activation
	last int
}

// activation is a job that sends activation mails to whoever is pending.
type activation struct {
	id       string
	org      string
	actor    string
	tracking string
	number   int
	begun    time.Time
	ended    time.Time
	sent     int
	skipped  []string // addresses of those who were invited in the last 24 hours
	ids      []string // and their ids
	enabled  bool
}

// execution is one run of a job.
type execution struct {
	ID            int    `json:"id"`
	StartTime     string `json:"startTime"`
	EndTime       string `json:"endTime,omitempty"`
	LastUpdated   string `json:"lastUpdated"`
	StatusMessage string `json:"statusMessage"`
	ExitCode      string `json:"exitCode"`
	CreatedTime   string `json:"createdTime"`
	TimeElapsed   string `json:"timeElapsed"`
}

// activationJob is a job as the API shows it.
type activationJob struct {
	Name           string           `json:"name"`
	ID             string           `json:"id"`
	TrackingID     string           `json:"trackingId"`
	SourceUserID   string           `json:"sourceUserId"`
	SourceCustomer string           `json:"sourceCustomerId"`
	TargetCustomer string           `json:"targetCustomerId"`
	InstanceID     int              `json:"instanceId"`
	Executions     []execution      `json:"jobExecutionStatus"`
	Latest         string           `json:"latestExecutionStatus"`
	LatestExit     string           `json:"latestExecutionExitCode"`
	Counts         activationCounts `json:"counts"`
	AllowMails     bool             `json:"allowAdminInviteEmails"`
}

type activationCounts struct {
	Sent    int `json:"userResendInviteSent"`
	Failed  int `json:"userResendInviteFailed"`
	Skipped int `json:"userResendInviteSkipped"`
	Total   int `json:"totalUsers"`
}

// show is the job; fresh is how its start is answered, before anything is known.
func (a *activation) show(fresh bool) activationJob {
	at := func(t time.Time) string { return stamp(t.UnixMilli()) }
	x := execution{
		ID: a.number, StartTime: at(a.begun), LastUpdated: at(a.begun), StatusMessage: "STARTED", ExitCode: "UNKNOWN",
		CreatedTime: at(a.begun), TimeElapsed: "PT0S",
	}
	j := activationJob{
		Name: "resendinviteemail", ID: idOf(jobKind, a.id), TrackingID: a.tracking, SourceUserID: a.actor, SourceCustomer: idOf(orgKind, a.org),
		TargetCustomer: idOf(orgKind, a.org), InstanceID: a.number, Latest: "STARTED", LatestExit: "UNKNOWN", AllowMails: a.enabled,
	}
	if !fresh {
		x.EndTime, x.LastUpdated, x.StatusMessage, x.ExitCode = at(a.ended), at(a.ended), "COMPLETED", "COMPLETED"
		j.Latest, j.LatestExit = "COMPLETED", "COMPLETED"
		if len(a.skipped) > 0 {
			j.LatestExit = "COMPLETED_WITH_ERRORS"
		}
		j.Counts = activationCounts{Sent: a.sent, Skipped: len(a.skipped), Total: a.sent + len(a.skipped)}
	}
	j.Executions = []execution{x}
	return j
}

// inviteAgain is how long nobody is invited twice.
const inviteAgain = 24 * time.Hour

// startActivation answers POST …/sendActivationEmails. The mails go nowhere: that they were sent is noted.
func startActivation(q *request) error {
	now := q.f.u.Now()
	enabled, _ := q.org.Settings().Setting(state.InviteEmails)
	a := &activation{
		id: state.NewID(), org: q.org.ID(), actor: idOf(personKind, q.call.By.Person), tracking: q.actor().Tracking, begun: now, enabled: enabled,
	}
	people, _ := q.org.People(state.PeopleQuery{Limit: 1 << 30})
	for i := range people {
		p := &people[i]
		if !p.Pending {
			continue
		}
		if now.Sub(time.UnixMilli(p.Account.Invited)) < inviteAgain {
			a.skipped, a.ids = append(a.skipped, p.Object().Text("userName")), append(a.ids, p.ID)
			continue
		}
		err := q.org.ChangeAccount(p.ID, func(account *state.Account) error {
			account.Invited = now.UnixMilli()
			return nil
		})
		if err != nil {
			return err
		}
		a.sent++
	}
	a.ended = q.f.u.Now()
	q.f.jobs.add(a)
	return send(q, http.StatusAccepted, a.show(true))
}

func (j *activations) add(a *activation) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.jobs == nil {
		j.jobs = map[string]*activation{}
	}
	j.last++
	a.number = j.last
	j.jobs[a.org] = a
}

// findJob returns the job that the path names.
func (q *request) findJob() (*activation, error) {
	q.f.jobs.mu.Lock()
	defer q.f.jobs.mu.Unlock()
	a := q.f.jobs.jobs[q.org.ID()]
	if a == nil || a.id != uuidOf(q.vars["job"], jobKind) {
		return nil, fail(http.StatusNotFound, "Job not found.")
	}
	return a, nil
}

func activationStatus(q *request) error {
	a, err := q.findJob()
	if err != nil {
		return err
	}
	return send(q, http.StatusOK, a.show(false))
}

func activationErrors(q *request) error {
	a, err := q.findJob()
	if err != nil {
		return err
	}
	most, err := q.size("max", 1000, 1000)
	if err != nil {
		return err
	}
	type message struct {
		Description string  `json:"description"`
		Code        string  `json:"code"`
		LocationID  *string `json:"locationId"`
	}
	type item struct {
		Number int `json:"itemNumber"`
		Error  struct {
			Key     string    `json:"key"`
			Message []message `json:"message"`
		} `json:"error"`
		TrackingID string `json:"trackingId"`
	}
	out := struct {
		Items []item `json:"items"`
	}{[]item{}}
	for i, id := range a.ids[:min(most, len(a.ids))] {
		it := item{Number: i + 1, TrackingID: a.tracking + "_" + strconv.Itoa(i+1)}
		it.Error.Key = "304"
		it.Error.Message = []message{{
			Description: "Re-send invite for " + id + " is suppressed as the user has already received an invitation email in last 24 hours ; " +
				"Error with " + a.skipped[i] + ".",
			Code: "ATLAS-600199",
		}}
		out.Items = append(out.Items, it)
	}
	return send(q, http.StatusOK, out)
}

// auditEvent is what an administrator, or a program, has done.
type auditEvent struct {
	Data struct {
		ActorOrgName     string   `json:"actorOrgName"`
		TargetName       string   `json:"targetName,omitempty"`
		EventDescription string   `json:"eventDescription"`
		ActorName        string   `json:"actorName"`
		ActorEmail       string   `json:"actorEmail,omitempty"`
		AdminRoles       []string `json:"adminRoles,omitempty"`
		TrackingID       string   `json:"trackingId,omitempty"`
		TargetType       string   `json:"targetType,omitempty"`
		TargetID         string   `json:"targetId,omitempty"`
		EventCategory    string   `json:"eventCategory"`
		ActorUserAgent   string   `json:"actorUserAgent,omitempty"`
		ActorIP          string   `json:"actorIp,omitempty"`
		TargetOrgID      string   `json:"targetOrgId,omitempty"`
		ActionText       string   `json:"actionText"`
		TargetOrgName    string   `json:"targetOrgName,omitempty"`
	} `json:"data"`
	Created    string `json:"created"`
	ActorOrgID string `json:"actorOrgId"`
	ID         string `json:"id"`
	ActorID    string `json:"actorId"`
}

// deeds tells in words what a kind of write is, and its category.
var deeds = map[string][3]string{ // kind and operation: description, verb, category
	"User create": {"A user was created", "created the user", "USERS"}, "User update": {"A user was changed", "changed the user", "USERS"},
	"User delete": {"A user was deleted", "deleted the user", "USERS"}, "User licences": {"Licenses of a user were changed", "changed licenses of", "USERS"},
	"Group create": {"A group was created", "created the group", "GROUPS"}, "Group update": {"A group was changed", "changed the group", "GROUPS"},
	"Group members": {"Members of a group were changed", "changed members of the group", "GROUPS"},
	"Group delete":  {"A group was deleted", "deleted the group", "GROUPS"},
}

func auditCategories(q *request) error {
	return send(q, http.StatusOK, struct {
		Categories []string `json:"eventCategories"`
	}{[]string{"GROUPS", "LOGINS", "USERS"}})
}

// period reads from when to when events are asked for.
func (q *request) period(from, to string) (begin, end time.Time, err error) {
	if q.q.Get("orgId") == "" {
		return begin, end, fail(http.StatusBadRequest, "orgId is needed.")
	}
	if begin, err = q.readTime(from, true); err != nil {
		return begin, end, err
	}
	if end, err = q.readTime(to, true); err != nil {
		return begin, end, err
	}
	if !begin.Before(end) {
		return begin, end, fail(http.StatusBadRequest, from+" must be before "+to+".")
	}
	return begin, end, nil
}

// auditEvents answers GET /adminAudit/events, the newest first.
func auditEvents(q *request) error {
	begin, end, err := q.period("from", "to")
	if err != nil {
		return err
	}
	most, err := q.size("max", 100, 200)
	if err != nil {
		return err
	}
	offset, err := strconv.Atoi(orText(q.q.Get("offset"), "0"))
	if err != nil || offset < 0 {
		return fail(http.StatusBadRequest, "offset must be a number.")
	}
	categories := q.q["eventCategories"]
	out := struct {
		Items []auditEvent `json:"items"`
	}{[]auditEvent{}}
	more := false
	for _, c := range slices.Backward(q.org.Changes(begin, end)) {
		e := q.auditEvent(&c)
		switch {
		case len(categories) > 0 && !slices.Contains(categories, e.Data.EventCategory),
			q.q.Get("actorId") != "" && uuidOf(q.q.Get("actorId"), personKind) != c.By.Person:
			continue
		case offset > 0:
			offset--
			continue
		case len(out.Items) == most:
			more = true
		}
		if more {
			break
		}
		out.Items = append(out.Items, e)
	}
	if q.another(more, len(out.Items), most) {
		n, _ := strconv.Atoi(orText(q.q.Get("offset"), "0")) // read above
		q.next(map[string]string{"offset": strconv.Itoa(n + most)})
	}
	return send(q, http.StatusOK, out)
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (q *request) auditEvent(c *state.Commit) auditEvent {
	deed := deeds[c.Kind+" "+c.Op]
	name := q.org.Settings().Name
	e := auditEvent{
		Created: stamp(c.At.UnixMilli()), ActorOrgID: idOf(orgKind, q.org.ID()), ID: idOf(eventKind, strconv.FormatInt(c.Seq, 10)),
		ActorID: idOf(personKind, c.By.Person),
	}
	d := &e.Data
	d.ActorOrgName, d.TargetOrgName, d.TargetOrgID = name, name, idOf(orgKind, q.org.ID())
	d.TargetName, d.EventDescription, d.EventCategory = c.Name, deed[0], deed[2]
	d.ActorName, d.TrackingID, d.ActorUserAgent, d.ActorIP = c.By.Name, c.By.Tracking, c.By.Agent, c.By.Address
	d.ActionText = c.By.Name + " " + deed[1] + " " + c.Name + "."
	d.TargetType, d.TargetID = "USER", idOf(personKind, c.ID)
	if c.Kind == "Group" {
		d.TargetType, d.TargetID = "GROUP", idOf(groupKind, c.ID+":"+q.org.ID())
	}
	if p, ok := q.org.Person(c.By.Person); ok && c.By.Person != "" {
		d.ActorName, d.ActorEmail, d.AdminRoles = p.Name, p.Object().Text("userName"), p.Roles
	}
	return e
}

// securityEvents answers GET /admin/securityAudit/events: sign-ins and sign-outs, the newest first.
func securityEvents(q *request) error {
	begin, end, err := q.period("startTime", "endTime")
	if err != nil {
		return err
	}
	most, err := q.size("max", 100, 1000)
	if err != nil {
		return err
	}
	type event struct {
		Data struct {
			ActorOrgName     string `json:"actorOrgName"`
			EventDescription string `json:"eventDescription"`
			ActorName        string `json:"actorName"`
			ActorEmail       string `json:"actorEmail"`
			ActorUserAgent   string `json:"actorUserAgent"`
			TrackingID       string `json:"trackingId"`
			EventCategory    string `json:"eventCategory"`
			ActorIP          string `json:"actorIp"`
			ActionText       string `json:"actionText"`
		} `json:"data"`
		Created    string `json:"created"`
		ActorOrgID string `json:"actorOrgId"`
		ID         string `json:"id"`
		ActorID    string `json:"actorId"`
	}
	out := struct {
		Items []event `json:"items"`
	}{[]event{}}
	org := q.org.Settings().Name
	for _, s := range slices.Backward(q.org.SignIns(begin, end)) {
		if len(out.Items) == most {
			break
		}
		category, description, text := signInWords(s)
		wanted := q.q["eventCategories"]
		if len(wanted) > 0 && !slices.Contains(wanted, category) || q.q.Get("actorId") != "" && uuidOf(q.q.Get("actorId"), personKind) != s.Person {
			continue
		}
		e := event{Created: stamp(s.At.UnixMilli()), ActorOrgID: idOf(orgKind, q.org.ID()), ID: idOf(eventKind, s.ID), ActorID: idOf(personKind, s.Person)}
		d := &e.Data
		d.ActorOrgName, d.EventDescription, d.ActorName, d.ActorEmail = org, description, s.Name, s.Email
		d.ActorUserAgent, d.EventCategory, d.ActorIP, d.ActionText = s.Agent, category, s.Address, s.Name+" "+text+" "+org+"."
		d.TrackingID = "ATLAS_" + s.ID
		out.Items = append(out.Items, e)
	}
	return send(q, http.StatusOK, out)
}

func signInWords(s state.SignInEvent) (category, description, text string) {
	who := "A user"
	if s.Admin {
		who = "An Admin"
	}
	switch {
	case s.Logout:
		return "LOGOUT", who + " logged out", "logged out of organization"
	case s.Failed:
		return "LOGINS", who + " could not log in", "could not log into organization"
	}
	return "LOGINS", who + " logged in", "logged into organization"
}
