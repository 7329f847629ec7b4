// Package actes carries the dated texts of mandats. A released text is never
// edited, only followed by a new one: its bytes enter the digest of every mandat
// signed with it. A test holds each file against its recorded SHA-256.
package actes

import "embed"

// FS holds mandat-YYYY-MM-DD.txt files.
//
//go:embed *.txt
var FS embed.FS
