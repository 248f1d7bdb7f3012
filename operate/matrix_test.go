package operate_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"lockstep"
	"lockstep/operate"
	"lockstep/token"
)

// rights is the right that each use case needs. A use case that is not here needs one of the whole API; TestMatrix fails for it.
var rights = map[token.Scope][]string{
	operate.AppsRead: {
		"Accounts", "EachAccount", "Actions", "App", "Apps", "Assignments", "CompareVersions", "Consented", "Cycle", "Cycles", "Draft", "DraftImpact", "Drift", "Shared", "Explain", "ExplainRef", "FindAtTarget", "EachWaiting", "Job", "Links", "Log", "EachLine",
		"Funnel", "ListJobs", "Needs", "OnDemand", "Review", "State", "Tally", "Template", "Templates", "Told", "TryRules", "ScopeImpact", "Attributes", "Tried", "Versions", "Waiting", "WaitingPlan", "LookAtTenant",
	},
	operate.AppsWrite: {
		"AddApp", "AddSource", "Apply", "ApplyTo", "LeaveOut", "PutBack", "ApplyDraft", "AskConsent", "FinishConsent", "DiscardDraft", "DraftAssign", "DraftPolicy", "DraftRules", "AskForDrift", "Assign", "ChangeJob", "DecideHeld", "DeleteApp", "DeleteSource", "Discard", "Exclude", "Include", "LinkTo", "LookForDrift",
		"Plan", "Provision", "PutSourceFile", "ReadAccounts", "ReadRules", "RebaseDraft", "RestoreDrift", "RollBack", "Run", "SetConnection", "SetPolicy", "SetRules", "SetTold", "TestConnection", "Undo", "Unlink", "Withdraw",
	},
	operate.PeopleRead: {"Claims", "CountPeople", "Extension", "Extensions", "FindGroups", "FindMembers", "FindUsers", "Group", "Groups", "GroupsOf", "Members", "PeopleWithin", "User", "UserByID", "UsersByID", "Users"},
	operate.PeopleWrite: {
		"ChangeGroup", "ChangeMembers", "ChangeUser", "CreateGroup", "CreateUser", "DeleteGroup", "DeleteUser", "RestoreGroup", "RestoreUser", "SetActive",
	},
	operate.SignInRead: {
		"Attempt", "Attempts", "ByClaims", "CheckIdentityProvider", "Client", "Clients", "IdentityProvider", "IdentityProviders", "Issuer", "LastTest", "Matches", "PersonSessions", "ProviderGuide", "ProviderKind",
		"ProviderKinds", "ProviderLinks", "ProvidersEnding", "SecondFactors", "SeenAttempt", "SeenSessions", "SeenSignOuts", "SignOuts",
	},
	operate.SignInWrite: {
		"AddClient", "AddIdentityProvider", "DeleteClient", "DeleteIdentityProvider", "EnableIdentityProvider", "EndSessions", "ImportProvider", "LookAtProvider", "MoveIdentityProvider", "ReadAppMetadata", "RemoveSecondFactors", "RotateClient",
		"RotateSigningKeys", "SetClient", "SetIdentityProvider", "SetTemporaryPassword", "SetUserPassword", "TestIdentityProvider",
	},
	operate.TokensRead:    {"Endpoint", "Examine", "Exchanges", "ListTokens", "Report", "SCIMCalls", "SCIMConsents", "Token", "TokensEnding"},
	operate.TokensWrite:   {"ClearReport", "CreateToken", "EndSCIMConsent", "RevokeToken", "RotateToken", "SetToken"},
	operate.SettingsRead:  {"Notifications"},
	operate.SettingsWrite: {"ChangeTenant", "CreateTenant", "RemoveTenant", "DeleteExtension", "LookForNews", "PutExtension", "SetNotifications", "TestNotification"},
	operate.AuditRead:     {"AuditLog"},
	operate.AdminsRead:    {"Administrators", "ConsoleSessions", "LocalOwners"},
	operate.AdminsWrite:   {"AddAdministrator", "AddOwner", "EndConsoleSession", "EndConsoleSessions", "RemoveAdministrator", "RemoveOwner", "SetOwnerPassword"},
	"":                    {"KeepForm", "KeptForm", "Link", "ListTenants", "Stream", "LooksAfter", "TenantCalled", "EnterTenant", "HomeOf"}, // any right at all
}

// neededBy is the right that a use case needs, and whether it is known.
func neededBy(name string) (token.Scope, bool) {
	for scope, names := range rights {
		if slices.Contains(names, name) {
			return scope, true
		}
	}
	return "", false
}

// TestMatrix: every use case is refused to whoever has every other right of the management API, to every role without it, and to whoever has it
// for another app; and it is refused for lack of a right to nobody who has it.
func TestMatrix(t *testing.T) {
	w := newWorld(t, sqlite(t))
	held := map[string]token.Scopes{}
	for _, s := range []token.Scope{
		operate.AppsRead, operate.AppsWrite, operate.PeopleRead, operate.PeopleWrite, operate.SignInRead, operate.SignInWrite, operate.TokensRead, operate.TokensWrite,
		operate.SettingsRead, operate.SettingsWrite, operate.AuditRead, operate.AdminsRead, operate.AdminsWrite, operate.ScopeRead, operate.ScopeWrite, "scim:write", token.ScopeAll,
	} {
		held[string(s)] = token.Scopes{s}
	}
	for _, one := range operate.Roles() {
		scopes, err := token.ParseScopes(one.Scopes)
		w.must(err)
		held["role "+string(one.Role)] = scopes
	}
	o := reflect.ValueOf(w.Operator)
	principal := reflect.TypeFor[operate.Principal]()
	asked := 0
	for i := range o.NumMethod() {
		name, typ := o.Type().Method(i).Name, o.Method(i).Type()
		takes := slices.ContainsFunc(slices.Collect(typ.Ins()), func(in reflect.Type) bool { return in == principal })
		if !takes || slices.Contains(open, name) {
			continue
		}
		want, known := neededBy(name)
		if !known {
			t.Errorf("%s has no row in the table of rights", name)
			continue
		}
		for who, scopes := range held {
			asked++
			args := zeros(t, typ, operate.Principal{Tenant: w.ids["default"], Scopes: scopes})
			err := called(o.Method(i), args)
			refused := lockstep.CodeOf(err) == lockstep.CodeAuthForbidden
			may := scopes.Allow(want) || want == "" && len(scopes) > 0
			if !may && !refused {
				t.Errorf("%s: done for %s: %v", name, who, err)
			}
			if may && refused && name != "CreateTenant" && name != "RemoveTenant" && name != "ChangeTenant" && name != "AddOwner" && name != "RemoveOwner" && name != "SetOwnerPassword" { // which need more still
				t.Errorf("%s: refused to %s: %v", name, who, err)
			}
		}
	}
	if asked < 2000 {
		t.Errorf("only %d were asked", asked)
	}
}

// called calls a use case. One that was let through to something that this test has not is not refused.
func called(f reflect.Value, args []reflect.Value) (err error) {
	defer func() { _ = recover() }()
	out := f.Call(args)
	err, _ = out[len(out)-1].Interface().(error)
	return err
}

// zeros are arguments for a use case: the principal, a context, and nothing else.
func zeros(t *testing.T, typ reflect.Type, p operate.Principal) []reflect.Value {
	over, cancel := context.WithCancel(t.Context()) // so that nothing is done: rights are asked for before anything else
	cancel()
	var args []reflect.Value
	for in := range typ.Ins() {
		switch {
		case in == reflect.TypeFor[operate.Principal]():
			args = append(args, reflect.ValueOf(p))
		case in == reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(over))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	return args
}
