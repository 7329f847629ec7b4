// Package testdata carries the fictional people and organisations of the demo
// and of the tests, so that the one binary holds them. Nobody in it exists.
package testdata

import "embed"

// FS holds usagers.json, agents.json and structures.json; see README.md.
//
//go:embed *.json
var FS embed.FS
