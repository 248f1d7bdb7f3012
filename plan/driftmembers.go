package plan

import (
	"context"
	"slices"

	"lockstep/connection"
)

// WrittenMembers are the members of a group that were written, with their ids at the target.
func WrittenMembers(ctx context.Context, known Known, group connection.Ref) ([]RowReference, error) {
	rows, err := known.References(ctx, ReferenceQuery{From: []connection.Ref{group}})
	if err != nil {
		return nil, err
	}
	ids := map[string][]string{}
	rows = slices.DeleteFunc(rows, func(e ReferenceRow) bool { return !e.Written || e.Attribute != connection.Members })
	for _, e := range rows {
		ids[e.To.Type] = append(ids[e.To.Type], e.To.ID)
	}
	ends := map[connection.Ref]Link{}
	for typ, some := range ids {
		links, err := known.Links(ctx, LinkQuery{Type: typ, Sources: some, Bare: true})
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			ends[l.Source] = l
		}
	}
	var all []RowReference
	for _, e := range rows {
		if end := ends[e.To]; end.Target != "" {
			all = append(all, RowReference{Attribute: e.Attribute, To: End{Ref: e.To, Name: end.Name}, Target: end.Target})
		}
	}
	return all, nil
}

// NameMembers says who the members are that somebody else has added, as far as the job knows them.
func (all Programs) NameMembers(ctx context.Context, known Known, differ []RowReference) error {
	for typ, p := range all {
		var ids []string
		for _, r := range differ {
			if !r.Gone && r.To.Type == p.Type {
				ids = append(ids, r.Target)
			}
		}
		if len(ids) == 0 {
			continue
		}
		links, err := known.Links(ctx, LinkQuery{Type: typ, Targets: ids, Bare: true})
		if err != nil {
			return err
		}
		for _, l := range links {
			for i := range differ {
				if r := &differ[i]; !r.Gone && r.Target == l.Target && r.To.Type == p.Type {
					r.To = End{Ref: l.Source, Name: l.Name}
				}
			}
		}
	}
	return nil
}
