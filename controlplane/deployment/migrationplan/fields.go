package migrationplan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/controlplane/problem"
	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

func problemOf(f *datamodel.Field, code int, format string, args ...any) definition.Problem {
	return definition.Problem{Type: f.Type.Name, Field: f.Name, Code: code, Description: fmt.Sprintf(format, args...)}
}

// needsValue is 2007: rows have no value for a field that requires one.
func needsValue(f *datamodel.Field) definition.Problem {
	return problemOf(f, problem.CodeValueMissing, "The field `%s` is required and there are nodes without a value for it. Give them one with `@migrationValue`, for example: `%s: %s @migrationValue(value: \"42\")`",
		f.Name, f.Name, f.Form())
}

// addField plans a new field of a type that exists: its column follows from the
// layout.
func (p *planner) addField(f *datamodel.Field) {
	value, key := p.New.Hints.MigrationValues[datamodel.FieldKey(f.Type.Name, f.Name)], f.Type.Name+"."+f.Name
	switch {
	case value != nil && !value.Null:
		p.fill(f, value, nil)
		if f.Unique {
			p.Checks = append(p.Checks, Check{
				Condition: relational.Exists{Select: &relational.Select{Table: p.Old.Layout.Table(p.Diff.OldType(f.Type)), Skip: 1}, Not: true},
				Types:     []relational.ArgType{{Kind: relational.ArgInt}}, Args: []any{int64(1)},
				Otherwise: uniqueValue(f),
			})
		}
	case f.Required:
		p.empty(f.Type, needsValue(f))
	case value != nil:
		p.Notes = append(p.Notes, fmt.Sprintf("The migration value of `%s` is null, which nodes have anyway.", key))
	}
}

// uniqueValue is 3010: one value for all nodes, each of which needs its own.
func uniqueValue(f *datamodel.Field) definition.Problem {
	return problemOf(f, problem.CodeNotUnique, "A unique constraint would be violated on %s. Details: Field name = %s: the `@migrationValue` would be the same for all nodes.", f.Type.Name, f.Name)
}

// keepField plans what a field that stays asks of the rows: aspects are what changes
// in its declaration, lost the values that its enum loses (platform §3.5).
func (p *planner) keepField(f, old *datamodel.Field, aspects []schemadiff.Aspect, lost []string) {
	is := func(a schemadiff.Aspect) bool { return slices.Contains(aspects, a) }
	column := p.Old.Layout.Column(old)
	required := is(schemadiff.RequiredFlag) && f.Required
	value := p.migrationValue(f, old, len(aspects)+len(lost) > 0, lost)
	if value != nil && value.Null && f.Required {
		value = nil
	}
	if value != nil {
		if f.Unique {
			p.empty(f.Type, uniqueValue(f))
		}
		p.fill(f, value, rowsFor(f, column, aspects, lost, required))
		p.updateField(f)
		if is(schemadiff.ValueType) {
			p.Notes = append(p.Notes, fmt.Sprintf("All values of `%s.%s` are replaced: its type changes from `%s` to `%s`.", f.Type.Name, f.Name, old.Form(), f.Form()))
		}
		return
	}
	switch {
	case is(schemadiff.ListFlag):
		p.empty(f.Type, problemOf(f, problem.CodeListFlag, "The field `%s` changes between single value and list (from `%s` to `%s`), and its type has nodes. Give them a value with `@migrationValue`.", f.Name, old.Form(), f.Form()))
	case is(schemadiff.ValueType) && f.Scalar == datamodel.String:
		p.fills = append(p.fills, relational.Fill{Column: p.Layout.Column(f), Value: relational.Filling{Text: column}})
	case is(schemadiff.ValueType):
		p.empty(f.Type, problemOf(f, problem.CodeTypeChanged, "The type change on '%s' requires a migrationValue: its type has nodes. Values of `%s` don't become values of `%s` by themselves.", f.Name, old.Form(), f.Form()))
	case len(lost) > 0 && f.List:
		p.empty(f.Type, problemOf(f, problem.CodeEnumListStored, "You are removing the values %s of the enum `%s`. The field `%s` is a list of them and its type has nodes. Give a `@migrationValue`.", strings.Join(lost, ", "), f.Enum.Name, f.Name))
	case len(lost) > 0:
		p.check(column.Table, none(column.Table, relational.Word{Column: column, Of: lost}), problemOf(f, problem.CodeEnumValueStored,
			"You are removing the values %s of the enum `%s`, and nodes have them in the field `%s`. Give a `@migrationValue`.", strings.Join(lost, ", "), f.Enum.Name, f.Name))
	}
	if required {
		p.check(column.Table, none(column.Table, relational.IsNull{Column: column}), needsValue(f))
	}
	if is(schemadiff.UniqueFlag) && p.Layout.Column(f).Unique {
		p.check(column.Table, relational.Not{Predicate: relational.Repeated{Column: column}}, problemOf(f, problem.CodeDuplicates,
			"The field `%s` can't be unique: there are nodes with the same value.", f.Name))
	}
}

// rowsFor are the rows that a migration value changes; nil for all.
func rowsFor(f *datamodel.Field, column *relational.Column, aspects []schemadiff.Aspect, lost []string, required bool) relational.Predicate {
	if f.List || slices.Contains(aspects, schemadiff.ValueType) || slices.Contains(aspects, schemadiff.ListFlag) {
		return nil
	}
	var rows relational.Or
	if len(lost) > 0 {
		rows = append(rows, relational.Word{Column: column, Of: lost})
	}
	if required {
		rows = append(rows, relational.IsNull{Column: column})
	}
	switch len(rows) {
	case 0:
		return nil
	case 1:
		return rows[0]
	default:
		return rows
	}
}

// migrationValue is the value for a field's rows; nil when there is none. One that
// the deployed definition had already was meant for that deploy, unless the field
// changes once more (LQ-51).
func (p *planner) migrationValue(f, old *datamodel.Field, changes bool, lost []string) *datamodel.Value {
	key := datamodel.FieldKey(f.Type.Name, f.Name)
	if value := p.New.Hints.MigrationValues[key]; value != nil {
		before, was := p.Old.Hints.MigrationValues[datamodel.FieldKey(old.Type.Name, old.Name)]
		if was && !changes && before.Null == value.Null && before.JSON == value.JSON {
			p.Notes = append(p.Notes, fmt.Sprintf("The migration value of `%s` was there at an earlier deploy and is not applied again. You can remove the directive.", key))
			return nil
		}
		return value
	}
	if len(lost) == 0 {
		return nil
	}
	value := p.New.Hints.EnumMigrationValues[f.Enum.Name]
	if value != nil && !value.Null && strings.HasPrefix(value.JSON, "[") != f.List {
		p.Problems = append(p.Problems, problemOf(f, problem.CodeMigrationValueForm, "The migration value of the enum `%s` does not fit the field `%s`: a list is needed for a list, a single value for others.", f.Enum.Name, f.Name))
		return nil
	}
	return value
}

// fill gives rows a value of a field; where nil, all of them.
func (p *planner) fill(f *datamodel.Field, value *datamodel.Value, where relational.Predicate) {
	text := value.JSON
	if value.Null {
		text = ""
	}
	if f.Scalar == datamodel.Password && !f.List && text != "" {
		hash, err := hashOf(text)
		if err != nil {
			p.Problems = append(p.Problems, problemOf(f, problem.CodeInvalidValue, "The migration value of `%s` can't be a password.", f.Name))
			return
		}
		text = hash
	}
	p.fills = append(p.fills, relational.Fill{Column: p.Layout.Column(f), Value: relational.Filling{JSON: text}, Where: where})
}

// hashOf hashes a password that is a JSON text, and gives the JSON text of the hash.
func hashOf(text string) (string, error) {
	var plain string
	if err := json.Unmarshal([]byte(text), &plain); err != nil {
		return "", err
	}
	hash, err := coercion.HashPassword(plain)
	return `"` + hash + `"`, err
}
