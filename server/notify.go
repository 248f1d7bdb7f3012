package server

import (
	"context"
	"time"

	"lockstep"
	"lockstep/notify"
	"lockstep/operate"
	"lockstep/queue"
)

// tellJob stands in the queue for telling a tenant's people; the ids of jobs are UUIDs. So one node at a time looks for a tenant's
// news and sends what waits, and another one goes on when it dies.
const tellJob lockstep.JobID = "notify"

func newCourier(n *Server) *notify.Courier {
	rows := n.db.Notify()
	return &notify.Courier{Records: rows, Outbox: rows, Mailer: notify.Mailer{Dialer: n.systems.dialer}, Poster: notify.NewPoster(n.systems.dialer)}
}

// notices is what the Operator has of it.
func (n *Server) notices() *operate.Notices {
	return &operate.Notices{Records: n.courier.Records, Outbox: n.courier.Outbox, Sender: n.courier}
}

// tellDue names the tenants whose jobs are to be looked at, or for whom messages wait.
func (n *Server) tellDue(ctx context.Context, now time.Time) ([]queue.Key, error) {
	tenants, err := n.courier.Outbox.DueTenants(ctx, now)
	keys := make([]queue.Key, len(tenants))
	for i, t := range tenants {
		keys[i] = queue.Key{Tenant: t, Job: tellJob}
	}
	return keys, err
}

// tell looks for news of a tenant and sends what waits, for one turn.
func (n *Server) tell(ctx context.Context, t lockstep.TenantID) error {
	if err := n.operator.LookForNews(ctx, operate.Machine(t)); err != nil {
		return err
	}
	return n.courier.Deliver(ctx, t)
}
