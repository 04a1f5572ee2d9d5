package datamodel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Global is the Type of a Diagnostic that belongs to no single type.
const Global = "Global"

// maxDiagnostics bounds the answer to a hostile text; a list this long helps
// nobody. Real type definitions stay far below it.
const maxDiagnostics = 1000

// Diagnostic is one finding about the SDL text, in the shape of data-api §1.11.
type Diagnostic struct {
	Type        string // the type or enum, or Global
	Field       string // "" when it belongs to no field; null on the wire
	Description string
	Code        int // number of data-api §10.3; 0 when the finding has none
	Line        int // 1-based; 0 when there is no position
	Column      int // 1-based, in characters
}

// Diagnostics are findings in the order of the text.
type Diagnostics []Diagnostic

// Error lists all findings, one per line.
func (d Diagnostics) Error() string {
	var b strings.Builder
	for i, one := range d {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.String())
	}
	return b.String()
}

// String is "line:column Type.field: description", with the number if any.
func (d Diagnostic) String() string {
	where := d.Type
	if d.Field != "" {
		where += "." + d.Field
	}
	if d.Code != 0 {
		return fmt.Sprintf("%d:%d %s: [%d] %s", d.Line, d.Column, where, d.Code, d.Description)
	}
	return fmt.Sprintf("%d:%d %s: %s", d.Line, d.Column, where, d.Description)
}

// report collects errors and warnings while a text is checked.
type report struct {
	errors, warnings Diagnostics
	left             int // errors that were not kept because of maxDiagnostics
}

// place says which element a finding is about and where it stands.
type place struct {
	typ, field string
	pos        position
}

func (r *report) error(at place, code int, format string, args ...any) {
	if len(r.errors) >= maxDiagnostics {
		r.left++
		return
	}
	r.errors = append(r.errors, at.diagnostic(code, format, args))
}

func (r *report) warn(at place, format string, args ...any) {
	if len(r.warnings) < maxDiagnostics {
		r.warnings = append(r.warnings, at.diagnostic(0, format, args))
	}
}

func (p place) diagnostic(code int, format string, args []any) Diagnostic {
	return Diagnostic{
		Type: strings.Clone(p.typ), Field: strings.Clone(p.field),
		Description: fmt.Sprintf(format, args...),
		Code:        code, Line: p.pos.line, Column: p.pos.column,
	}
}

// sorted brings the findings into text order: the checks run rule by rule, but
// a reader goes through the file from top to bottom.
func (r *report) sorted() (errors, warnings Diagnostics) {
	inOrder := func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	}
	slices.SortStableFunc(r.errors, inOrder)
	slices.SortStableFunc(r.warnings, inOrder)
	if r.left > 0 {
		r.errors = append(r.errors, Diagnostic{Type: Global, Description: fmt.Sprintf("There are %d more errors.", r.left)})
	}
	return r.errors, r.warnings
}
