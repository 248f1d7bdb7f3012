package expr

import "strings"

// textFunctions are those over texts.
var textFunctions = []function{{
	Function: Function{
		Signature: "Append(source, suffix)",
		Doc:       "Puts the suffix after the source.",
		Example:   `Append([userPrincipalName], ".test")`,
		Result:    `"ada.lovelace@example.com.test"`,
	},
	flags: each, strict: appendText,
}, {
	Function: Function{
		Signature: "Prepend(prefix, source)",
		Doc:       "Puts the prefix before the source. A null source stays null.",
		Example:   `Prepend("+", "441234567890")`,
		Result:    `"+441234567890"`,
	},
	strict: prependText,
}, {
	Function: Function{
		Signature: "Contains(source, part, compareType?)",
		Doc:       "True when the source, or any of its values, contains the part. Exact unless compareType is vbTextCompare. *Not in Entra.*",
		Example:   `Contains([jobTitle], "analyst", vbTextCompare)`,
		Result:    `"True"`,
	},
	strict: finder(strings.Contains),
}, {
	Function: Function{
		Signature: "StartsWith(source, prefix, compareType?)",
		Doc:       "True when the source, or any of its values, begins with the prefix. Exact unless compareType is vbTextCompare. *Not in Entra.*",
		Example:   `StartsWith([proxyAddresses], "SMTP:")`,
		Result:    `"True"`,
	},
	strict: finder(strings.HasPrefix),
}, {
	Function: Function{
		Signature: "EndsWith(source, suffix, compareType?)",
		Doc:       "True when the source, or any of its values, ends with the suffix. Exact unless compareType is vbTextCompare. *Not in Entra.*",
		Example:   `EndsWith([mail], "@EXAMPLE.com", vbTextCompare)`,
		Result:    `"True"`,
	},
	strict: finder(strings.HasSuffix),
}, {
	Function: Function{
		Signature: "ConvertToBase64(source)",
		Doc:       "Base64 of the text in UTF-16, little-endian, as Entra has it.",
		Example:   `ConvertToBase64("Hello world!")`,
		Result:    `"SABlAGwAbABvACAAdwBvAHIAbABkACEA"`,
	},
	flags: each, strict: toBase64,
}, {
	Function: Function{
		Signature: "ConvertToUTF8Hex(source)",
		Doc:       "The UTF-8 bytes of the text as upper-case hexadecimal digits.",
		Example:   `ConvertToUTF8Hex("Hello world!")`,
		Result:    `"48656C6C6F20776F726C6421"`,
	},
	flags: each, strict: toUTF8Hex,
}, {
	Function: Function{
		Signature: "InStr(hay, needle, start?, compareType?)",
		Doc:       "The position of the needle in the hay, from 1, searched from start on; 0 when it is not there. Exact unless compareType is vbTextCompare.",
		Example:   `InStr("The quick brown fox", "quick")`,
		Result:    `"5"`,
	},
	flags: each, strict: inStr,
}, {
	Function: Function{
		Signature: "Left(source, count)",
		Doc:       "The first count characters. A negative count gives the whole source, null gives an empty text.",
		Example:   `Left("John Doe", 3)`,
		Result:    `"Joh"`,
	},
	flags: each | blank, strict: left,
}, {
	Function: Function{
		Signature: "Right(source, count)",
		Doc:       "The last count characters. A negative count gives the whole source, null gives an empty text. *Not in Entra.*",
		Example:   `Right("John Doe", 3)`,
		Result:    `"Doe"`,
	},
	flags: each | blank, strict: right,
}, {
	Function: Function{
		Signature: "Mid(source, start, length)",
		Doc:       "At most length characters from position start, which counts from 1. Null gives an empty text.",
		Example:   `Mid("John Doe", 6, 3)`,
		Result:    `"Doe"`,
	},
	flags: each | blank, strict: mid,
}, {
	Function: Function{
		Signature: "Len(source)",
		Doc:       "The number of characters.",
		Example:   `Len([surname])`,
		Result:    `"8"`,
	},
	flags: each, strict: length,
}, {
	Function: Function{
		Signature: "NormalizeDiacritics(source)",
		Doc:       "Latin letters without their marks: ä becomes a, ø and œ become oe, æ becomes ae, ß becomes ss, ł becomes l. Other scripts stay as they are.",
		Example:   `NormalizeDiacritics("Zoë Østergård")`,
		Result:    `"Zoe OEstergard"`,
	},
	flags: each, strict: normalizeDiacritics,
}, {
	Function: Function{
		Signature: "PCase(source, separators?)",
		Doc:       "Every word with an upper-case first letter, the rest in lower case. Words end at blanks, punctuation and symbols but not at an apostrophe; with separators, at these characters alone.",
		Example:   `PCase("PINTO-DE'SILVA", " '-")`,
		Result:    `"Pinto-De'Silva"`,
	},
	flags: each, strict: properCase,
}, {
	Function: Function{
		Signature: "Replace(source, oldValue?, regexPattern?, regexGroupName?, replacementValue?, replacementAttributeName?, template?)",
		Doc: "Replaces, by what is given. *oldValue and replacementValue*: all occurrences in the source. *oldValue and template*: all occurrences of oldValue in the template by the source. " +
			"*regexPattern and replacementValue*: all matches; `${name}` and `$1` stand for groups. *regexPattern, regexGroupName and replacementValue*: only what the group matched, by the text as it is. " +
			"*regexPattern, regexGroupName and replacementAttributeName*: the source if it has a value, else what the group matches in the other attribute. Patterns are .NET's, exact in case; a backslash in a text is doubled.",
		Example: `Replace("+91 9998887777", , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", , "${phoneNumber}", , )`,
		Result:  `"9998887777"`,
	},
	prepare: prepareReplace,
}, {
	Function: Function{
		Signature: "RegexMatch(source, regexPattern)",
		Doc:       "True when the pattern matches anywhere in the source or in any of its values. Null gives False. *Not in Entra.*",
		Example:   `RegexMatch([mail], "@example\\.(com|org)$")`,
		Result:    `"True"`,
	},
	prepare: prepareRegexMatch,
}, {
	Function: Function{
		Signature: "StripSpaces(source)",
		Doc:       "The text without any blank.",
		Example:   `StripSpaces("John Doe")`,
		Result:    `"JohnDoe"`,
	},
	flags: each, strict: stripSpaces,
}, {
	Function: Function{
		Signature: "ToLower(source, culture?)",
		Doc:       "Lower case. The culture, such as tr-TR, matters for Turkish and Azerbaijani; without it the rules are those of no culture.",
		Example:   `ToLower([department])`,
		Result:    `"research"`,
	},
	flags: each, strict: toLower,
}, {
	Function: Function{
		Signature: "ToUpper(source, culture?)",
		Doc:       "Upper case. The culture, such as tr-TR, matters for Turkish and Azerbaijani; without it the rules are those of no culture.",
		Example:   `ToUpper("istanbul", "tr-TR")`,
		Result:    `"İSTANBUL"`,
	},
	flags: each, strict: toUpper,
}, {
	Function: Function{
		Signature: "Trim(source)",
		Doc:       "The text without white space at its ends. *Not in Entra.*",
		Example:   `Trim("  John Doe ")`,
		Result:    `"John Doe"`,
	},
	flags: each, strict: trim,
}, {
	Function: Function{
		Signature: "Word(source, number, delimiters)",
		Doc:       "The word of that number, from 1. Every character of delimiters separates words. A number below 1, too few words and null give an empty text.",
		Example:   `Word("This,string!has&many separators", 3, ",!&#")`,
		Result:    `"has"`,
	},
	flags: each | blank, strict: word,
}}
