package store

import (
	"reflect"
	"strings"
)

// query is one SQL statement with ? for its arguments, rebound for PostgreSQL
// where it is prepared.
type query string

// The columns of a table stand once, as the db tags of its row struct: every
// statement enumerates them from there.

// names lists the columns of a row struct.
func names(row any) []string {
	t := reflect.TypeOf(row)
	out := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		out = append(out, t.Field(i).Tag.Get("db"))
	}
	return out
}

// columns lists what to select of the table called alias, named so that a
// joined row scans into the field with the tag alias.
func columns(alias string, row any) string {
	var out []string
	for _, n := range names(row) {
		out = append(out, alias+"."+n+` AS "`+alias+"."+n+`"`)
	}
	return strings.Join(out, ", ")
}

// plain lists the columns of a statement on one table.
func plain(row any) string { return strings.Join(names(row), ", ") }

// indexed lists what to select of the view journal_entry for a row struct whose
// id is the entry's index. Order and compare by idx: id is another column there.
func indexed(row any) string {
	n := names(row)
	for i, name := range n {
		if name == "id" {
			n[i] = "idx AS id"
		}
	}
	return strings.Join(n, ", ")
}

// insertInto is the statement that inserts a row; its arguments are [args].
func insertInto(table string, row any) query {
	n := names(row)
	return query("INSERT INTO " + table + " (" + strings.Join(n, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(n)-1) + ")")
}

// update is the statement that writes a whole row; its arguments are [args] and
// then the key's value.
func update(table string, row any, where string) query {
	return query("UPDATE " + table + " SET " + strings.Join(names(row), " = ?, ") + " = ? WHERE " + where)
}

// args lists the values of a row in the order of its columns.
func args(row any, more ...any) []any {
	v := reflect.ValueOf(row)
	out := make([]any, 0, v.NumField()+len(more))
	for i := range v.NumField() {
		out = append(out, v.Field(i).Interface())
	}
	return append(out, more...)
}
