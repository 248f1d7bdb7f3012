package store

import (
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/notify"
	"lockstep/scim"
)

// tellPerson has a person told by mail of changes to what they sign in with, in the transaction that makes them. Without a mail server, or an address of theirs,
// nobody is told: the audit log has it in any case.
func (t *tx) tellPerson(by audit.Actor, tenant lockstep.TenantID, user string, changes ...notify.KeyChange) error {
	if len(changes) == 0 {
		return nil
	}
	settings, err := readNotify(t.query, tenant)
	if err != nil || settings.Mail.Host == "" {
		return err
	}
	rows, err := t.query("SELECT "+userColumns+" FROM users WHERE tenant = $1 AND id = $2 AND deleted = 0", string(tenant), user)
	found, err := collect(rows, err, scanUser)
	if err != nil || len(found) == 0 {
		return err
	}
	u := found[0]
	lang := u.Attributes.Text("preferredLanguage")
	if lang == "" {
		lang = u.Attributes.Text("locale")
	}
	job := string(notify.OfPerson(u.ID))
	for _, c := range changes {
		rows, err := t.query("SELECT "+messageColumns+" FROM notify_message WHERE tenant = $1 AND job = $2 AND created > $3 ORDER BY id", string(tenant), job, millis(t.at.Add(-24*time.Hour)))
		sent, err := collect(rows, err, scanMessage)
		if err != nil {
			return err
		}
		if n := len(sent); n > 0 && sent[n-1].State == notify.Waiting && sent[n-1].Tries == 0 && t.at.Before(sent[n-1].Due) {
			text := notify.MoreToPerson(sent[n-1].Text, u.ID, lang, by, c, t.at)
			if len(text) > maxPersonMail {
				continue
			}
			if _, err := t.exec("UPDATE notify_message SET body = $3 WHERE tenant = $1 AND id = $2", string(tenant), string(sent[n-1].ID), text); err != nil {
				return err
			}
			continue
		}
		m, is := notify.ToPerson(u.ID, mailOf(u.Attributes), lang, by, c, len(sent), t.at)
		if !is {
			return nil
		}
		if err := t.putMessage(tenant, m); err != nil {
			return err
		}
	}
	return nil
}

// maxPersonMail bounds what is gathered in one mail.
const maxPersonMail = 8 << 10

// mailOf is a person's primary address, or the first.
func mailOf(a scim.Object) string {
	list, _ := a.Get("emails").(scim.List)
	first := ""
	for _, v := range list {
		o, _ := v.(scim.Object)
		value := o.Text("value")
		if primary, _ := o.Get("primary").(bool); primary && value != "" {
			return value
		}
		if first == "" {
			first = value
		}
	}
	return first
}
