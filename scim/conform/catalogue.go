package conform

// Code is a stable name for one kind of deviation.
type Code string

// Rule describes a kind of deviation.
type Rule struct {
	Code    Code
	Title   string // what the client does, half a sentence
	Section string // of the RFC
	Want    string // what the RFC wants, one sentence
	Clients string // who is known for it; "" when nobody is
	Source  string // of that: an article of the vendor, or an issue as repository#number
}

// The codes, by what they are about.
const (
	ContentType    Code = "content-type"
	EntityTag      Code = "entity-tag"
	BodySyntax     Code = "body-syntax"
	QuerySyntax    Code = "query-syntax"
	QueryParameter Code = "query-parameter"
	PagingNumber   Code = "paging-number"
	SortOrder      Code = "sort-order"
	AttributesBoth Code = "attributes-both"

	FilterSyntax        Code = "filter-syntax"
	FilterUnquoted      Code = "filter-unquoted"
	FilterAfterBrackets Code = "filter-after-brackets"
	FilterRefNull       Code = "filter-ref-null"
	FilterAttribute     Code = "filter-attribute"
	FilterComplex       Code = "filter-complex"
	FilterType          Code = "filter-type"

	SchemasMissing  Code = "schemas-missing"
	SchemasWrong    Code = "schemas-wrong"
	SchemaUnknown   Code = "schema-unknown"
	SchemaUnlisted  Code = "schema-unlisted"
	AttrUnknown     Code = "attribute-unknown"
	AttrUnqualified Code = "attribute-unqualified"
	AttrDotted      Code = "attribute-dotted"
	AttrURN         Code = "attribute-urn"
	AttrReadOnly    Code = "attribute-read-only"
	AttrRequired    Code = "attribute-required"

	BooleanText    Code = "boolean-text"
	NumberText     Code = "number-text"
	TextType       Code = "text-type"
	ValueType      Code = "value-type"
	ComplexText    Code = "complex-text"
	EmptyReference Code = "empty-reference"
	MultiSingle    Code = "multi-single"
	SingleMulti    Code = "single-multi"
	PrimaryMany    Code = "primary-many"
	DateForm       Code = "date-form"
	BinaryForm     Code = "binary-form"

	PatchOperations   Code = "patch-operations"
	PatchEmpty        Code = "patch-empty"
	PatchMember       Code = "patch-member"
	PatchOpCase       Code = "patch-op-case"
	PatchOpUnknown    Code = "patch-op-unknown"
	PatchPathSyntax   Code = "patch-path-syntax"
	PatchPathUnknown  Code = "patch-path-unknown"
	PatchReadOnly     Code = "patch-read-only"
	PatchNoTarget     Code = "patch-no-target"
	PatchNoValue      Code = "patch-no-value"
	PatchRemoveValue  Code = "patch-remove-value"
	PatchValueText    Code = "patch-value-text"
	PatchValueNoPath  Code = "patch-value-no-path"
	BulkOperations    Code = "bulk-operations"
	BulkMethod        Code = "bulk-method"
	BulkPath          Code = "bulk-path"
	BulkID            Code = "bulk-id"
	BulkPayload       Code = "bulk-data"
	BulkPayloadString Code = "bulk-data-text"
)

// Describe returns the rule of a code; an unknown one has only that.
func Describe(c Code) Rule {
	for _, r := range catalogue {
		if r.Code == c {
			return r
		}
	}
	return Rule{Code: c}
}

// Rules returns all rules, by what they are about.
func Rules() []Rule { return append([]Rule(nil), catalogue...) }

// Vendors, and where they say or were seen to do what they do.
const (
	entra        = "Microsoft Entra ID"
	entraAndOkta = "Microsoft Entra ID, Okta"
	develop      = "Microsoft: Develop a SCIM endpoint"
	known        = "Microsoft: SCIM 2.0 compliance known issues"
	oktaProtocol = "Okta: SCIM 2.0 Protocol Reference"
)

// catalogue is never changed.
var catalogue = []Rule{
	{ContentType, "sends a body with another media type", "RFC 7644 §3.1, §8.1", "The Content-Type of a body is application/scim+json.", "Google Workspace", "pond/scimitar#142"},
	{EntityTag, "sends an entity tag without quotes", "RFC 7644 §3.14", "If-Match and If-None-Match hold entity tags such as W/\"3\".", "", ""},
	{BodySyntax, "sends a body that is not a JSON object, or names an attribute twice", "RFC 7643 §2.1, RFC 7644 §3.1", "The body is one JSON object in UTF-8 whose names differ.", "", ""},
	{QuerySyntax, "sends a query that is not encoded", "RFC 7644 §3.4.2.2", "The query of an address is percent-encoded.", "", ""},
	{QueryParameter, "sends a parameter that the RFC does not know", "RFC 7644 §3.4.2", "Parameters are those of the RFC; others are ignored.", entra + " (aadOptscim062020)", known},
	{PagingNumber, "sends startIndex or count that is no integer", "RFC 7644 §3.4.2.4", "startIndex and count are integers.", "", ""},
	{SortOrder, "sends another sortOrder", "RFC 7644 §3.4.2.3", "sortOrder is ascending or descending.", "", ""},
	{AttributesBoth, "sends attributes and excludedAttributes together", "RFC 7644 §3.9", "One of attributes and excludedAttributes is sent, not both.", "", ""},

	{FilterSyntax, "sends a filter outside the grammar", "RFC 7644 §3.4.2.2", "A filter follows the ABNF of figure 1.", "", ""},
	{FilterUnquoted, "sends a text in a filter without quotes", "RFC 7644 §3.4.2.2", "A text in a filter is a JSON string with quotes.", "Microsoft's sample requests", "AzureAD/SCIMReferenceCode"},
	{FilterAfterBrackets, "compares a sub-attribute after brackets", "RFC 7644 §3.4.2.2", "In a filter the brackets end the expression: emails[type eq \"work\" and value eq \"x\"].", entra, "elimity-com/scim#150"},
	{FilterRefNull, "asks whether $ref is null", "RFC 7644 §3.4.2.2, RFC 7643 §2.4", "A member is found by its value; $ref is derived from it.", entra, "scimmyjs/scimmy#33"},
	{FilterAttribute, "filters by an attribute that does not exist", "RFC 7644 §3.4.2.2", "A filter names attributes of the schema.", "", ""},
	{FilterComplex, "compares a complex attribute as a whole", "RFC 7644 §3.4.2.2", "A comparison names a sub-attribute, such as name.familyName.", "", ""},
	{FilterType, "compares with a value of another type", "RFC 7644 §3.4.2.2", "The value has the attribute's type: primary eq true, without quotes.", entra + " (roles[primary eq \"True\"])", develop},

	{SchemasMissing, "leaves schemas out", "RFC 7643 §3, RFC 7644 §3.1", "Every resource and every message names its schemas.", "", ""},
	{SchemasWrong, "names another schema than the message's or the resource's own", "RFC 7643 §3, RFC 7644 §3.5.2", "schemas holds the URN of the message, or of the resource's core schema.", "", ""},
	{SchemaUnknown, "names a schema that the resource type does not have", "RFC 7643 §3", "schemas holds only the core schema and extensions of the resource type.", entra + ", Google Workspace", "grokability/snipe-it#12642"},
	{SchemaUnlisted, "sends an extension that schemas does not name", "RFC 7643 §3", "schemas names every extension that is in the resource.", "", ""},
	{AttrUnknown, "sends an attribute that does not exist", "RFC 7643 §2.1", "A resource has attributes of its schemas.", "", ""},
	{AttrUnqualified, "names an attribute of an extension without its URN", "RFC 7644 §3.10", "An attribute of an extension is written with the extension's URN.", entra + " (manager)", develop},
	{AttrDotted, "sends a sub-attribute under a dotted name", "RFC 7643 §2.3.8", "A sub-attribute stands in its complex attribute: {\"name\": {\"givenName\": …}}.", entra + " (aadOptscim062020)", "pingidentity/scim2#224"},
	{AttrURN, "sends an attribute of an extension under its URN", "RFC 7643 §3.3", "Attributes of an extension stand in an object under the extension's URN.", entra + " (aadOptscim062020)", "pingidentity/scim2#224"},
	{AttrReadOnly, "sends attributes that only the server sets", "RFC 7643 §7, RFC 7644 §3.3", "A client leaves id, meta and groups to the server, which ignores them.", entraAndOkta, develop + "; " + oktaProtocol},
	{AttrRequired, "leaves a required attribute out", "RFC 7643 §7", "Required attributes are there.", "", ""},

	{BooleanText, "sends a boolean as text", "RFC 7643 §2.3.2", "A boolean is true or false, without quotes.", entra, "scimmyjs/scimmy#86"},
	{NumberText, "sends a number as text", "RFC 7643 §2.3.3, §2.3.4", "A number has no quotes.", "", ""},
	{TextType, "sends a text without quotes", "RFC 7643 §2.3.1", "A text is a JSON string, also when it has digits only.", "", ""},
	{ValueType, "sends a value of another type", "RFC 7643 §2.3", "A value has the type of its attribute.", "", ""},
	{ComplexText, "sends a bare text for a complex value", "RFC 7643 §2.3.8", "A complex value is an object, such as {\"value\": \"…\"}.", entra + " (manager, members)", "Captain-P-Goldfish/SCIM-SDK#686"},
	{EmptyReference, "clears a reference with an empty text", "RFC 7643 §2.3.7, §2.5", "A reference is removed, or set to null; \"\" is no reference.", entra, "apache/directory-scimple#1244"},
	{MultiSingle, "sends one value where a list belongs", "RFC 7643 §2.4", "A multi-valued attribute is a JSON array, also with one value.", "OneLogin", "15five/django-scim2"},
	{SingleMulti, "sends a list where one value belongs", "RFC 7643 §2.3", "A single-valued attribute is not an array.", "", ""},
	{PrimaryMany, "marks more than one value as primary", "RFC 7643 §2.4", "At most one value of an attribute is primary.", "", ""},
	{DateForm, "sends a time that is no dateTime", "RFC 7643 §2.3.5", "A time has the form 2026-11-22T12:00:00Z.", "", ""},
	{BinaryForm, "sends binary data that is not Base64", "RFC 7643 §2.3.6", "Binary data is Base64.", "", ""},

	{PatchOperations, "sends a PATCH without a list of operations", "RFC 7644 §3.5.2", "The body has an array Operations of objects.", "", ""},
	{PatchEmpty, "sends a PATCH without any operation", "RFC 7644 §3.5.2", "Operations has one operation or more.", "Microsoft's SCIM Validator", "scimmyjs/scimmy#59"},
	{PatchMember, "sends more in an operation than op, path and value", "RFC 7644 §3.5.2", "An operation has op, path and value.", "Microsoft's sample requests", "AzureAD/SCIMReferenceCode"},
	{PatchOpCase, "writes op in another case", "RFC 7644 §3.5.2", "op is add, remove or replace, in lower case.", entra, known},
	{PatchOpUnknown, "sends an operation that does not exist", "RFC 7644 §3.5.2", "op is add, remove or replace.", "", ""},
	{PatchPathSyntax, "sends a path outside the grammar", "RFC 7644 §3.5.2", "A path follows the ABNF of figure 7.", "", ""},
	{PatchPathUnknown, "changes an attribute that does not exist", "RFC 7644 §3.5.2", "A path names an attribute of the schema.", "", ""},
	{PatchReadOnly, "changes an attribute that only the server sets", "RFC 7644 §3.5.2", "A PATCH leaves read-only attributes alone.", "", ""},
	{PatchNoTarget, "removes without a path", "RFC 7644 §3.5.2.2", "remove has a path.", "", ""},
	{PatchNoValue, "adds or replaces without a value", "RFC 7644 §3.5.2.1, §3.5.2.3", "add and replace have a value.", "", ""},
	{PatchRemoveValue, "removes what is in a value", "RFC 7644 §3.5.2.2", "What is removed stands in the path: members[value eq \"…\"].", entra + ", JumpCloud", "MicrosoftDocs/azure-docs#30826"},
	{PatchValueText, "sends the value of an operation without path as text", "RFC 7644 §3.5.2.1", "Without a path the value is an object, not JSON in a string.", "Keycloak plug-ins", "Captain-P-Goldfish/scim-for-keycloak#133"},
	{PatchValueNoPath, "sends a value without a path that is no object", "RFC 7644 §3.5.2.1", "Without a path the value is an object of attributes.", "", ""},
	{BulkOperations, "sends a Bulk request without a list of operations", "RFC 7644 §3.7", "The body has an array Operations of objects.", "", ""},
	{BulkMethod, "sends a method that Bulk does not have", "RFC 7644 §3.7", "method is POST, PUT, PATCH or DELETE.", "", ""},
	{BulkPath, "sends a Bulk operation without a path from the root", "RFC 7644 §3.7", "path is relative to the endpoint and begins with a slash.", "", ""},
	{BulkID, "creates in Bulk without a bulkId", "RFC 7644 §3.7", "A POST has a bulkId that is unique in the request.", "", ""},
	{BulkPayload, "sends a Bulk operation without data", "RFC 7644 §3.7", "POST, PUT and PATCH have data.", "", ""},
	{BulkPayloadString, "sends data as text", "RFC 7644 §3.7", "data is an object, not JSON in a string.", "Webex clients", "Webex: User bulk API"},
}
