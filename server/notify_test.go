package server_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/e2e/parts"
	"lockstep/notify"
	"lockstep/server"
	"lockstep/store"
	"lockstep/web"
)

// telling is a server whose tenant is to be told, with its database at hand.
type telling struct {
	*testing.T
	config server.Config
	n      *server.Server
	stop   func()
	client *api.Client
}

func (x *telling) start() {
	x.Helper()
	var err error
	if x.n, err = server.Open(x.Context(), x.config); err != nil {
		x.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- x.n.Run(ctx) }()
	x.client = &api.Client{Base: "http://lockstep", Token: "local", HTTP: api.Local(x.n.Handler())}
	x.stop = func() {
		cancel()
		if err := <-ran; err != nil {
			x.Error(err)
		}
		if err := x.n.Close(); err != nil {
			x.Error(err)
		}
	}
}

func (x *telling) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

// ripe opens the database by itself and makes causes that a server has seen a while ago.
func (x *telling) ripe(key store.Key, causes ...notify.Remembered) {
	x.Helper()
	db, err := store.Open(x.Context(), store.Config{SQLite: x.config.SQLite, Key: key})
	x.must(err)
	t, err := db.TenantBySlug(x.Context(), "default")
	x.must(err)
	for i := range causes {
		causes[i].Since = time.Now().Add(-2 * time.Minute)
	}
	x.must(db.Notify().Tell(x.Context(), t.ID, causes, nil, time.Now()))
	x.must(db.Close())
}

// await waits until f says so.
func (x *telling) await(what string, f func() bool) {
	x.Helper()
	for end := time.Now().Add(45 * time.Second); !f(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			n, err := x.client.Notifications(x.Context())
			x.Fatalf("%s does not come; %+v, %v", what, n.Messages, err)
		}
	}
}

// TestTold: what needs somebody is told by mail and by webhook, once each; a mail that is put off goes after a restart.
func TestTold(t *testing.T) {
	t.Parallel()
	cert, keyFile, ca := parts.Certificate(t, t.TempDir(), time.Now().Add(time.Hour), "127.0.0.1")
	mail := parts.NodeMail(t, "starttls", true, cert, keyFile)
	posts := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posts <- string(body)
	}))
	defer receiver.Close()
	key := store.NewKey()
	x := &telling{T: t, config: server.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Key: key, Allow: web.Loopback(), Local: "local"}}
	x.start()
	ctx := t.Context()
	password, hook, to := "secret", receiver.URL, []string{"ada@acme.example", "later1@acme.example", "none@acme.example"}
	_, err := x.client.SetNotifications(ctx, api.SetNotifications{
		Mail:     &api.MailServer{Host: "127.0.0.1", Port: mail.Port, Security: "starttls", User: "lockstep", From: "lockstep@acme.example", CA: ca},
		Password: &password, Webhook: &hook, To: &to,
	})
	x.must(err)
	made, err := x.client.CreateToken(ctx, api.NewToken{Name: "robot", Kind: "scim", Scopes: "scim:write", Days: 5})
	x.must(err)
	x.stop()

	// A token of five days is told of a day before it ends; so it is made to be four days old.
	x.ripe(key, notify.Remembered{Kind: notify.Expiring, Name: "token " + string(made.ID) + " 1"})
	db, err := store.Open(ctx, store.Config{SQLite: x.config.SQLite, Key: key})
	x.must(err)
	_, err = db.WriterDB().ExecContext(ctx, "UPDATE token SET created = $1, expires = $2 WHERE id = $3",
		time.Now().AddDate(0, 0, -4).UnixMilli(), time.Now().Add(20*time.Hour).UnixMilli(), string(made.ID))
	x.must(err)
	x.must(db.Close())

	x.start()
	x.await("the first mail", func() bool { return len(mail.Letters(t)) == 1 })
	x.await("the webhook", func() bool { return len(posts) == 1 })
	x.await("the refusal", func() bool {
		return x.state("none@acme.example").State == "refused" && x.state("later1@acme.example").Tries == 1
	})
	if m := x.state("later1@acme.example"); m.State != "waiting" || m.Code != lockstep.CodeMailDeferred {
		t.Errorf("who is not taken for now: %+v", m)
	}
	x.stop()
	x.start()
	x.await("the second mail, after the restart", func() bool { return len(mail.Letters(t)) == 2 })
	var body struct {
		Type string
		Data struct {
			Tenant string
			Events []struct{ Kind, Says string }
		}
	}
	x.must(json.Unmarshal([]byte(<-posts), &body))
	if e := body.Data.Events; body.Type != "lockstep.attention" || body.Data.Tenant != "default" || len(e) != 1 || e[0].Kind != "expiring" || !strings.Contains(e[0].Says, "“robot”") {
		t.Errorf("posted %+v", body)
	}
	for _, l := range mail.Letters(t) {
		if !strings.Contains(l.Text, "ends on") || l.User != "lockstep" || !l.Secure {
			t.Errorf("mailed %+v", l)
		}
	}
	time.Sleep(1500 * time.Millisecond) // nothing is told again
	if n, err := x.client.Notifications(ctx); err != nil || len(n.Messages) != 4 || len(posts) > 0 {
		t.Errorf("%d messages, %d posts: %v", len(n.Messages), len(posts), err)
	}
	x.stop()
}

// state is the message to a recipient.
func (x *telling) state(to string) api.Notification {
	n, err := x.client.Notifications(x.Context())
	x.must(err)
	for _, m := range n.Messages {
		if m.To == to {
			return m
		}
	}
	return api.Notification{}
}
