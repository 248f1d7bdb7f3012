// Package expr reads and evaluates attribute-mapping expressions in the syntax of Microsoft Entra, so that a mapping can be
// moved to Lockstep as it is written:
//
//	Switch([country], "en-GB", "DE", "de-DE", "FR", "fr-FR")
//	Join(".", NormalizeDiacritics([givenName]), NormalizeDiacritics([surname]))
//	Replace([mobile], , "[()\\s-]+", , "", , )
//
// # Grammar
//
//	expr  = call | attribute | text | number | hex | word
//	call  = NAME "(" [ arg { "," arg } ] ")"      names are case-sensitive
//	arg   = expr | expr op expr | nothing          nothing = argument left out; one may trail
//	op    = "=" | "<>" | ">" | ">=" | "<" | "<="   only in IIF, CBool, And, Or, Not
//	attribute = "[" … "]"                          brackets and quotes balance
//	text  = '"' … '"'                              escapes \" and \\
//	hex   = "&H" digits
//	word  = "vbTextCompare" | "vbBinaryCompare"
//
// # Design
//
// Compile reads the text into a tree, checks names, argument counts, constant patterns and formats, and turns the tree into
// closures. A Program never changes, so any number of goroutines may evaluate it at once. A function is one row of a table
// that holds its signature, its documentation, an example with its result, and its code; the page docs/expressions.md and
// the completion of the command line come from the same rows.
//
// # Values
//
// Every value is a list of texts: none is null, one is the usual case, several are a multi-valued attribute. Booleans are the
// texts True and False, numbers are decimal text, dates are text as CDate writes it. A function over one text, such as ToLower,
// applies to every value of a multi-valued first argument. Null stays null, unless the function says otherwise. Positions and
// lengths count Unicode code points, from 1.
//
// # Invariants
//
//   - The result depends on the Program and the Env alone. Time, randomness and uniqueness are fields of Env. The package has
//     one clock, the stopwatch that ends regular expressions which take too long; no value depends on it.
//   - Work is bounded whatever the expression and the values are: length, depth, bytes touched, size of a value, and the time
//     spent in regular expressions (see the Max constants). What goes over a limit is an error, never a truncated value.
//   - Compile(p.String()) gives a program that prints and evaluates like p.
//   - Errors name a column. When an expression uses Redact or RandomString, they do not quote values.
package expr
