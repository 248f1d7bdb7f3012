package scim

// The functions here make the built-in schemas read like tables.

func attr(name, kind, description string) Attribute {
	return Attribute{
		Name: name, Type: kind, Description: description,
		Mutability: ReadWrite, Returned: ReturnedDefault, Uniqueness: UniqueNone,
	}
}

func complexAttr(name, description string, subs ...Attribute) Attribute {
	a := attr(name, Complex, description)
	a.SubAttributes = subs
	return a
}

func (a Attribute) many() Attribute     { a.MultiValued = true; return a }
func (a Attribute) exact() Attribute    { a.CaseExact = true; return a }
func (a Attribute) required() Attribute { a.Required = true; return a }
func (a Attribute) readOnly() Attribute { a.Mutability = ReadOnly; return a }

func (a Attribute) mutability(m string) Attribute     { a.Mutability = m; return a }
func (a Attribute) returned(r string) Attribute       { a.Returned = r; return a }
func (a Attribute) unique(u string) Attribute         { a.Uniqueness = u; return a }
func (a Attribute) max(length int) Attribute          { a.MaxLength = length; return a }
func (a Attribute) atMost(values int) Attribute       { a.MultiValued, a.MaxValues = true, values; return a }
func (a Attribute) values(list ...string) Attribute   { a.CanonicalValues = list; return a }
func (a Attribute) refers(types ...string) Attribute  { a.ReferenceTypes = types; return a }
func text(name string, max int, doc string) Attribute { return attr(name, String, doc).max(max) }

// plural is a multi-valued complex attribute with the sub-attributes of RFC 7643 §2.4.
func plural(name string, values int, doc string, value Attribute, types ...string) Attribute {
	return complexAttr(name, doc,
		value,
		text("display", 512, "A name for people to read."),
		text("type", 64, "What the value is for.").values(types...),
		attr("primary", Boolean, "Whether this is the preferred value; at most one is."),
	).atMost(values)
}
