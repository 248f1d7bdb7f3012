package main

import "lockstep/cli"

type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command; globals tells of the flags that every command has."`
}

// Run is never called: terminal.Wanted turns the command into --help.
func (helpCmd) Run(*cli.Command) error { return nil }

// examples of commands, by the command's path. A test parses each.
var examples = map[string][]string{
	"":                {"lockstep demo", "lockstep serve", "lockstep status"},
	"serve":           {"lockstep serve", "lockstep serve --data /var/lib/lockstep --listen 127.0.0.1:8640"},
	"status":          {"lockstep status", "lockstep status -o json"},
	"plan":            {"lockstep plan webex", "lockstep plan webex --exit-code"},
	"apply":           {"lockstep apply webex", "lockstep apply webex --yes"},
	"run":             {"lockstep run webex", "lockstep run hr --whole"},
	"explain":         {"lockstep explain ada@acme.example", "lockstep explain ada@acme.example --app webex"},
	"provision":       {"lockstep provision ada@acme.example --dry-run", "lockstep provision Engineering --type Group --app webex"},
	"held list":       {"lockstep held list webex"},
	"held approve":    {"lockstep held approve webex --all"},
	"undo":            {"lockstep undo --app webex 01a2297a-af29-71fb-b219-a20246e80c46", "lockstep undo --cycle 01a2297a-b08d-7779-98ed-70c6c7d281be"},
	"drift list":      {"lockstep drift list webex", "lockstep drift list webex --read"},
	"drift restore":   {"lockstep drift restore --app webex --all", "lockstep drift restore --app webex ada@acme.example"},
	"account list":    {"lockstep account list webex --unowned", "lockstep account list webex --unowned --csv"},
	"log list":        {"lockstep log list webex --state failed,refused", "lockstep log list webex --search ada"},
	"log show":        {"lockstep log show 01a2297a-af29-71fb-b219-a20246e80c46"},
	"log export":      {"lockstep log export webex --csv"},
	"audit list":      {"lockstep audit list --since 7d", "lockstep audit list --who mia --object user"},
	"audit export":    {"lockstep audit export --since 2026-11-01 --csv"},
	"app add":         {"lockstep app add webex --set organization=1eb65fdf-9643-417f-9974-ad72cae0e10f", "lockstep app add scim crm --name CRM"},
	"app set":         {"lockstep app set webex --mode auto", "lockstep app set webex --state paused", "lockstep app set webex --notify ada@acme.example"},
	"app draft show":  {"lockstep app draft show webex"},
	"app draft apply": {"lockstep app draft apply webex", "lockstep app draft apply webex --note \"titles from HR\""},
	"app versions":    {"lockstep app versions webex", "lockstep app versions webex --number 3", "lockstep app versions webex --number 3 --against 0"},
	"app rollback":    {"lockstep app rollback webex 2"},
	"source add":      {"lockstep source add csvfile hr", "lockstep source add ldap staff --set url=ldaps://dc1.acme.example"},
	"connection set":  {"lockstep connection set webex --secret-file token.txt", "lockstep connection set hr --set people=people.csv"},
	"connection test": {"lockstep connection test webex"},

	"app draft impact":   {"lockstep app draft impact webex"},
	"connection consent": {"lockstep connection consent payroll", "lockstep connection consent payroll --show"},
	"assign add":         {"lockstep assign add --app webex --group Staff", "lockstep assign add --app webex --user ada@acme.example"},
	"mapping set":        {`lockstep mapping set --app webex displayName 'Join(" ", [name.givenName], [name.familyName])'`},
	"scope set":          {`lockstep scope set --app webex 'department EQUALS Sales'`},
	"exclude add":        {`lockstep exclude add ada@acme.example --reason "on leave" --until 2027-01-31`},
	"link set":           {"lockstep link set ada@acme.example --to 1eb65fdf-9643-417f-9974-ad72cae0e10f"},
	"people list":        {"lockstep people list lindqvist"},
	"doctor":             {"lockstep doctor", "lockstep doctor --bundle lockstep-doctor.tar.gz", "lockstep doctor --ready --timeout 5s"},
	"backup create":      {"lockstep backup create", "lockstep backup create /backup/lockstep.tar.gz --data /var/lib/lockstep"},
	"backup restore":     {"lockstep backup restore /backup/lockstep.tar.gz --data /var/lib/lockstep --key-file /etc/lockstep/key"},
	"notify set":         {"lockstep notify set --mail-host smtp.acme.example --mail-user lockstep --mail-from lockstep@acme.example --password-file smtp.txt --to it@acme.example", "lockstep notify set --webhook https://chat.acme.example/hooks/lockstep"},
	"notify test":        {"lockstep notify test", "lockstep notify test --webhook"},
	"tenant add":         {"lockstep tenant add acme --name \"Acme Inc.\""},
	"token create":       {"lockstep token create entra --kind scim", "lockstep token create okta --kind scim --client okta-scim", "lockstep token create ci --scope read"},
}
