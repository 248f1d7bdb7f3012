package state

import "slices"

// allowed refuses what Webex's rules about licences forbid, with the numbers of its published description. a is what the person has
// by then, with what the request took away gone and what it added there; before is what they had. The lock must be held.
func (o *Org) allowed(a *Account, before []string, l *Licence, op *LicenceOp) error {
	among := func(ids []string, p Product) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return o.config.product(id) == p })
	}
	has := func(p Product) bool { return among(a.Licences, p) }
	had := func(p Product) bool { return among(before, p) }
	lacks := func(p Product) bool {
		return !has(p) && slices.ContainsFunc(o.config.Licences, func(l Licence) bool { return l.Product == p })
	}
	refuse := func(code int, why string) error {
		return &LicenceError{code, why + " The license could not be applied: " + l.ID}
	}
	switch {
	case l.Product == Messenger:
		return errMessenger(l)
	case l.Product == CallingStandard && had(CallingPro):
		return refuse(400112, "Changing a license from Webex Calling Professional to Standard is not allowed.")
	case l.Product == CallingStandard && had(CustomerAssist):
		return refuse(400410, "Changing a license from CX Essentials to Webex Calling Standard is not allowed.")
	case l.Product == CallingStandard && has(CallingPro), l.Product == CallingPro && has(CallingStandard):
		return refuse(400404, "Nobody can have Webex Calling Professional and Standard together.")
	case l.Product == CallingStandard && has(Attendant), l.Product == Attendant && has(CallingStandard):
		return refuse(400406, "Nobody can have Webex Calling Standard and Attendant Console together.")
	case l.Product == CallingStandard && has(CustomerAssist), l.Product == CustomerAssist && has(CallingStandard):
		return refuse(400407, "Nobody can have Webex Calling Standard and CX Essentials together.")
	case l.Product == Attendant && !has(CallingPro):
		return refuse(400408, "Attendant Console needs Webex Calling Professional first.")
	case l.Product.calling() && !slices.Contains(a.Licences, l.ID) && op.Number == "" && op.Extension == "",
		l.Product.calling() && op.Location != "" && op.Number == "" && op.Extension == "":
		return refuse(400411, "Each Webex Calling license needs its own properties.")
	case l.Product == ContactPremium && has(ContactStandard), l.Product == ContactStandard && has(ContactPremium):
		return refuse(400413, "Only one of the contact center's agent licenses can be assigned.")
	case l.Product == Messaging && lacks(FreeMessaging):
		return refuse(700003, "Free messaging is mandatory for paid messaging.")
	case l.Product == Meetings && lacks(FreeMeetings):
		return refuse(700004, "Free meetings are mandatory for paid meetings.")
	case l.Product == Meetings && lacks(FreeMessaging):
		return refuse(700005, "Free messaging is mandatory for meetings.")
	}
	return nil
}

func errMessenger(l *Licence) error {
	return &LicenceError{400118, "User management of Messenger license " + l.ID + " is not supported"}
}
