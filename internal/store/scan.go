package store

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// plan tells where the columns of a statement go in a value of one type: the path
// of a field for each, or nothing at all for a type that takes one column.
type plan struct {
	row   reflect.Type
	paths [][]int
}

// planFor finds the fields by their db tags, as [columns] names them: "m.id" is
// the field tagged id in the one tagged m, and an embedded row adds nothing.
func planFor(row reflect.Type, columns []string) (plan, error) {
	p := plan{row: row}
	if !isRow(row) {
		if len(columns) != 1 {
			return p, fmt.Errorf("%d colonnes pour %s", len(columns), row)
		}
		return p, nil
	}
	known := map[string][]int{}
	fieldsOf(row, "", nil, known)
	for _, c := range columns {
		path, ok := known[c]
		if !ok {
			return p, fmt.Errorf("colonne %s absente de %s", c, row)
		}
		p.paths = append(p.paths, path)
	}
	return p, nil
}

// isRow tells a struct of columns from one that is itself a column.
func isRow(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[sql.Scanner]())
}

func fieldsOf(row reflect.Type, prefix string, above []int, known map[string][]int) {
	for i := range row.NumField() {
		f := row.Field(i)
		path := append(above[:len(above):len(above)], i)
		tag := f.Tag.Get("db")
		switch {
		case f.Anonymous && tag == "":
			fieldsOf(f.Type, prefix, path, known)
		case tag == "":
			known[prefix+strings.ToLower(f.Name)] = path
		case isRow(f.Type):
			fieldsOf(f.Type, prefix+tag+".", path, known)
		default:
			known[prefix+tag] = path
		}
	}
}

// fill puts one row into dest, which is addressable.
func (p plan) fill(dest reflect.Value, values []driver.Value) error {
	if p.paths == nil {
		return assign(dest.Addr().Interface(), values[0])
	}
	for i, path := range p.paths {
		if err := assign(dest.FieldByIndex(path).Addr().Interface(), values[i]); err != nil {
			return fmt.Errorf("%s: %w", p.row, err)
		}
	}
	return nil
}

// assign does what database/sql would, for the types that rows are made of.
func assign(dest any, v driver.Value) error {
	switch d := dest.(type) {
	case sql.Scanner:
		return d.Scan(v)
	case *string:
		switch v := v.(type) {
		case string:
			*d = v
			return nil
		case int64:
			*d = strconv.FormatInt(v, 10)
			return nil
		}
	case *int64:
		if n, ok := v.(int64); ok {
			*d = n
			return nil
		}
	case *[]byte:
		switch v := v.(type) {
		case nil:
			*d = nil
			return nil
		case []byte: // the driver made it for us
			*d = v
			return nil
		case string:
			*d = []byte(v)
			return nil
		}
	}
	return assignKind(reflect.ValueOf(dest).Elem(), v)
}

// assignKind serves the types that are rare in rows.
func assignKind(dest reflect.Value, v driver.Value) error {
	switch n, isInt := v.(int64); {
	case dest.Kind() == reflect.Pointer && v == nil:
		dest.SetZero()
	case dest.Kind() == reflect.Pointer:
		dest.Set(reflect.New(dest.Type().Elem()))
		return assign(dest.Interface(), v)
	case isInt && dest.CanInt() && !dest.OverflowInt(n):
		dest.SetInt(n)
	case isInt && dest.Kind() == reflect.Bool:
		dest.SetBool(n != 0)
	case dest.Kind() == reflect.String && reflect.TypeOf(v) == reflect.TypeFor[string]():
		dest.SetString(v.(string))
	default:
		return fmt.Errorf("%T dans %s", v, dest.Type())
	}
	return nil
}
