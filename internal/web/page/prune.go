package page

import (
	"html/template"
	"text/template/parse"
)

// pruned keeps the templates that a page reaches from its frame: all components in
// all pages would be most of the memory that a server holds.
func pruned(set *template.Template, functions template.FuncMap) (*template.Template, error) {
	out := template.New(frameName).Funcs(functions)
	waiting, seen := []string{frameName}, map[string]bool{}
	for len(waiting) > 0 {
		name := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		found := set.Lookup(name)
		if seen[name] || found == nil || found.Tree == nil { // what is defined nowhere says so when it is executed
			continue
		}
		seen[name] = true
		if _, err := out.AddParseTree(name, found.Tree); err != nil {
			return nil, err
		}
		waiting = append(waiting, calls(found.Tree.Root)...)
	}
	return out, nil
}

// calls lists the templates that one names.
func calls(node parse.Node) []string {
	switch n := node.(type) {
	case *parse.TemplateNode:
		return []string{n.Name}
	case *parse.ListNode:
		var names []string
		if n != nil {
			for _, child := range n.Nodes {
				names = append(names, calls(child)...)
			}
		}
		return names
	case *parse.IfNode:
		return append(calls(n.List), calls(n.ElseList)...)
	case *parse.WithNode:
		return append(calls(n.List), calls(n.ElseList)...)
	case *parse.RangeNode:
		return append(calls(n.List), calls(n.ElseList)...)
	}
	return nil
}
