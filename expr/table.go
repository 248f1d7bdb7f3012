package expr

// listFunctions are those over multi-valued attributes.
var listFunctions = []function{{
	Function: Function{
		Signature: "Count(values)",
		Doc:       "The number of values; 0 for null.",
		Example:   `Count([proxyAddresses])`,
		Result:    `"3"`,
	},
	strict: count,
}, {
	Function: Function{
		Signature: "Item(values, index)",
		Doc:       "The value at the index, which counts from 1; null beyond the last.",
		Example:   `Item([proxyAddresses], 2)`,
		Result:    `"smtp:ada@example.com"`,
	},
	strict: item,
}, {
	Function: Function{
		Signature: "Join(separator, source, …)",
		Doc:       "All values of all sources with the separator between them. Null and empty values are skipped.",
		Example:   `Join(", ", "", [surname], [givenName])`,
		Result:    `"Lovelace, Ada"`,
	},
	strict: join,
}, {
	Function: Function{
		Signature: "RemoveDuplicates(values)",
		Doc:       "The distinct values, in their order. Case matters.",
		Example:   `RemoveDuplicates([proxyAddresses])`,
		Result:    `["SMTP:ada.lovelace@example.com", "smtp:ada@example.com"]`,
	},
	flags: passes, strict: removeDuplicates,
}, {
	Function: Function{
		Signature: "Split(source, delimiter)",
		Doc:       "The parts between the delimiters as a multi-valued text, trimmed. Empty parts stay, so that Item finds the others in their place.",
		Example:   `Split("PermissionSetOne, PermissionSetTwo", ",")`,
		Result:    `["PermissionSetOne", "PermissionSetTwo"]`,
	},
	strict: split,
}, {
	Function: Function{
		Signature: "AppRoleAssignments(source)",
		Doc:       "The values of all roles that the person has in the app. The source is [appRoleAssignments].",
		Example:   `AppRoleAssignments([appRoleAssignments])`,
		Result:    `["Admin", "Auditor"]`,
	},
	prepare: prepareRoles(roleValues),
}, {
	Function: Function{
		Signature: "SingleAppRoleAssignment(source)",
		Doc:       "The value of the first role that the person has in the app. The source is [appRoleAssignments]. Which role is first is not defined when there are several.",
		Example:   `SingleAppRoleAssignment([appRoleAssignments])`,
		Result:    `"Admin"`,
	},
	prepare: prepareRoles(firstRole),
}, {
	Function: Function{
		Signature: "AppRoleAssignmentsComplex(source)",
		Doc:       "Every role as JSON text of id, value and displayName. The source is [appRoleAssignments]. Roles are only added at the target.",
		Example:   `AppRoleAssignmentsComplex([appRoleAssignments])`,
		Result: `["{\"id\":\"r1\",\"value\":\"Admin\",\"displayName\":\"Administrator\"}", ` +
			`"{\"id\":\"r2\",\"value\":\"Auditor\",\"displayName\":\"Auditor\"}"]`,
	},
	prepare: prepareRoles(complexRoles),
}, {
	Function: Function{
		Signature: "AssertiveAppRoleAssignmentsComplex(source)",
		Doc:       "As AppRoleAssignmentsComplex, but the roles at the target are replaced, so that roles unknown to the source go.",
		Example:   `AssertiveAppRoleAssignmentsComplex([appRoleAssignments])`,
		Result: `["{\"id\":\"r1\",\"value\":\"Admin\",\"displayName\":\"Administrator\"}", ` +
			`"{\"id\":\"r2\",\"value\":\"Auditor\",\"displayName\":\"Auditor\"}"]`,
	},
	prepare: prepareRoles(complexRoles),
}}

// logicFunctions are conditions and choices.
var logicFunctions = []function{{
	Function: Function{
		Signature: "And(condition, condition, …)",
		Doc:       "True when all conditions are true. Stops at the first that is not. *Not in Entra.*",
		Example:   `And([country] = "GB", IsPresent([department]))`,
		Result:    `"True"`,
	},
	conditions: -1, lazy: conjunction,
}, {
	Function: Function{
		Signature: "Or(condition, condition, …)",
		Doc:       "True when any condition is true. Stops at the first that is. *Not in Entra.*",
		Example:   `Or([country] = "DE", [country] = "GB")`,
		Result:    `"True"`,
	},
	conditions: -1, lazy: disjunction,
}, {
	Function: Function{
		Signature: "Not(source)",
		Doc:       "False when the source is True; True for anything else, null too.",
		Example:   `Not("False")`,
		Result:    `"True"`,
	},
	conditions: -1, strict: negate,
}, {
	Function: Function{
		Signature: "CBool(expression)",
		Doc:       "True for a number other than 0, for the text true and for a comparison that holds; False for 0, false and null.",
		Example:   `CBool([country] = "GB")`,
		Result:    `"True"`,
	},
	conditions: -1, strict: toBool,
}, {
	Function: Function{
		Signature: "Coalesce(source, …)",
		Doc:       "The first source that is not null. An empty text is not null; the last source is the default.",
		Example:   `Coalesce([mobile], [telephoneNumber], "none")`,
		Result:    `"+44 20 7946 0000"`,
	},
	flags: passes, lazy: coalesce,
}, {
	Function: Function{
		Signature: "IIF(condition, valueIfTrue?, valueIfFalse?)",
		Doc: "One of two values. A condition is a comparison with =, <>, >, >=, < or <=, or a value that is True or a number other than 0. Null compares as an empty text (Entra fails there); " +
			"an order with an empty side is False.",
		Example: `IIF([country] = "GB", "Europe/London", "UTC")`,
		Result:  `"Europe/London"`,
	},
	flags: passes, conditions: 1, lazy: choose,
}, {
	Function: Function{
		Signature: "Switch(source, default?, key, value?, …)",
		Doc:       `The value after the key that equals the source, else the default. Case matters. The key "" stands for null too.`,
		Example:   `Switch([state], "Australia/Sydney", "NSW", "Australia/Sydney", "QLD", "Australia/Brisbane")`,
		Result:    `"Australia/Brisbane"`,
	},
	flags: passes, pairs: true, lazy: choice,
}, {
	Function: Function{
		Signature: "IsNull(expression)",
		Doc:       "True when there is no value.",
		Example:   `IsNull([mobile])`,
		Result:    `"True"`,
	},
	strict: isNull,
}, {
	Function: Function{
		Signature: "IsNothing(expression)",
		Doc:       "The same as IsNull.",
		Example:   `IsNothing([mail])`,
		Result:    `"False"`,
	},
	strict: isNull,
}, {
	Function: Function{
		Signature: "IsNullOrEmpty(expression)",
		Doc:       "True when there is no value or only empty text.",
		Example:   `IsNullOrEmpty([mobile])`,
		Result:    `"True"`,
	},
	strict: isNullOrEmpty,
}, {
	Function: Function{
		Signature: "IsPresent(expression)",
		Doc:       "The opposite of IsNullOrEmpty.",
		Example:   `IsPresent([mail])`,
		Result:    `"True"`,
	},
	strict: isPresent,
}, {
	Function: Function{
		Signature: "IsString(expression)",
		Doc:       "True when the expression has a value, since every value is text.",
		Example:   `IsString([mail])`,
		Result:    `"True"`,
	},
	strict: isString,
}}

// dateFunctions are those over dates.
var dateFunctions = []function{{
	Function: Function{
		Signature: "CDate(text)",
		Doc:       "The date in UTC as M/d/yyyy h:mm:ss tt, for the other date functions. Reads ISO 8601, the forms of the United States, LDAP's generalised time and RFC 1123; without a zone it is UTC.",
		Example:   `CDate("2021-06-30+08:00")`,
		Result:    `"6/29/2021 4:00:00 PM"`,
	},
	flags: each, strict: toDate,
}, {
	Function: Function{
		Signature: "DateAdd(interval, value, date)",
		Doc:       "The date moved by value intervals: yyyy, m, ww, d, h, n (minutes) or s. A day that the month does not have becomes its last.",
		Example:   `DateAdd("d", -10, CDate("2012-03-16-07:00"))`,
		Result:    `"3/6/2012 7:00:00 AM"`,
	},
	strict: dateAdd,
}, {
	Function: Function{
		Signature: "DateDiff(interval, date1, date2)",
		Doc:       "How many boundaries of the interval lie from date1 to date2, negative when date2 is earlier. Weeks begin on Sunday.",
		Example:   `DateDiff("ww", "8/25/2021 5:41:18 PM", CDate("2012-03-16-07:00"))`,
		Result:    `"-493"`,
	},
	prepare: prepareDateDiff, strict: dateDiff,
}, {
	Function: Function{
		Signature: "DateFromNum(value)",
		Doc:       "The date of a Windows file time (100 ns since 1601). The largest number, which Active Directory writes for never, is null.",
		Example:   `DateFromNum(129699324000000000)`,
		Result:    `"1/1/2012 11:00:00 PM"`,
	},
	flags: each, strict: dateFromNum,
}, {
	Function: Function{
		Signature: "NumFromDate(value)",
		Doc:       "The Windows file time of a date in any form that CDate reads.",
		Example:   `NumFromDate("2020-12-31 23:59:59-08:00")`,
		Result:    `"132539615990000000"`,
	},
	flags: each, strict: numFromDate,
}, {
	Function: Function{
		Signature: "FormatDateTime(source, styles?, inputFormat, outputFormat?)",
		Doc:       "Reads a date by one .NET format and writes it by another. Styles are names of DateTimeStyles; without them blanks around the date are allowed. A zone other than UTC is converted to UTC. Entra's older form without styles is read too.",
		Example:   `FormatDateTime("20150123105347.1Z", , "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")`,
		Result:    `"2015-01-23"`,
	},
	prepare: prepareFormatDateTime,
}, {
	Function: Function{
		Signature: "Now()",
		Doc:       "The instant of planning in UTC, as CDate writes it.",
		Example:   `Now()`,
		Result:    `"7/2/2021 3:33:38 PM"`,
	},
	flags: volatile, lazy: nowThunk,
}}

// numberFunctions are those over numbers.
var numberFunctions = []function{{
	Function: Function{
		Signature: "BitAnd(value1, value2)",
		Doc:       "The bits that both numbers have. Hexadecimal numbers are written &HF7.",
		Example:   `BitAnd(&HF, &HF7)`,
		Result:    `"7"`,
	},
	strict: bitAnd,
}, {
	Function: Function{
		Signature: "CStr(value)",
		Doc:       "The value as text, which every value is already.",
		Example:   `CStr(7)`,
		Result:    `"7"`,
	},
	flags: passes, lazy: same,
}}

// otherFunctions tell the provisioning what to do, or come from outside the person.
var otherFunctions = []function{{
	Function: Function{
		Signature: "DefaultDomain()",
		Doc:       "The default verified domain of the tenant.",
		Example:   `Join("@", "ada", DefaultDomain())`,
		Result:    `"ada@example.com"`,
	},
	lazy: defaultDomain,
}, {
	Function: Function{
		Signature: "Guid()",
		Doc:       "A new random GUID.",
		Example:   `Guid()`,
		Result:    `"2a2a2a2a-2a2a-4a2a-aa2a-2a2a2a2a2a2a"`,
	},
	flags: volatile, lazy: guid,
}, {
	Function: Function{
		Signature: "IgnoreFlowIfNullOrEmpty(expression)",
		Doc:       "The value of the expression; when it is null or empty, the attribute is left out of the change.",
		Example:   `IgnoreFlowIfNullOrEmpty([department])`,
		Result:    `"Research"`,
	},
	flags: passes, lazy: ignoreFlow,
}, {
	Function: Function{
		Signature: "RandomString(length, minDigits, minSpecial, minUpper, minLower, avoid?)",
		Doc:       "A random text of that length, at most 256, with at least so many digits, special characters, capitals and small letters, and none of the characters to avoid. The rest comes from the kinds that have a minimum; from letters and digits when none has.",
		Example:   `Len(RandomString(10, 2, 2, 2, 1, "?,"))`,
		Result:    `"10"`,
	},
	flags: volatile | secret, strict: randomString,
}, {
	Function: Function{
		Signature: "Redact(expression)",
		Doc:       "The value of the expression; logs show [Redact] in its place.",
		Example:   `Redact([employeeId])`,
		Result:    `"1815"`,
	},
	flags: passes | secret, lazy: redact,
}, {
	Function: Function{
		Signature: "SelectUniqueValue(rule, rule, …)",
		Doc:       "The first value that nobody at the target has yet. In a rule, {n} stands for 1, 2, and so on up to 100. When every value is taken, the person is not created. Only as the outermost function, not on a matching attribute.",
		Example:   `SelectUniqueValue([mailNickname], Append([mailNickname], "{n}"))`,
		Result:    `"ada2"`,
	},
	flags: volatile | topLevel, lazy: selectUnique,
}}
