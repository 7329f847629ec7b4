// Package sql carries the database's migrations, so that the one binary holds
// them. It executes nothing: internal/store does.
//
// A migration that both engines take alike lies in migrations/; what truly
// differs lies in migrations/sqlite and migrations/postgres under the same
// number. A released file is never edited: migrations/SHA256SUMS holds the
// digest of each, and a test compares them.
package sql

import "embed"

// Migrations holds the folder migrations.
//
//go:embed migrations
var Migrations embed.FS
