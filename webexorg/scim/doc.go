// Package scim is the SCIM face of a Webex organisation that runs offline: Webex's SCIM 2 API under /identity/scim/{org}/v2 and the
// older base /v1/scim/{org}, its schemas under /Schemas/SCIM2, who-am-I in SCIM 2 and in the legacy SCIM 1, and deleted users.
//
// What a resource is and what may be done to it the state knows; this package knows Webex's dialect: which filters and orders it
// serves, which scope and role a call needs, what errors and Bulk answers look like, and the limits that it documents.
package scim
