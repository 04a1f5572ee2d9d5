package planner

import (
	"errors"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// ExplainRead turns a failed read into what the client is told.
func ExplainRead(err error) *fault.Fault {
	var failure *database.Error
	if errors.As(err, &failure) && failure.Kind == database.TooDeep {
		return fault.New(fault.BadArguments, "The query nests deeper than this project's database can answer. Use fewer levels of filters and selections.")
	}
	return fault.Of(err)
}

// Conflict is a failure for which another request is to blame, so that the
// sequence, of which nothing is kept, may go through when it runs again: the two
// waited for each other, or both gave one node a partner, which only the rows'
// constraint sees.
type Conflict struct{ fault *fault.Fault } // what the client is told in the end

func (c *Conflict) Error() string { return c.fault.Error() }

// Unwrap returns the *fault.Fault.
func (c *Conflict) Unwrap() error { return c.fault }

// ExplainWrite turns failed steps into what the client is told, a *fault.Fault or a
// *Conflict. Constraints that a step violates are the last word where two requests
// meet; what one request alone does wrong is found by checks before.
func ExplainWrite(err error, steps []*Step, schema *compiledschema.Schema) error {
	var failure *database.Error
	switch {
	case !errors.As(err, &failure):
		return fault.Of(err)
	case failure.Kind == database.Conflict:
		return &Conflict{fault.Of(err)}
	case failure.Step < 0 || failure.Step >= len(steps):
		return fault.Of(err)
	}
	step := steps[failure.Step]
	switch failure.Kind {
	case database.GuardFailed, database.RequireFailed:
		if step.OnCheck != nil {
			return step.OnCheck(failure.Value)
		}
	case database.UniqueViolation:
		f := fieldOf(schema, failure.Constraint, dialect.Unique)
		switch {
		case f == nil:
		case !f.IsRelation():
			return fault.New(fault.UniqueViolated, "A unique constraint would be violated on %s. Details: Field name = %s", f.Type.Name, f.Name)
		case f.Required: // the partner belongs to a node that requires it
			return &Conflict{relationRequired(f)}
		default:
			return &Conflict{fault.Internal(err)}
		}
	case database.ValueTooLong:
		if f := fieldOf(schema, failure.Constraint, dialect.Unique); f != nil {
			return tooLong(f)
		}
		return fault.New(fault.ValueTooLong, "Value for a unique field is too long.")
	case database.MissingReference:
		f := fieldOf(schema, failure.Constraint, dialect.ForeignKey)
		switch {
		case step.Deletes && f != nil:
			return relationRequired(f)
		case !step.Deletes:
			return connectMissing(failure.Value)
		}
	}
	return ExplainRead(err)
}

// fieldOf finds the field whose column has this constraint. It is for failures
// only, so it looks through all.
func fieldOf(schema *compiledschema.Schema, constraint string, kind dialect.ConstraintKind) *datamodel.Field {
	if constraint == "" {
		return nil
	}
	layout := schema.Layout()
	for _, t := range schema.Model().Types {
		for _, f := range t.Fields {
			var column *relational.Column
			if f.IsRelation() {
				column = layout.Link(f).Parent
			} else {
				column = layout.Column(f)
			}
			if column != nil && dialect.ConstraintName(column, kind) == constraint {
				return f
			}
		}
	}
	return nil
}
