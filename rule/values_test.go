package rule_test

import (
	"pgregory.net/rapid"

	"lockstep/scim"
)

// values generates attribute values of every kind: absent, simple, complex and lists.
func values() *rapid.Generator[any] {
	simple := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) any {
			return rapid.SampledFrom([]string{"", "ada", "True", "7", "2026-11-22", "DE"}).Draw(t, "text")
		}),
		rapid.Custom(func(t *rapid.T) any { return rapid.Bool().Draw(t, "bool") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Int64Range(-3, 3).Draw(t, "integer") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Float64Range(-1, 1).Draw(t, "decimal") }),
	)
	complex := rapid.Custom(func(t *rapid.T) any {
		var o scim.Object
		o.Set("type", rapid.SampledFrom([]string{"work", "home"}).Draw(t, "type"))
		o.Set("value", simple.Draw(t, "value"))
		return o
	})
	list := rapid.Custom(func(t *rapid.T) any {
		return scim.List(rapid.SliceOfN(rapid.OneOf(simple, complex), 1, 3).Draw(t, "list"))
	})
	return rapid.OneOf(rapid.Just[any](nil), simple, complex, list)
}
