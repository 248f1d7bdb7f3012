package upstream

import (
	"strings"

	"lockstep"
)

// asEntra makes the flow one of Microsoft Entra ID (the identity platform's endpoints, version 2.0).
//
// An issuer is a tenant's; with several tenants each is an issuer of its own, never a pattern. People are told apart by oid within tid,
// which nobody can choose; e-mail and user name are names that an administrator of any tenant can give to anybody, so nothing is ever
// looked up by them unless Microsoft says that the address's owner was verified (xms_edov).
func (f *flow) asEntra() {
	authority := strings.TrimSuffix(f.set.text("authority"), "/")
	tenants := strings.Fields(strings.ToLower(f.set.text("tenant")))
	common := tenants[0]
	if len(tenants) > 1 {
		common = "organizations"
	}
	base := authority + "/" + common
	issuers := make([]string, len(tenants))
	for i, t := range tenants {
		issuers[i] = authority + "/" + t + "/v2.0"
	}
	for name, value := range map[string]string{
		fieldAuthorize: base + "/oauth2/v2.0/authorize", fieldToken: base + "/oauth2/v2.0/token", fieldKeys: base + "/discovery/v2.0/keys",
		fieldIssuer: issuers[0], fieldIssuers: strings.Join(issuers[1:], "\n"), fieldClientAuth: authPost,
		fieldLogout: base + "/oauth2/v2.0/logout", fieldLogoutStyle: logoutHint,
	} {
		f.set.defaults[name] = value
	}
	f.judgeMore = judgeTenant
	f.subject = objectID
}

// judgeTenant: the tenant that the token names is the one that issued it.
func judgeTenant(claims map[string]any) *finding {
	tid, _ := claims["tid"].(string)
	iss, _ := claims["iss"].(string)
	if tid == "" || !strings.HasSuffix(iss, "/"+tid+"/v2.0") {
		return found(lockstep.CodeIdPTenant, "", "the ID token is of the tenant %s and from the issuer %s", or(cleanText(tid, 60), "without a name"), cleanText(iss, 120))
	}
	return nil
}

func objectID(claims map[string]any) (string, *finding) {
	oid, _ := claims["oid"].(string)
	if !fitSubject(oid) {
		return "", found(lockstep.CodeIdPClaimMissing, "Put profile among the scopes: oid comes with it.", "the ID token has no oid")
	}
	return oid, nil
}
