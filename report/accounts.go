package report

import (
	"lockstep/api"
	"lockstep/words"
)

// Accounts lists whom an application was seen to have, and when that was.
func (o *Output) Accounts(app string, view api.AccountList, err error) error {
	if err != nil || o.Form == "json" {
		return o.Print(View{Value: view}, err)
	}
	if len(view.Items) > 0 || o.Form == "jsonl" {
		err := o.Print(List(view.Items, nil, "", "ACCOUNT ACTIVE WHOSE WHY ID", func(a api.Account) []string {
			active, whose := "yes", "-"
			if !a.Active {
				active = "no"
			}
			if a.Owner != nil {
				whose = Or(a.Owner.Name, a.Owner.ID)
			}
			return []string{Or(a.UserName, a.Name), active, whose, dash(a.Says), a.ID}
		}))
		if err != nil {
			return err
		}
	}
	o.Say("%s Read at %s.", view.Says, Second(view.Read, ""))
	switch {
	case view.Trouble != "":
		o.Say("Another read waits: %s", view.Trouble)
	case view.Reading:
		o.Say("Another read is under way.")
	}
	for _, s := range view.Shared {
		o.Say("%s Its accounts are nobody's here.", words.Sentence(s.Says))
	}
	if view.Unowned > 0 {
		o.Say("To link one to somebody: lockstep link set --app %s NAME --to ID", app)
	}
	return nil
}
