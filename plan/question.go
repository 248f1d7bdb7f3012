package plan

import (
	"cmp"
	"fmt"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Question is a matching value to look for: as it is compared, and as the target is asked for it. Many targets compare it as it
// is, whatever the schema says.
type Question struct {
	Key
	Raw string
}

// Ask is the question for a value of an attribute.
func Ask(attribute, value string) Question {
	return Question{Key{Attribute: attribute, Value: Fold(value)}, value}
}

// Answers is what looking for matching values has found. A key that several objects have comes with all of them; a key that could not
// be asked for comes with the reason.
type Answers struct {
	Found  map[Key][]connection.Object
	Failed map[Key]error
}

// Take adds the objects that a search by the attribute has found. One that nobody can be linked to, since its id cannot be kept, fails its key: somebody
// is there.
func (a *Answers) Take(attribute string, objects []connection.Object) error {
	path, err := filter.ParsePath(attribute)
	if err != nil {
		return fmt.Errorf("matching attribute %q: %w", attribute, err)
	}
	for _, o := range objects {
		fault := connection.CheckID(o.ID)
		for _, q := range questions(attribute, path, o.Values) {
			if fault == "" {
				a.Found[q.Key] = append(a.Found[q.Key], o)
				continue
			}
			if a.Failed == nil {
				a.Failed = map[Key]error{}
			}
			a.Failed[q.Key] = &lockstep.Error{Code: lockstep.CodeTargetID, Detail: fmt.Sprintf("the object that matches, %s, %s", cmp.Or(o.Name, q.Raw), fault)}
		}
	}
	return nil
}

// Shows reports whether an object shows a value of the attribute, by which it could be found.
func Shows(attribute string, values scim.Object) bool {
	path, err := filter.ParsePath(attribute)
	return err == nil && len(questions(attribute, path, values)) > 0
}

// questions returns those for the object's values at a path.
func questions(attribute string, path filter.Path, values scim.Object) (all []Question) {
	for _, v := range scim.Values(values, path) {
		if s, ok := v.(string); ok && s != "" {
			all = append(all, Ask(attribute, s))
		}
	}
	return all
}
