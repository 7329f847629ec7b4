// Package ui carries what the pages are made of: templates, style sheet,
// script. They travel inside the binary. Package internal/web/page parses and
// serves them; README.md here shows every component with an example.
//
// It guarantees nothing about content: the rules pages must keep (one h1, no
// inline style or script, labels) are tested in internal/web/page.
package ui

import "embed"

// FS holds templates/ and static/. The prefix all: keeps the partials, whose
// names begin with an underscore.
//
//go:embed all:templates static
var FS embed.FS
