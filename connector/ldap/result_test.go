package ldap

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
)

// TestResultOf: a refused operation is told by its result and Active Directory's reason, not by whatever else the server says.
func TestResultOf(t *testing.T) {
	const said = "80090308: LdapErr: DSID-0C09056D, comment: AcceptSecurityContext error, data 52e, v4563"
	for _, c := range []struct {
		code uint16
		text string
		want string
	}{
		{ldap.LDAPResultInvalidCredentials, said, " (LDAP 49 Invalid Credentials, data 52e)"},
		{ldap.LDAPResultInvalidCredentials, "x, data hunter2, y", " (LDAP 49 Invalid Credentials)"},
		{ldap.LDAPResultUnwillingToPerform, "hunter2", " (LDAP 53 Unwilling To Perform)"},
		{ldap.ErrorNetwork, "dial tcp 10.0.0.1", ""},
	} {
		if got := resultOf(&ldap.Error{ResultCode: c.code, Err: errors.New(c.text)}); got != c.want {
			t.Errorf("%d %s: %q", c.code, c.text, got)
		}
	}
	c := &session{server: &server{host: "x"}, ctx: t.Context(), guard: newGuard(nil)}
	err := c.translate("search", &ldap.Error{ResultCode: ldap.LDAPResultUnwillingToPerform, Err: errors.New("hunter2")})
	if text := lockstep.Said(err); strings.Contains(text, "hunter2") || !strings.Contains(text, "LDAP 53") {
		t.Errorf("%s", text)
	}
}
