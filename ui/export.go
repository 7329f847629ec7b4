package ui

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed export.html
var exportPage string

// WriteExport writes the page by which an usager reads the data held of them.
// It stands alone, without style sheet or script, since it leaves Relais as a
// file. Its fields are those of the exporting verb.
func WriteExport(w io.Writer, doc any) error {
	t, err := template.New("export").Parse(exportPage)
	if err != nil {
		return err
	}
	return t.Execute(w, doc)
}
