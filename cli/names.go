package cli

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"lockstep"

	"github.com/alecthomas/kong"

	"lockstep/api"
	"lockstep/rule"
	"lockstep/terminal"
)

// onlyApp is the named app, or the only one there is.
func onlyApp(ctx context.Context, client *api.Client, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	all, err := client.Apps(ctx)
	if err != nil {
		return "", err
	}
	switch len(all) {
	case 0:
		return "", terminal.Usage("There is no app yet; add one with lockstep app add.")
	case 1:
		return all[0].Slug, nil
	}
	var names []string
	for _, a := range all {
		names = append(names, a.Slug)
	}
	return "", terminal.Usage("Which app? There are: %s.", strings.Join(names, ", "))
}

// Meant adds to an error which command may have been meant, where a mistyped one was taken for the argument of its noun's default command, and
// nothing of that name was found: "log lsit".
func Meant(ctx *kong.Context, err error) error {
	node := ctx.Selected()
	if lockstep.CodeOf(err) != lockstep.CodeNotFound || node == nil || node.Parent == nil || node.Parent.DefaultCmd != node || slices.Contains(ctx.Args, node.Name) {
		return err
	}
	var verbs []string
	for _, child := range node.Parent.Children {
		verbs = append(verbs, child.Name)
	}
	for _, arg := range node.Positional {
		if name := arg.Target.String(); arg.Target.Kind() == reflect.String && name != "" {
			if near := rule.Nearest(name, verbs); near != "" {
				says := strings.TrimSuffix(api.Sentence(err), ".")
				return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: says + "; did you mean the command “" + node.Parent.FullPath() + " " + near + "”?"}
			}
		}
	}
	return err
}

// completeWithin is how long a shell waits for live values.
const completeWithin = 2 * time.Second

// Values are what a flag or an argument may be. Names of what there is are asked of the server, which may be too slow or absent: then there
// are none.
func (c *Command) Values(name string) []string {
	ctx, stop := context.WithTimeout(c.Ctx, completeWithin)
	defer stop()
	c.Ctx = ctx
	client, err := c.Client()
	if err != nil {
		return nil
	}
	var all []string
	switch name {
	case "app", "job", "source":
		jobs, _ := client.Jobs(ctx)
		for _, j := range jobs {
			if name == "job" || (name == "source") == (j.Direction == "inbound") {
				all = append(all, j.Slug)
			}
		}
	case "kind":
		kinds, _ := client.Gallery(ctx)
		for _, k := range kinds {
			all = append(all, k.Kind)
		}
	case "tenant":
		tenants, _ := client.Tenants(ctx)
		for _, t := range tenants {
			all = append(all, t.Slug)
		}
	}
	return all
}
