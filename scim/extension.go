package scim

import "strconv"

// CheckExtension checks the attributes that stand under an extension's URN, as Check does those of a whole resource: names get
// the spelling of the schema, values fit, required attributes are there. It returns what is left, which may be nothing.
func (t *Type) CheckExtension(urn string, o Object, m Mode) (Object, error) {
	for _, s := range t.schemes {
		if s.core || !sameName(s.ID, urn) {
			continue
		}
		ext, err := checker{m}.object(s.attrs, o)
		if err != nil || len(ext) == 0 || m.Partial {
			return ext, err
		}
		return ext, checkNeeded(s.needed, ext)
	}
	return nil, ErrInvalidValue("unknown schema " + strconv.Quote(urn))
}

// Retain completes what is to replace a resource with what a replacement cannot change in its extensions: read-only attributes
// stay as they were, and so do immutable ones that the replacement leaves out. An extension that it leaves out as a whole, and that
// has to stay for their sake, keeps what it needs, too. The error is an *Error, mutability, when it has
// another value for an immutable attribute that has one (RFC 7644 §3.5.1). before is left as it is.
func (t *Type) Retain(before Object, after *Object) error {
	for _, s := range t.schemes {
		if s.core || !s.fixed {
			continue
		}
		was, _ := before.Get(s.ID).(Object)
		if len(was) == 0 {
			continue
		}
		now, sent := after.Get(s.ID).(Object)
		now = now.Clone()
		if err := retain(s.attrs, was, &now); err != nil {
			return err
		}
		if !sent && len(now) > 0 {
			for _, n := range s.needed {
				now.Set(n.Name, CloneValue(was.Get(n.Name)))
			}
		}
		after.Set(s.ID, now)
	}
	return nil
}

func retain(attrs table, was Object, now *Object) error {
	for _, a := range was {
		n := attrs.get(a.Name)
		if n == nil || !n.fixed {
			continue
		}
		v := now.Get(n.Name)
		switch {
		case n.readOnly || n.Mutability == Immutable && v == nil:
			now.Set(n.Name, CloneValue(a.Value))
		case n.Mutability == Immutable:
			if err := n.mayChange(a.Value, v); err != nil {
				return err
			}
		default: // some sub-attribute
			if err := retainSubs(n, a.Value, v, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// retainSubs does so for the sub-attributes of a single complex value. Values of a list have no identity that would outlast
// their replacement.
func retainSubs(n *node, was, now any, in *Object) error {
	old, ok := was.(Object)
	if !ok {
		return nil
	}
	o, _ := now.(Object)
	o = o.Clone()
	if err := retain(n.subs, old, &o); err != nil {
		return err
	}
	in.Set(n.Name, o)
	return nil
}

// CheckFixed compares what a change made of a resource with what it was, whatever way the change came: what the schemas of its
// extensions say is immutable keeps the value that it has, and with readOnly so does what is read-only (RFC 7643 §7). The error is
// an *Error, mutability. What the schemas that are built in say is read-only is made up for whoever reads, such as the name of a
// manager, so that it comes and goes with what it belongs to.
func (t *Type) CheckFixed(before, after Object, readOnly bool) error {
	for _, s := range t.schemes {
		if !s.fixed || s.builtIn() {
			continue
		}
		was, _ := before.Get(s.ID).(Object)
		now, _ := after.Get(s.ID).(Object)
		if err := fixedIn(s.attrs, was, now, readOnly); err != nil {
			return err
		}
	}
	return nil
}

func fixedIn(attrs table, was, now Object, readOnly bool) error {
	for _, a := range was {
		n := attrs.get(a.Name)
		if n == nil || !n.fixed {
			continue
		}
		v := now.Get(n.Name)
		o, complex := a.Value.(Object)
		switch {
		case n.readOnly && (!readOnly || Equal(a.Value, v)):
		case n.readOnly:
			return ErrMutability("the attribute " + n.path + " is read-only")
		case n.Mutability == Immutable && v == nil:
			return ErrMutability("the attribute " + n.path + " cannot be removed")
		case n.Mutability == Immutable:
			if err := n.mayChange(a.Value, v); err != nil {
				return err
			}
		case complex: // elements of a list have no identity that would outlast a change
			subs, _ := v.(Object)
			if err := fixedIn(n.subs, o, subs, readOnly); err != nil {
				return err
			}
		}
	}
	if !readOnly {
		return nil
	}
	for _, a := range now {
		if n := attrs.get(a.Name); n != nil && n.readOnly && !was.Has(n.Name) {
			return ErrMutability("the attribute " + n.path + " is read-only")
		}
	}
	return nil
}

// builtIn reports whether the schema is one of the RFC or of Webex, rather than a tenant's own.
func (s *scheme) builtIn() bool {
	return s.core || s.ID == EnterpriseUserURN || s.ID == CiscoUserURN || s.ID == CiscoGroupURN
}
