package server

import (
	"context"
	"fmt"
	"net/http"

	"lockstep"
	"lockstep/web"
)

// Ready asks the server that runs on a data folder whether it is ready, as /readyz tells. The code of the error is that of a server which does
// not answer when none runs, or it is not ready.
func Ready(ctx context.Context, folder string) error {
	card, err := ReadCard(folder)
	if err != nil {
		return &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: "No server runs on " + folder + ".", Err: err}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, card.Address+"/readyz", nil)
	if err != nil {
		return &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: "The card of the server in " + folder + " cannot be used.", Err: err}
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: "The server on " + folder + " does not answer.", Err: err}
	}
	web.Discard(res.Body)
	if res.StatusCode != http.StatusNoContent {
		return &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: fmt.Sprintf("The server on %s is not ready: it answers with %d.", folder, res.StatusCode)}
	}
	return nil
}
