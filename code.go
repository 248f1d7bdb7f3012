package lockstep

import (
	"errors"
	"strings"
)

// Code is a stable name for one kind of error. Codes never change their meaning; they are in logs, in the API, on the command
// line, in the console and in docs/errors.md, which is generated from Catalogue.
type Code string

// Class says who can end an error.
type Class string

// The classes of error.
const (
	Heals    Class = "heals itself" // retried without anybody's help
	NeedsYou Class = "needs you"    // an administrator has to change something
	Report   Class = "bug"          // ours: please report it
)

// Error is an error with a stable code. Detail is one sentence that an administrator understands; it never holds a secret.
type Error struct {
	Code   Code
	Detail string
	Field  string // what was given that it is about, by its name in the API; "" is nothing in particular
	Err    error  // what lies beneath; may be nil
}

// Error returns the detail, the code in brackets, and what lies beneath.
func (e *Error) Error() string {
	s := e.Detail
	if s == "" {
		s = Describe(e.Code).Title
	}
	s += " [" + string(e.Code) + "]"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what lies beneath.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an Error of the same code, so that errors.Is(err, ErrVersion) works for any detail.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Said returns what the administrators of a tenant may read of an error: what this program says of it, without what lies beneath. The
// texts of the operating system, of libraries and of name servers tell of the network and the machine that the program runs on;
// they are for its operator, in the log. An error without a code says only that.
func Said(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return Describe(CodeInternal).Title
	}
	said, _ := strings.CutSuffix(err.Error(), e.Error()) // what was attempted, by who wrapped it
	if said == err.Error() {
		said = ""
	}
	for ok {
		if e.Detail == "" {
			e = &Error{Detail: Describe(e.Code).Title, Err: e.Err}
		}
		said += e.Detail
		if e, ok = errors.AsType[*Error](e.Err); ok {
			said = strings.TrimSuffix(said, ".") + ": "
		}
	}
	return said
}

// Errorf is not provided on purpose: write &Error{Code: …, Detail: fmt.Sprintf(…), Err: err}, so that the code stands out.

// CodeOf returns the code of the outermost Error in err's chain, or CodeInternal when there is none, or "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// FieldOf returns the field of the outermost Error in err's chain that is about one, or "".
func FieldOf(err error) string {
	for e, ok := errors.AsType[*Error](err); ok; e, ok = errors.AsType[*Error](e.Err) {
		if e.Field != "" {
			return e.Field
		}
	}
	return ""
}

// Errors that many packages compare with.
var (
	ErrNotFound      = &Error{Code: CodeNotFound}
	ErrVersion       = &Error{Code: CodeVersion}
	ErrConflict      = &Error{Code: CodeConflict}
	ErrCursorExpired = &Error{Code: CodeCursorExpired}
	ErrEpoch         = &Error{Code: CodeEpoch}
)

// Entry describes one code for people.
type Entry struct {
	Code  Code
	Class Class
	Title string // what happened, one sentence
	Help  string // what to do, one or two sentences
}

// Describe returns the entry of the code; an unknown code gives an entry of class Report.
func Describe(c Code) Entry {
	for _, e := range Catalogue {
		if e.Code == c {
			return e
		}
	}
	return Entry{Code: c, Class: Report, Title: "An error without a description happened.", Help: "Please report it with the code and the log line."}
}

// The codes. The first part names the place: directory, source, target, match, map, scope, guard, job, auth, schema, sso, idp (an
// identity provider), store, cli.
const (
	CodeInternal      Code = "internal"
	CodeNotFound      Code = "not_found"
	CodeVersion       Code = "version_mismatch"
	CodeConflict      Code = "conflict"
	CodeInvalid       Code = "invalid_value"
	CodeCursorExpired Code = "cursor_expired"
	CodeEpoch         Code = "job.epoch_lost"

	CodeDeletedByOrder Code = "directory.deleted_by_order"

	CodeSourceUnreachable Code = "source.unreachable"
	CodeSourceAuth        Code = "source.auth_failed"
	CodeSourceMalformed   Code = "source.malformed"
	CodeSourceRow         Code = "source.bad_row"
	CodeSourceDuplicate   Code = "source.duplicate"
	CodeSourceLimit       Code = "source.size_limit"
	CodeSourceReferral    Code = "source.referral"
	CodeSourceShrunk      Code = "source.shrunk"
	CodeSourceChanged     Code = "source.changed"
	CodeSourceUnsettled   Code = "source.being_written"
	CodeSourceTruncated   Code = "source.truncated"
	CodeSourceEncoding    Code = "source.encoding_unknown"
	CodeSourceNotFile     Code = "source.not_a_file"
	CodeSourceMissing     Code = "source.file_missing"
	CodeSourceEmpty       Code = "source.empty"

	CodeReadTimeout Code = "read.timeout"
	CodeReadStuck   Code = "read.stuck"
	CodeReadEndless Code = "read.endless"

	CodeTargetUnreachable Code = "target.unreachable"
	CodeTargetTimeout     Code = "target.timeout"
	CodeTargetRateLimited Code = "target.rate_limited"
	CodeTargetServerError Code = "target.server_error"
	CodeTargetMalformed   Code = "target.malformed_answer"
	CodeTargetTooLarge    Code = "target.answer_too_large"
	CodeTargetRefused     Code = "target.refused"
	CodeTargetRefusesAll  Code = "target.refuses_all"
	CodeTargetConflict    Code = "target.conflict"
	CodeTargetGone        Code = "target.gone"
	CodeTargetDomain      Code = "target.domain_unverified"
	CodeTargetUnsupported Code = "target.unsupported"
	CodeTargetNotListed   Code = "target.not_listed_yet"
	CodeTargetHides       Code = "target.hides_values"
	CodeTargetContradicts Code = "target.contradicts"
	CodeTargetName        Code = "target.unknown_name"
	CodeTargetSeats       Code = "target.no_seat"
	CodeTargetAdmin       Code = "target.last_administrator"
	CodeTargetID          Code = "target.unusable_id"
	CodeAuthToken         Code = "auth.token_rejected"
	CodeBlocked           Code = "network.address_blocked"
	CodeUnencrypted       Code = "network.unencrypted"
	CodeRehearsal         Code = "network.not_sent"
	CodeAuthForbidden     Code = "auth.forbidden"
	CodeAuthRole          Code = "auth.role_or_scope"
	CodeAuthIssuer        Code = "auth.issuer_unreachable"
	CodeOAuthRefused      Code = "auth.client_rejected"
	CodeOAuthEndpoint     Code = "auth.token_endpoint"
	CodeConsent           Code = "auth.consent_needed"
	CodeSecretsAgain      Code = "connection.secrets_again"

	CodeMatchMissing   Code = "match.value_missing"
	CodeMatchAmbiguous Code = "match.ambiguous"
	CodeMatchDuplicate Code = "match.duplicate_source"
	CodeMatchTaken     Code = "match.already_linked"
	CodeMatchOther     Code = "match.other"
	CodeShared         Code = "connection.shared"
	CodeSecondAccount  Code = "match.second_account"

	CodeMapUnknown    Code = "map.unknown_attribute"
	CodeMapExpression Code = "map.expression_failed"
	CodeMapRequired   Code = "map.required_missing"
	CodeMapInvalid    Code = "map.invalid_value"
	CodeMapSyntax     Code = "map.syntax"

	CodeScopeSyntax    Code = "scope.syntax"
	CodeUniqueCircle   Code = "guard.circle"
	CodeClears         Code = "guard.clears"
	CodeUnread         Code = "source.unread"
	CodeGuardHeld      Code = "guard.held"
	CodeReferenceWaits Code = "reference.waiting"

	CodeUndoNotDone Code = "undo.not_done"
	CodeUndoNothing Code = "undo.nothing"
	CodeUndoSince   Code = "undo.changed_since"
	CodeUndoOther   Code = "undo.other_account"
	CodeUndoFinal   Code = "undo.final"
	CodeUndoPolicy  Code = "undo.kept_by_policy"

	CodeSchemaInUse Code = "schema.in_use"

	CodeMailUnreachable Code = "notify.mail_unreachable"
	CodeMailDeferred    Code = "notify.mail_deferred"
	CodeMailRefused     Code = "notify.mail_refused"
	CodeMailAuth        Code = "notify.mail_credentials"
	CodeMailTLS         Code = "notify.mail_tls"
	CodeHookDeferred    Code = "notify.webhook_deferred"
	CodeHookRefused     Code = "notify.webhook_refused"
	CodeSecretExpires   Code = "secret.expires"
	CodeJobSilent       Code = "job.silent"
	CodeBackupDamaged   Code = "backup.damaged"

	CodeIdPSettingMissing  Code = "idp.setting_missing"
	CodeIdPSettingUnknown  Code = "idp.setting_unknown"
	CodeIdPSettingInvalid  Code = "idp.setting_invalid"
	CodeIdPNotHTTPS        Code = "idp.not_https"
	CodeIdPUnreachable     Code = "idp.unreachable"
	CodeIdPTimeout         Code = "idp.timeout"
	CodeIdPBlocked         Code = "idp.blocked"
	CodeIdPCAUnknown       Code = "idp.ca_unknown"
	CodeIdPCertificate     Code = "idp.certificate"
	CodeIdPNotTLS          Code = "idp.not_tls"
	CodeIdPMalformed       Code = "idp.answer_malformed"
	CodeIdPTooLarge        Code = "idp.answer_too_large"
	CodeIdPRefused         Code = "idp.refused"
	CodeIdPRedirects       Code = "idp.redirects"
	CodeIdPDiscovery       Code = "idp.discovery_issuer"
	CodeIdPUnsupported     Code = "idp.unsupported"
	CodeIdPCallback        Code = "idp.callback"
	CodeIdPDenied          Code = "idp.denied"
	CodeIdPLoginRequired   Code = "idp.login_required"
	CodeIdPReturned        Code = "idp.error_returned"
	CodeIdPMixedUp         Code = "idp.mixed_up"
	CodeIdPClient          Code = "idp.client_rejected"
	CodeIdPCode            Code = "idp.code_rejected"
	CodeIdPRedirectURI     Code = "idp.redirect_mismatch"
	CodeIdPScope           Code = "idp.scope_rejected"
	CodeIdPNoIDToken       Code = "idp.no_id_token"
	CodeIdPTokenMalformed  Code = "idp.token_malformed"
	CodeIdPAlgorithm       Code = "idp.algorithm"
	CodeIdPKeyUnknown      Code = "idp.key_unknown"
	CodeIdPSignature       Code = "idp.signature"
	CodeIdPIssuer          Code = "idp.issuer"
	CodeIdPAudience        Code = "idp.audience"
	CodeIdPExpired         Code = "idp.expired"
	CodeIdPClock           Code = "idp.clock"
	CodeIdPClaimMissing    Code = "idp.claim_missing"
	CodeIdPNonce           Code = "idp.nonce"
	CodeIdPAtHash          Code = "idp.at_hash"
	CodeIdPTooOld          Code = "idp.too_old"
	CodeIdPACR             Code = "idp.acr"
	CodeIdPSubjectDiffers  Code = "idp.subject_differs"
	CodeIdPTenant          Code = "idp.tenant"
	CodeIdPFiltered        Code = "idp.filtered"
	CodeIdPCredentials     Code = "idp.credentials"
	CodeIdPAmbiguous       Code = "idp.ambiguous"
	CodeIdPSearchUser      Code = "idp.search_refused"
	CodeIdPInTheClear      Code = "idp.in_the_clear"
	CodeIdPSAMLMalformed   Code = "idp.saml_malformed"
	CodeIdPSAMLSignature   Code = "idp.saml_signature"
	CodeIdPSAMLUnsolicited Code = "idp.saml_unsolicited"
	CodeIdPSAMLReplayed    Code = "idp.saml_replayed"
	CodeIdPSAMLConditions  Code = "idp.saml_conditions"
	CodeIdPSAMLStatus      Code = "idp.saml_status"
	CodeIdPSAMLEncrypted   Code = "idp.saml_encrypted"
	CodeIdPDrift           Code = "idp.drift"
	CodeSSOClient          Code = "sso.client_unknown"
	CodeSSORedirect        Code = "sso.redirect_mismatch"
	CodeSSORequest         Code = "sso.request_invalid"
	CodeSSOProvider        Code = "sso.provider_unusable"
	CodeSSONoProvider      Code = "sso.no_provider"
	CodeSSOExpired         Code = "sso.login_expired"
	CodeSSOOver            Code = "sso.logout_over"
	CodeSSOLeft            Code = "sso.logout_answer"
	CodeSSOBrowser         Code = "sso.other_browser"
	CodeSSOUnknown         Code = "sso.person_unknown"
	CodeSSOAmbiguous       Code = "sso.person_ambiguous"
	CodeSSODisabled        Code = "sso.person_disabled"
	CodeSSORefused         Code = "sso.refused"
	CodeSSOConfirm         Code = "sso.confirm"
	CodeSSOTooMany         Code = "sso.too_many"
	CodeSSOPasswordOver    Code = "sso.password_over"
	CodeSSOCode            Code = "sso.code_wrong"
	CodeSSOPasskey         Code = "sso.passkey_refused"
	CodeSSOLastFactor      Code = "sso.last_factor"
	CodeSSOConsent         Code = "sso.consent"
	CodeSSOLinked          Code = "sso.linked"
	CodeSSOLastWay         Code = "sso.last_way"
	CodeSSOFresh           Code = "sso.not_fresh"
	CodeSSOBack            Code = "sso.came_back"
	CodeSSOMessage         Code = "sso.message_invalid"
	CodeSSOReplayed        Code = "sso.message_replayed"
	CodeSSOProxyHost       Code = "sso.proxy_host"
	CodeSSOProxyHeader     Code = "sso.proxy_header"

	CodeUsage        Code = "cli.usage"
	CodeBusy         Code = "cli.data_folder_busy"
	CodeUnreachable  Code = "cli.server_unreachable"
	CodeUnauthorized Code = "api.unauthorized"
	CodeTooMany      Code = "auth.too_many"
	CodeProveAgain   Code = "auth.prove_again"
	CodeLastOwner    Code = "auth.last_owner"
	CodeKeyMissing   Code = "store.key_missing"
	CodeNoData       Code = "cli.no_data"
	CodeStoreAway    Code = "store.unreachable"
	CodeStorePooled  Code = "store.pooled"
	CodeStoreUnsafe  Code = "store.not_durable"
	CodeSchemaNewer  Code = "store.schema_newer"
	CodeSchemaOlder  Code = "store.schema_older"
	CodeSealed       Code = "store.unsealing_failed"
	CodePlanStale    Code = "plan.stale"
	CodeDraftBehind  Code = "draft.behind"
	CodeTimeout      Code = "timeout"
	CodeLinkSpent    Code = "console.link_spent"
	CodeCrossSite    Code = "console.cross_site"
)

// Catalogue describes every code, in the order of docs/errors.md.
var Catalogue = []Entry{
	{CodeInternal, Report, "Something in Lockstep went wrong that should not.", "Please report it with the log line; nothing was lost, the work is tried again."},
	{CodeNotFound, NeedsYou, "There is no such object.", "Check the name or id; list what there is."},
	{CodeVersion, NeedsYou, "The object was changed by somebody else in the meantime.", "Read it again and repeat the change."},
	{CodeConflict, NeedsYou, "A value that must be unique is already taken.", "Choose another value or change the object that holds it."},
	{CodeInvalid, NeedsYou, "A value is not allowed here.", "The message names the attribute and what it allows."},
	{CodeCursorExpired, Heals, "The change feed no longer reaches back to where the job stopped.", "The job reads everything once and writes only the differences."},
	{CodeDeletedByOrder, NeedsYou, "Somebody has deleted the object by hand or through SCIM, and a source still has it.", "Restore it, or take it out of the source; a source brings nothing back on its own."},
	{CodeEpoch, Heals, "Another worker has taken over the job.", "Nothing to do: this worker stopped before it changed anything."},

	{CodeSourceUnreachable, Heals, "The source cannot be reached.", "Check address, network and TLS; the job tries again by itself."},
	{CodeSourceAuth, NeedsYou, "The source did not accept the credentials.", "Set the user and password again and test the connection."},
	{CodeSourceMalformed, NeedsYou, "What the source sent cannot be read.", "The message names the place; nothing was changed at the target."},
	{CodeSourceRow, NeedsYou, "One row of the source cannot be used.", "Mend the row that the message names; the other rows went through."},
	{CodeSourceDuplicate, NeedsYou, "Two objects of the source have the same key.", "Keys must be unique; neither object is changed until one of them goes."},
	{CodeSourceLimit, NeedsYou, "The source stopped at a size limit before the end.", "Raise the limit for the reading account or let it page; nothing is deleted on an incomplete read."},
	{CodeSourceReferral, NeedsYou, "The source pointed to another server instead of answering.", "Read from that server directly or narrow the base."},
	{CodeSourceShrunk, NeedsYou, "The source suddenly has far fewer objects than before.", "If that is right, approve the held changes; else mend the source."},
	{CodeSourceChanged, Heals, "The source was changed while it was read.", "It is read again from the start; nothing is deleted on an incomplete read."},
	{CodeSourceUnsettled, Heals, "A file of the source is being written.", "It is read when it was left alone for five seconds. Write to another name and rename the file when it is complete: then it is read at once."},
	{CodeSourceTruncated, NeedsYou, "A file of the source ends in the middle of a row.", "It was not written to its end, or a quotation mark is never closed: write it again. Nothing was changed."},
	{CodeSourceEncoding, NeedsYou, "The encoding of a file cannot be told.", "Set encoding to the right one, such as windows-1250, windows-1251, iso-8859-2 or shift_jis, or save the file as UTF-8."},
	{CodeSourceNotFile, NeedsYou, "What the source names is not a file.", "Name a regular file: pipes, devices and folders are not opened."},
	{CodeSourceMissing, NeedsYou, "A file of the source is not there.", "Put it into the folder for files; nobody counts as gone because a file is missing."},
	{CodeSourceEmpty, NeedsYou, "A file of people has nobody in it.", "If the export failed, repeat it. If really everybody has left, remove the source."},

	{CodeReadTimeout, Heals, "The system sent nothing within the time-out of its connection.", "The read goes on where it stopped, by itself; raise the time-out if the system is always this slow."},
	{CodeReadStuck, NeedsYou, "A call to the system does not return, although it was told to end.", "Nothing more is started for this connection on this node until it returns. Look at the mount, pipe or network that the connection leads to; restarting the node ends the call."},
	{CodeReadEndless, NeedsYou, "The system lists things without end or again and again.", "Nothing that was missing from such a list counts as gone. Ask the system's maker, or narrow what is read."},

	{CodeTargetUnreachable, Heals, "The application cannot be reached.", "Check address, network and TLS; what was not sent is tried again."},
	{CodeTargetTimeout, Heals, "The application did not answer in time.", "Lockstep looks at the application before it tries again, so nothing is created twice."},
	{CodeTargetRateLimited, Heals, "The application asked to slow down.", "Lockstep waits as told and goes on."},
	{CodeTargetServerError, Heals, "The application failed to answer the request.", "It is tried again with growing pauses."},
	{CodeTargetMalformed, Heals, "The application's answer is not what the protocol says.", "Check that the address is the SCIM base; it is tried again."},
	{CodeTargetTooLarge, NeedsYou, "The application's answer is larger than what is read at once, however little was asked for.", "Allow larger pages with the connection's setting max_page, or have the application honour count."},
	{CodeTargetRefused, NeedsYou, "The application refused the change.", "The message has the application's own words."},
	{CodeTargetRefusesAll, NeedsYou, "The application refuses one change after the other for the same reason.", "Nothing is lost: what was not sent waits, one change is tried every two minutes at most, and all go on when one goes through. The message has the application's own words; mend the mapping, the application's settings or the token's rights."},
	{CodeTargetConflict, NeedsYou, "The application says that the object exists already, but does not show which.", "Look for it in the application and link or remove it."},
	{CodeTargetGone, Heals, "The linked object no longer exists in the application.", "The link is dropped and the person is matched anew."},
	{CodeTargetDomain, NeedsYou, "The person's e-mail domain is not verified in the application.", "Verify the domain or map another address."},
	{CodeTargetUnsupported, NeedsYou, "The application cannot do what the rules ask for.", "Change the mapping or switch the feature off."},
	{CodeTargetNotListed, Heals, "The application does not list an object yet that it may have created.", "Lockstep looks again until it is certain, then goes on."},
	{CodeTargetHides, NeedsYou, "The application can only replace an object as a whole, and does not show all of what others may have put there.", "Nothing was written, since it could take that away. If there is nothing to lose, set the connection's setting overwrite_hidden to true; or delete the object there, so that Lockstep makes it anew."},
	{CodeTargetID, NeedsYou, "The application gives the object no id, or one that is too long to be kept.", "An id is text of at most 1,000 bytes. Nobody is created a second time: have the application's maker mend it, or remove the object there and provision the person on demand."},
	{CodeTargetContradicts, Heals, "The application says that it did it, and its answer shows something else.", "It is not recorded as done: Lockstep looks again and repeats it with growing pauses. If it stays like this, the application does not take this value: take it out of the mapping, or ask its maker."},
	{CodeBlocked, NeedsYou, "The address is not public, and the operator has not allowed its range.", "Look whether the name is right. If it is meant to be reached inside, start the server with --allow-network and the range, such as 10.0.0.0/8."},
	{CodeUnencrypted, NeedsYou, "The address is public, and plain http:// would show token and people on the way.", "Use https://. For a connection that must go without TLS, set insecure=true."},
	{CodeRehearsal, NeedsYou, "Nothing was sent: this was a try.", "Lockstep has made the request to show it, and kept it. Provision the person to send it."},
	{CodeTargetName, NeedsYou, "The rules give a licence or role that the application does not have under that name.", "The message lists what it has: correct the mapping, or name the licence by its id. If two are called the same, the message says how to tell them apart."},
	{CodeTargetSeats, NeedsYou, "No seat is free of a licence that the rules give.", "The account is there without it. Buy seats or take the licence from somebody: it is tried again by itself, and at once when you provision the person on demand."},
	{CodeTargetAdmin, NeedsYou, "A full administrator would lose that role in whose name the connection signs in, or who is the last one.", "Nothing was taken away. Give the role to somebody else first, or have another administrator consent to the connection; if the message names a scope, tick it and consent anew."},
	{CodeAuthToken, NeedsYou, "The application rejected the token.", "It may have expired: set a new one and test the connection."},
	{CodeAuthForbidden, NeedsYou, "The token is not allowed to do this.", "Give it the rights that the application's page lists."},
	{CodeAuthRole, NeedsYou, "Whoever signed in to Webex has not the role of a full administrator, or the token's scopes do not open SCIM 2.", "Get the token, or consent, as a full administrator of this organisation. If you are one, tick identity:people_rw (and identity:groups_rw) at the integration and consent anew, or get a token with Identity:SCIM."},
	{CodeOAuthRefused, NeedsYou, "The token endpoint of an application gives no access token.", "The message says why: compare client ID, secret or key, the way to authenticate and the scope with what is registered there, then test the connection."},
	{CodeOAuthEndpoint, Heals, "The token endpoint of an application cannot be asked for an access token.", "Nothing, if it passes. Else compare the address (token_url) with what the application's page says."},
	{CodeConsent, NeedsYou, "An administrator has to consent before the application gives access tokens.", "Open the connection in the console and ask for consent, or: `lockstep connection consent NAME`. Where the connection has a refresh token that was given as a secret, give another one."},
	{CodeAuthIssuer, Heals, "The keys of an issuer whose access tokens are trusted cannot be had.", "Nothing, if it passes. Else compare the issuer's address with the claim iss of its tokens, and see that this machine reaches it."},
	{CodeSecretsAgain, NeedsYou, "A connection leads somewhere else only together with its secrets.", "Give the new address and every secret in one call: connection set NAME --set url=… --secret-file FILE."},

	{CodeMatchMissing, NeedsYou, "The person has no value to be matched by.", "Fill the attribute in the source or map another one."},
	{CodeMatchAmbiguous, NeedsYou, "More than one object in the application matches.", "Remove the duplicates there or match by another attribute."},
	{CodeMatchDuplicate, NeedsYou, "Two people of the source would become the same object.", "Give them different values for the matching attribute."},
	{CodeMatchTaken, NeedsYou, "The object that matches is already linked to somebody else.", "Unlink it or change the matching value."},
	{CodeMatchOther, NeedsYou, "The connection leads to another system since, and whoever has this id there is called otherwise.", "Ids may mean other people there. If it is the same person, approve the change; else reject it."},
	{CodeSecondAccount, NeedsYou, "Accounts are called by e-mail addresses there, and a plan would create some under another name.", "Whoever has an account under their address would get a second one. Let the user name come from the address, or match by it, too, on the page Mappings. Nothing is stopped by this."},
	{CodeShared, NeedsYou, "Another app leads to the same place, so both may write the same accounts.", "Use one app, or see that no person is in the scope of both."},

	{CodeMapUnknown, NeedsYou, "A mapping names an attribute that does not exist.", "Correct the name; the message says which."},
	{CodeMapExpression, NeedsYou, "An expression could not be evaluated for this person.", "Test the expression with this person's values."},
	{CodeMapRequired, NeedsYou, "A required attribute of the application stays empty.", "Fill it in the source or give the mapping a default."},
	{CodeMapInvalid, NeedsYou, "A mapped value is not allowed by the application's schema.", "The message names attribute and value."},
	{CodeMapSyntax, NeedsYou, "An expression or path cannot be read.", "The message has the column of the mistake."},

	{CodeScopeSyntax, NeedsYou, "A scoping filter cannot be read.", "The message names the clause."},
	{CodeUniqueCircle, NeedsYou, "People exchange values that must be unique, and the application can write only one at a time.", "Give one of them another value for a moment, or change them at the application by hand and run the job again."},
	{CodeClears, NeedsYou, "A value is taken away, since its source no longer has one.", "Nothing, if that is meant. If a whole column is missing at the source, mend it there."},
	{CodeUnread, NeedsYou, "The system at the other end was never read to its end.", "Run the job, or look why it cannot be read."},
	{CodeGuardHeld, NeedsYou, "Too many harmful changes at once: they are held.", "Look at the held changes, then approve or reject them."},
	{CodeReferenceWaits, Heals, "A reference waits until the other object exists in the application.", "It is written as soon as that object is linked."},

	{CodeUndoNotDone, NeedsYou, "A line of the log that was not done cannot be taken back.", "Nothing: there is nothing to take back."},
	{CodeUndoNothing, NeedsYou, "A line of the log has changed nothing at the application.", "Nothing: there is nothing to take back. To take a link away: `lockstep link rm PERSON`."},
	{CodeUndoSince, NeedsYou, "Something else was done or decided about the object since.", "Take back the newest line about it first: `lockstep log list APP`, with the person's name."},
	{CodeUndoOther, NeedsYou, "The account that the line is about is not the one that the person has now.", "Look at the person's page, and change the account there by hand if need be."},
	{CodeUndoFinal, NeedsYou, "The application keeps nothing of an account that is deleted.", "Bring the person into scope again: a new account is made. What only the old one had is gone."},
	{CodeUndoPolicy, NeedsYou, "The application's rules keep the accounts of people who leave, so a created one is not taken back.", "Change what happens to people who leave, or what the mapping may do, or remove the account at the application."},

	{CodeSchemaInUse, NeedsYou, "Somebody has values that the change of the schema does not allow.", "Change or remove those values first; the message names one who has them."},

	{CodeMailUnreachable, Heals, "The mail server does not answer.", "It is tried again for two days. Check name, port and security with `lockstep notify test`."},
	{CodeMailDeferred, Heals, "The mail server does not take the message for now.", "It is tried again for two days; the status says why, and the mail server's log says more."},
	{CodeMailRefused, NeedsYou, "The mail server does not take the message.", "Check the recipient's address, and that the server lets this sender send: `lockstep notify show`."},
	{CodeMailAuth, NeedsYou, "The mail server does not accept the user name or the password.", "Set them again with `lockstep notify set --password-file FILE`."},
	{CodeMailTLS, NeedsYou, "The connection to the mail server cannot be made secure.", "Choose the security that it offers, or trust its authority with `lockstep notify set --mail-ca FILE`."},
	{CodeHookDeferred, Heals, "The webhook does not take the message for now.", "It is tried again for two days. The receiver's log says why; `lockstep notify test --webhook` tries it at once."},
	{CodeHookRefused, NeedsYou, "The webhook wants no more messages.", "Ask whoever runs the receiver for another address."},
	{CodeSecretExpires, NeedsYou, "A secret or a certificate ends soon, or has ended.", "Get a new one and set it before that: connection set, token rotate, or, of an identity provider, idp set."},
	{CodeBackupDamaged, NeedsYou, "A backup is not whole.", "Take an older one; the message says what is wrong with this one. Verify backups when they are made: `lockstep backup verify FILE`."},
	{CodeJobSilent, NeedsYou, "A job has not run when it should have.", "Look at `lockstep status`, and whether a server or a worker runs."},

	{CodeIdPSettingMissing, NeedsYou, "A field of the identity provider that is needed is empty.", "Fill in the field that the message names."},
	{CodeIdPSettingUnknown, NeedsYou, "Identity providers of this kind have no such field.", "Correct the name; the message says which is meant, if it is near."},
	{CodeIdPSettingInvalid, NeedsYou, "A field of the identity provider has a value that cannot be used.", "The message names the field and what it takes."},
	{CodeIdPNotHTTPS, NeedsYou, "An address of the identity provider is not https.", "Enter the https address. Plain http is for this machine alone: localhost and 127.0.0.1."},
	{CodeIdPUnreachable, Heals, "The identity provider cannot be reached.", "Check the address, the network and the name server; signing in works again once it answers."},
	{CodeIdPTimeout, Heals, "The identity provider did not answer in time.", "Try again. If it is always so, look at the network between Lockstep and the provider."},
	{CodeIdPBlocked, NeedsYou, "The identity provider's address is not public, and the operator has not allowed its range.", "If it is meant to be reached, start the server with --allow-network and the range."},
	{CodeIdPCAUnknown, NeedsYou, "The identity provider's certificate comes from a certification authority that is not trusted here.", "Add the certificate of the authority that the message names to the provider's trusted certificates."},
	{CodeIdPCertificate, NeedsYou, "The identity provider's certificate is not valid for its address or for today.", "Have the certificate renewed, or enter the address that it is made for."},
	{CodeIdPNotTLS, NeedsYou, "The identity provider does not speak TLS at this address.", "Check scheme and port of the address."},
	{CodeIdPMalformed, NeedsYou, "The identity provider's answer is not what the protocol says.", "Check that the address is the one that the field asks for; a page for people is no answer for programs."},
	{CodeIdPTooLarge, NeedsYou, "The identity provider's answer is larger than is accepted.", "Check the address. If it is right, let the provider put fewer claims or groups in."},
	{CodeIdPRefused, NeedsYou, "The identity provider refused a request.", "The message has the provider's status and words."},
	{CodeIdPRedirects, NeedsYou, "The identity provider answers with a redirect to another address.", "Enter the address that the message names, if it is the provider's."},
	{CodeIdPDiscovery, NeedsYou, "A discovery document names another issuer than the one at whose address it was found.", "Enter the address of the issuer that the message names, or paste the document if you trust it."},
	{CodeIdPUnsupported, NeedsYou, "The identity provider can do nothing that Lockstep can use, too.", "The message says what is missing on which side."},
	{CodeIdPCallback, NeedsYou, "What came back from the identity provider is incomplete or there twice.", "Begin the sign-in again. If it is always so, something between browser and Lockstep changes addresses."},
	{CodeIdPDenied, NeedsYou, "The identity provider did not let the person in, or they declined.", "Ask the provider's administrator whether the person may use this application."},
	{CodeIdPLoginRequired, NeedsYou, "The identity provider wants the person to act, and was asked not to show anything.", "Begin the sign-in again without prompt=none."},
	{CodeIdPReturned, NeedsYou, "The identity provider sent the browser back with an error.", "The message has the provider's own words and what they mostly mean."},
	{CodeIdPMixedUp, NeedsYou, "The answer comes from another issuer than the one that was asked.", "Compare the issuer in the message with the form. If it is none of yours, somebody may be mixing providers up: do not add it."},
	{CodeIdPClient, NeedsYou, "The identity provider does not accept the client ID or its secret.", "Enter the client secret again; it may have expired. Check how the provider wants it to be sent."},
	{CodeIdPCode, NeedsYou, "The identity provider did not accept the code that it had given out.", "Begin the sign-in again: a code serves once and for a minute. If it is always so, compare the redirect URI and the clocks."},
	{CodeIdPRedirectURI, NeedsYou, "The redirect URI is not registered at the identity provider.", "Register there, letter for letter, the redirect URI that the form shows."},
	{CodeIdPScope, NeedsYou, "The identity provider does not give out a scope that was asked for.", "Allow the scope at the provider or take it out of the form."},
	{CodeIdPNoIDToken, NeedsYou, "The identity provider gave no ID token.", "Put openid among the scopes; a provider that knows no ID token is of the kind OAuth 2.0."},
	{CodeIdPTokenMalformed, NeedsYou, "The ID token cannot be read.", "Ask the provider's maker; the flight recorder shows what can be shown of it."},
	{CodeIdPAlgorithm, NeedsYou, "The ID token is signed in a way that is not accepted.", "Let the provider sign with RS256 or ES256; tokens without a signature, or signed with the client secret, are never accepted."},
	{CodeIdPKeyUnknown, NeedsYou, "The key that signed the ID token is not among those that the identity provider publishes.", "Check the address of the keys. After a change of keys the new one is found within ten seconds."},
	{CodeIdPSignature, NeedsYou, "The signature of the ID token is wrong.", "Check the address of the keys and the issuer. If both are right, somebody may have changed the token on its way."},
	{CodeIdPIssuer, NeedsYou, "The ID token comes from an issuer that is not one of this provider's.", "If the issuer in the message is the provider's, add it to the further issuers; Webex has one for each region."},
	{CodeIdPAudience, NeedsYou, "The ID token is meant for another application.", "Compare the client ID with the one that the provider shows."},
	{CodeIdPExpired, NeedsYou, "The ID token has expired.", "Compare the clocks: the flight recorder shows how far they are apart."},
	{CodeIdPClock, NeedsYou, "The ID token was issued in the future.", "Set the clock of this machine or of the provider: the flight recorder shows how far they are apart."},
	{CodeIdPClaimMissing, NeedsYou, "A claim that must be there is missing from what the identity provider says.", "The message names the claim. Mostly a scope is missing, or the provider has to be told to send the claim."},
	{CodeIdPNonce, NeedsYou, "The ID token was not made for this sign-in.", "Begin the sign-in again. If it is always so, the provider does not send the nonce back."},
	{CodeIdPAtHash, NeedsYou, "The ID token does not belong to the access token that came with it.", "Ask the provider's maker: the two were not issued together."},
	{CodeIdPTooOld, NeedsYou, "The person signed in at the identity provider too long ago.", "Begin the sign-in again; the provider must ask for the password again when it is asked to."},
	{CodeIdPACR, NeedsYou, "The person signed in at the identity provider in a way that is not strong enough.", "Let the provider ask for the second factor; the message names what came and what is required."},
	{CodeIdPSubjectDiffers, NeedsYou, "The user-info answer is about somebody else than the ID token.", "Check the address of the user-info; both must be of one provider."},
	{CodeIdPTenant, NeedsYou, "The person belongs to a Microsoft Entra tenant that is not allowed here.", "Add the tenant's ID to the form if its people are to sign in."},
	{CodeIdPFiltered, NeedsYou, "The identity provider's answer does not have the value that is required of people who sign in.", "If the person should get in, give them the value at the provider, or change the required claim."},
	{CodeIdPCredentials, NeedsYou, "The user name or the password is wrong.", "Try again, or ask for a new password."},
	{CodeIdPAmbiguous, NeedsYou, "More than one entry of the LDAP directory has this user name.", "Narrow the base or the filter so that each name fits one person."},
	{CodeIdPSearchUser, NeedsYou, "The LDAP directory does not accept the search user or its password.", "Enter the search user's DN and password again."},
	{CodeIdPInTheClear, NeedsYou, "A password would go to the LDAP directory without encryption.", "Use ldaps:// or StartTLS."},
	{CodeIdPSAMLMalformed, NeedsYou, "The SAML response is not one that can be accepted.", "The message names what is wrong with its form; documents with a DOCTYPE or with several assertions are never read."},
	{CodeIdPSAMLSignature, NeedsYou, "The SAML response is not signed by a certificate of this provider.", "Import the provider's metadata again if its certificate has changed; let it sign the assertion with SHA-256."},
	{CodeIdPSAMLUnsolicited, NeedsYou, "The SAML response does not answer the request of this sign-in.", "Begin at Lockstep, not at the provider's portal, and finish in the same browser."},
	{CodeIdPSAMLReplayed, NeedsYou, "The SAML assertion was used before.", "Begin the sign-in again. If nobody did, somebody may have copied it."},
	{CodeIdPSAMLConditions, NeedsYou, "The SAML assertion is not meant for this time or this application.", "Compare the clocks, the entity ID and the address of the assertion consumer service; the message says which."},
	{CodeIdPSAMLStatus, NeedsYou, "The SAML identity provider answered with an error.", "The message has the provider's status."},
	{CodeIdPSAMLEncrypted, NeedsYou, "The SAML assertion is encrypted, and cannot be decrypted.", "Make a decryption key on the provider's page, and give the provider our metadata; it has to encrypt with AES-GCM and RSA-OAEP. Or switch encryption off there: TLS protects assertions on their way."},
	{CodeIdPDrift, NeedsYou, "What an identity provider says of itself is no longer what is set here.", "Compare the values on the provider's page. If the provider's administrator says that they are right, import its document again, and test the sign-in."},
	{CodeSSOClient, NeedsYou, "An application that is not known here wants people signed in.", "Add it as a client, or correct its client ID."},
	{CodeSSORedirect, NeedsYou, "An application wants people sent to an address that is not registered for it.", "Compare the address in the message with those of the client, byte for byte."},
	{CodeSSORequest, NeedsYou, "A request to sign somebody in cannot be used.", "The message says what is wrong; the application's maker has to mend it."},
	{CodeSSOProvider, NeedsYou, "An identity provider cannot be used for this sign-in.", "Enable it, and allow it for the application."},
	{CodeSSONoProvider, NeedsYou, "No identity provider is enabled for an application.", "Enable one with `lockstep idp enable`, or allow another one for the application."},
	{CodeSSOExpired, NeedsYou, "A sign-in took too long, or was finished already.", "Begin again at the application."},
	{CodeSSOOver, NeedsYou, "A browser came back from a sign-out that is over.", "If the person is not sure, they sign out at the application again."},
	{CodeSSOLeft, NeedsYou, "An identity provider answered a sign-out with the state of something else.", "The person is signed out here. If it is always so, ask the provider's maker: it has to give back the state that it was sent, and none where it was sent none."},
	{CodeSSOBrowser, NeedsYou, "A sign-in was finished in another browser than it was begun in.", "Begin again at the application, in one browser."},
	{CodeSSOUnknown, NeedsYou, "Who has signed in at the identity provider is nobody in the directory.", "Import or add the person, or let the provider add people (its policy)."},
	{CodeSSOAmbiguous, NeedsYou, "Who has signed in at the identity provider may be more than one person in the directory.", "Give the people different addresses and user names."},
	{CodeSSODisabled, NeedsYou, "The person is disabled in the directory.", "Enable them, if they may sign in."},
	{CodeSSORefused, NeedsYou, "Who has signed in at the identity provider cannot be linked to the person.", "Look at the login by its reference: the stage that failed says why."},
	{CodeSSOConfirm, NeedsYou, "A person has to sign in as before, so that another way to sign in can be linked.", "They choose the way that they used before, once."},
	{CodeSSOPasswordOver, NeedsYou, "A password that was to be changed at the first sign-in was not, in time.", "Give the person another one (`lockstep people password NAME --temporary`, or the person's page in the console)."},
	{CodeSSOTooMany, Heals, "Too many tries to sign in.", "Wait a quarter of an hour."},
	{CodeSSOCode, NeedsYou, "A code of a second factor was wrong, or was used before.", "They wait for the next code, and look at the clock of their device. Whoever has neither device nor recovery code asks an administrator to remove the factor."},
	{CodeSSOLastFactor, NeedsYou, "The last second factor of somebody was to be removed, and one is demanded of them.", "They set up another one first. An administrator can remove one that is lost all the same: be sure that it is they who ask, and confirm (\"last\" in the API, --yes on the command line)."},
	{CodeSSOLinked, NeedsYou, "Somebody wanted to link an identity that is somebody else's here, or a second one of a provider.", "They sign out at the provider and link their own, or unlink the one that they have first."},
	{CodeSSOLastWay, NeedsYou, "Somebody wanted to unlink the last identity by which they can sign in.", "They link another one, or get a password, first."},
	{CodeSSOConsent, NeedsYou, "Somebody was asked to let an application into the SCIM endpoint, and may not.", "An administrator does it who could make such a SCIM client. If none can, see that a SCIM client belongs to the application."},
	{CodeSSOPasskey, NeedsYou, "A passkey was not accepted.", "The sign-in's stages say why. A passkey works only at the host name that it was set up at, and only for its person."},
	{CodeSSOFresh, NeedsYou, "Somebody was to show again who they are, and their identity provider has not asked them.", "They sign out at the identity provider, or add a second factor, which is asked for here."},
	{CodeSSOBack, Heals, "Somebody came back before the sign-in was finished.", "They choose again."},
	{CodeSSOMessage, NeedsYou, "A message of an application that speaks SAML cannot be used.", "The message says what is wrong: compare the application's certificate and addresses with its metadata."},
	{CodeSSOReplayed, NeedsYou, "A message of an application came a second time.", "Go back to the application and begin again. If nobody has loaded a page anew, somebody has sent a message that they have seen."},
	{CodeSSOProxyHost, NeedsYou, "A reverse proxy asks for a host that is none of the application's, or an address leads away from it.", "Add the host to the application, or correct what the proxy sends as X-Forwarded-Host."},
	{CodeSSOProxyHeader, NeedsYou, "A request to an application behind a proxy came with a header that only the proxy may set.", "Have the proxy remove these headers from what browsers send. Whoever has sent one may have tried to be somebody else."},

	{CodeUsage, NeedsYou, "The command was not understood.", "Run it with --help."},
	{CodeBusy, NeedsYou, "Another process uses the data folder.", "Stop it, or give --server its address."},
	{CodeUnreachable, NeedsYou, "The server does not answer.", "Check that it runs and that --server is right."},
	{CodeNoData, NeedsYou, "There are no data in the folder.", "Start with `lockstep serve` or `lockstep source add`, or name the folder with --data or LOCKSTEP_DATA."},
	{CodeTooMany, Heals, "Too many wrong passwords.", "Wait a quarter of an hour, or come from another address. Nobody else is kept out by it."},
	{CodeProveAgain, NeedsYou, "Show again who you are.", "What you are about to do is severe, and it is a while since you signed in. Sign in again; what you have filled in is kept."},
	{CodeLastOwner, NeedsYou, "The last owner cannot be removed.", "Make somebody else an owner before: Settings, Administrators, or `lockstep admin add`."},
	{CodeUnauthorized, NeedsYou, "The token is missing, wrong or expired.", "Create one on the server's machine: `lockstep token create NAME --scope read`, and give it by --token-file or LOCKSTEP_TOKEN."},
	{CodeStoreAway, NeedsYou, "The database cannot be reached, or lets nobody in.", "See that PostgreSQL runs and is reached from here, and that name, user and password in --store are right."},
	{CodeStorePooled, NeedsYou, "PostgreSQL is reached through a pooler, which passes on nothing of what Lockstep asks of a connection.", "It works so. Set for the role what is named (ALTER ROLE … SET), and have the pooler open its connections anew: without it PostgreSQL may take several times as long."},
	{CodeStoreUnsafe, NeedsYou, "The database may lose what it has acknowledged.", "Set it for the role, ALTER ROLE … SET synchronous_commit = on, and have the pooler open its connections anew, or let --store name PostgreSQL itself."},
	{CodeKeyMissing, NeedsYou, "The key that the database was sealed with is missing.", "Restore the key file or set LOCKSTEP_KEY_FILE."},
	{CodeSchemaNewer, NeedsYou, "The database was written by a newer version of Lockstep.", "Run that version or a newer one."},
	{CodeSchemaOlder, NeedsYou, "The database is of an older version of Lockstep, and only a server upgrades it.", "Start the server, or run `lockstep migrate up`: both keep a copy of a SQLite database first. On PostgreSQL make a dump before."},
	{CodeSealed, NeedsYou, "A sealed value cannot be opened with this key.", "Restore the key that sealed it."},
	{CodePlanStale, NeedsYou, "The plan no longer fits: data or rules have changed.", "Make a new plan."},
	{CodeDraftBehind, NeedsYou, "The draft was made from a version that is no longer in force.", "Bring it up to date (`lockstep app draft rebase`, or the draft's page in the console): what only one of you has changed is kept, and you say whose value counts where both have."},
	{CodeTimeout, Heals, "It took longer than allowed.", "Try again, or allow more time."},
	{CodeLinkSpent, NeedsYou, "The one-time link cannot be used any more.", "Run `lockstep console` on the server: it prints a new one."},
	{CodeCrossSite, NeedsYou, "The request came from another site.", "Open the console itself and repeat the step there."},
}
