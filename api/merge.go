package api

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/scim"
)

// MergePatch is a JSON merge patch (RFC 7396) of SCIM attributes: a member sets the attribute, null removes it, an object goes
// into the object that is there. A list replaces the list.
type MergePatch struct {
	set    scim.Object // what is there to set, without nulls
	remove []path      // where a null stands
}

type path []string

// Schema implements huma.SchemaProvider.
func (MergePatch) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "JSON merge patch (RFC 7396) of SCIM attributes."}
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *MergePatch) UnmarshalJSON(text []byte) error {
	set, err := scim.DecodeObject(text) // drops nulls and what is empty, wherever they are
	if err != nil {
		return err
	}
	m.set, m.remove = set, nil
	return m.findNulls(nil, text)
}

// MarshalJSON implements json.Marshaler, for the client.
func (m MergePatch) MarshalJSON() ([]byte, error) {
	var top map[string]any
	text, _ := m.set.MarshalJSON() // never fails
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, err
	}
	for _, p := range m.remove {
		at := top
		for _, name := range p[:len(p)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		at[p[len(p)-1]] = nil
	}
	return json.Marshal(top)
}

// Set makes the patch give the attribute a value; nil removes it.
func (m *MergePatch) Set(attribute string, value any) {
	if value == nil {
		m.remove = append(m.remove, path{attribute})
		return
	}
	m.set.Set(attribute, value)
}

func (m *MergePatch) findNulls(at path, text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for name, v := range members {
		here := append(slices.Clip(at), name)
		switch v = bytes.TrimSpace(v); {
		case string(v) == "null", string(v) == "[]":
			m.remove = append(m.remove, here)
		case v[0] == '{':
			if err := m.findNulls(here, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// on is the object as the patch makes it.
func (m *MergePatch) on(o scim.Object) scim.Object {
	m.apply(&o)
	return o
}

// apply changes the object as the patch says.
func (m *MergePatch) apply(o *scim.Object) {
	merge(o, m.set)
	for _, p := range m.remove {
		removeAt(o, p)
	}
}

func merge(o *scim.Object, set scim.Object) {
	for _, a := range set {
		into, isObject := o.Get(a.Name).(scim.Object)
		from, fromObject := a.Value.(scim.Object)
		if isObject && fromObject {
			merge(&into, from)
			o.Set(a.Name, into)
			continue
		}
		o.Set(a.Name, a.Value)
	}
}

func removeAt(o *scim.Object, p path) {
	if len(p) == 1 {
		o.Delete(p[0])
		return
	}
	if inner, ok := o.Get(p[0]).(scim.Object); ok {
		removeAt(&inner, p[1:])
		o.Set(p[0], inner)
	}
}
