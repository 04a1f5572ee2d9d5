package compiledschema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/core"
	stock "github.com/vektah/gqlparser/v2/validator/rules"
)

// rules are the validation rules of the specification, always these and in this
// order. Three are our own: mergeable for its cost, literals and singleField where
// the library's verdict differs from the reference implementation's.
var rules = []validator.Rule{
	stock.LoneAnonymousOperationRule,
	stock.UniqueOperationNamesRule,
	stock.KnownRootTypeRule,
	singleField,
	stock.KnownTypeNamesRule,
	stock.FragmentsOnCompositeTypesRule,
	stock.VariablesAreInputTypesRule,
	stock.ScalarLeafsRule,
	stock.FieldsOnCorrectTypeRule,
	stock.UniqueFragmentNamesRule,
	stock.KnownFragmentNamesRule,
	stock.NoUnusedFragmentsRule,
	stock.PossibleFragmentSpreadsRule,
	stock.NoFragmentCyclesRule,
	stock.UniqueVariableNamesRule,
	stock.NoUndefinedVariablesRule,
	stock.NoUnusedVariablesRule,
	stock.KnownDirectivesRule,
	stock.UniqueDirectivesPerLocationRule,
	stock.KnownArgumentNamesRule,
	stock.UniqueArgumentNamesRule,
	literals,
	stock.ProvidedRequiredArgumentsRule,
	stock.VariablesInAllowedPositionRule,
	mergeable,
	stock.UniqueInputFieldNamesRule,
	stock.MaxIntrospectionDepth,
}

// at puts a position into an error.
func at(p *ast.Position) validator.ErrorOption {
	return func(err *gqlerror.Error) {
		if p != nil {
			err.Locations = append(err.Locations, gqlerror.Location{Line: p.Line, Column: p.Column})
		}
	}
}

// literals is the validation rule ValuesOfCorrectType: kind and range of literals
// as the reference implementation judges them. What a DateTime, Json or Password
// must look like inside, coercion says.
var literals = validator.Rule{Name: "ValuesOfCorrectType", RuleFunc: func(observers *validator.Events, addError validator.AddErrFunc) {
	observers.OnValue(func(w *validator.Walker, v *ast.Value) {
		if v.Definition == nil || v.ExpectedType == nil || v.Kind == ast.Variable {
			return
		}
		if v.Kind == ast.NullValue {
			if v.ExpectedType.NonNull {
				addError(validator.Message(`Expected value of type "%s", found null.`, v.ExpectedType), at(v.Position))
			}
			return
		}
		if v.Kind == ast.ListValue && v.ExpectedType.Elem != nil {
			return // its items are values of their own
		}
		switch v.Definition.Kind {
		case ast.Scalar:
			if why := refused(v); why != "" {
				addError(validator.Message("%s", why), at(v.Position))
			}
		case ast.Enum:
			checkEnum(v, addError)
		case ast.InputObject:
			checkObject(v, addError)
		}
	})
}}

// refused says why a literal is none of a built-in scalar's.
func refused(v *ast.Value) string {
	isString := v.Kind == ast.StringValue || v.Kind == ast.BlockValue
	switch v.Definition.Name {
	case "Int":
		if v.Kind != ast.IntValue {
			return "Int cannot represent non-integer value: " + v.String()
		}
		if _, err := strconv.ParseInt(v.Raw, 10, 32); err != nil {
			return "Int cannot represent non 32-bit signed integer value: " + v.String()
		}
	case "Float":
		if v.Kind != ast.IntValue && v.Kind != ast.FloatValue {
			return "Float cannot represent non numeric value: " + v.String()
		}
	case "String":
		if !isString {
			return "String cannot represent a non string value: " + v.String()
		}
	case "Boolean":
		if v.Kind != ast.BooleanValue {
			return "Boolean cannot represent a non boolean value: " + v.String()
		}
	case "ID":
		if !isString && v.Kind != ast.IntValue {
			return "ID cannot represent a non-string and non-integer value: " + v.String()
		}
	}
	return ""
}

func checkEnum(v *ast.Value, addError validator.AddErrFunc) {
	enum := v.Definition
	var message string
	switch {
	case v.Kind != ast.EnumValue:
		message = fmt.Sprintf(`Enum "%s" cannot represent non-enum value: %s.`, enum.Name, v.String())
	case enum.EnumValues.ForName(v.Raw) == nil:
		message = fmt.Sprintf(`Value "%s" does not exist in "%s" enum.`, v.Raw, enum.Name)
	default:
		return
	}
	known := make([]string, len(enum.EnumValues))
	for i, value := range enum.EnumValues {
		known[i] = value.Name
	}
	addError(validator.Message("%s", message), core.SuggestListQuoted("Did you mean the enum value", v.Raw, known), at(v.Position))
}

func checkObject(v *ast.Value, addError validator.AddErrFunc) {
	typ := v.Definition
	if v.Kind != ast.ObjectValue {
		addError(validator.Message(`Expected value of type "%s", found %s.`, v.ExpectedType, v.String()), at(v.Position))
		return
	}
	for _, f := range typ.Fields {
		if f.Type.NonNull && f.DefaultValue == nil && v.Children.ForName(f.Name) == nil {
			addError(validator.Message(`Field "%s.%s" of required type "%s" was not provided.`, typ.Name, f.Name, f.Type), at(v.Position))
		}
	}
	for _, child := range v.Children {
		if typ.Fields.ForName(child.Name) != nil {
			continue
		}
		known := make([]string, len(typ.Fields))
		for i, f := range typ.Fields {
			known[i] = f.Name
		}
		addError(
			validator.Message(`Field "%s" is not defined by type "%s".`, child.Name, typ.Name),
			core.SuggestListQuoted("Did you mean", child.Name, known),
			at(child.Position),
		)
	}
}

// singleField is the validation rule SingleFieldSubscriptions: fields count by the
// name under which they answer, and not when a directive takes them out for sure.
var singleField = validator.Rule{Name: "SingleFieldSubscriptions", RuleFunc: func(observers *validator.Events, addError validator.AddErrFunc) {
	observers.OnOperation(func(w *validator.Walker, op *ast.OperationDefinition) {
		if op.Operation != ast.Subscription || w.Schema.Subscription == nil {
			return
		}
		name := "Anonymous Subscription"
		if op.Name != "" {
			name = `Subscription "` + op.Name + `"`
		}
		c := newCollector()
		p := selector{fragments: w.Document.Fragments}
		p.collect(&c, op.SelectionSet, subscriptionName)
		for i, g := range c.groups {
			if i == 1 {
				addError(validator.Message("%s must select only one top level field.", name), at(g.fields[0].Position))
			}
			if strings.HasPrefix(g.fields[0].Name, "__") {
				addError(validator.Message("%s must not select an introspection top level field.", name), at(g.fields[0].Position))
			}
		}
	})
}}
