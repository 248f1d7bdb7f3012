package web

import _ "embed"

//go:embed tokens.css
var tokens string

// Tokens returns the style sheet with the colours and measures that all pages share. It stands before a surface's own style.
func Tokens() string { return tokens }
