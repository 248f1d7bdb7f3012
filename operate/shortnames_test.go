package operate_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/scim"
)

// TestShortNames: department is the enterprise extension's, at every door; no value takes it away; and who errs is told what there is.
func TestShortNames(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := w.Context(), w.admin()
		u, err := w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: "ada@acme.example"}, {Name: "Department", Value: "Sales"}})
		w.must(err)
		department := func() any {
			ext, _ := u.Attributes.Get(scim.EnterpriseUserURN).(scim.Object)
			return ext.Get("department")
		}
		if got := department(); got != "Sales" {
			w.Errorf("created with department %v", got)
		}
		for _, value := range []string{"Legal", ""} {
			u, err = w.ChangeUser(ctx, admin, string(u.ID), 0, func(o scim.Object) scim.Object { o.Set("department", value); return o })
			w.must(err)
			if got := department(); got != value && (got != nil || value != "") {
				w.Errorf("changed to %q: %v", value, got)
			}
		}
		for name, want := range map[string]string{"titel": "did you mean title?", "departmnt": "did you mean department?", "shoe": "There is no attribute \"shoe\"."} {
			_, err = w.ChangeUser(ctx, admin, string(u.ID), 0, func(o scim.Object) scim.Object { o.Set(name, "x"); return o })
			w.want(name, err, lockstep.CodeInvalid)
			if !strings.Contains(lockstep.Said(err), want) {
				w.Errorf("%s: %s", name, lockstep.Said(err))
			}
		}
		_, err = w.CreateGroup(ctx, admin, scim.Object{{Name: "displayName", Value: "all"}, {Name: "displayNam", Value: "x"}})
		w.want("a group", err, lockstep.CodeInvalid)
	})
}
