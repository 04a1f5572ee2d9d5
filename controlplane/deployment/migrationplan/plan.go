// Package migrationplan turns what changed into what is to be done.
//
// In: the deployed and the new definition, their models and the Diff. Out: a
// Plan, which is data: steps for the project's tables in order, checks against
// the rows that are there, the messages that tell a developer about it, and the
// reasons why it can't be done. Nothing is read or written here. Callers:
// deployment shows a plan (dry run) or hands it to migrationrun.
package migrationplan

import (
	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// State is one side of a deploy.
type State struct {
	Definition *definition.Definition
	Model      *datamodel.DataModel
	Layout     *relational.Layout // of the deployed side only
	Hints      datamodel.Hints
}

// Plan is one deploy as data. Its steps are done in this order: Expand adds what the
// release in service doesn't know; then, with the rows of Still at rest and the
// Checks made once more, Switch makes the rows fit the new release; Contract removes
// what only the old one knew. Undo takes Expand back.
type Plan struct {
	Layout   *relational.Layout // of the new model
	Messages []Message
	Problems definition.Problems // not empty: the plan can't be carried out
	Notes    []string            // for a person to read; they stop nothing
	Checks   []Check

	Expand, Switch, Contract, Undo []relational.SchemaChange
	Still                          []*relational.Table
	// AddTokens and RemoveTokens are names of root tokens.
	AddTokens, RemoveTokens []string
}

// Check is a condition on the rows that are there (platform §3.5).
type Check struct {
	Condition relational.Predicate // on no row, as in relational.Guard
	Args      []any                // with Types; only for a condition that Switch sees to itself
	Types     []relational.ArgType
	Otherwise definition.Problem
}

// Input is what a plan is made of.
type Input struct {
	Old  *State // nil for a project's first release
	New  State
	Diff *schemadiff.Diff
	// Force allows destructive changes; DryRun shows them.
	Force, DryRun bool
}

// Make plans a deploy.
func Make(in Input) *Plan {
	p := &planner{Input: in, Plan: &Plan{}}
	if in.Diff.Destructive() && !in.Force && !in.DryRun {
		p.Problems = definition.Problems{{Type: definition.Global, Description: destructive}}
		return p.Plan
	}
	p.Notes = append(p.Notes, in.Diff.Notes...)
	p.layout()
	p.schema()
	p.definition()
	if len(p.Problems) > 0 {
		p.Messages = nil
		return p.Plan
	}
	p.tables()
	return p.Plan
}

// destructive is V22 (data-api §1.11): clients search it for the words
// "destructive changes".
const destructive = "Your changes might result in data loss: they include potentially destructive changes. " +
	"Use `graphcool deploy --dry-run` to see them and `graphcool deploy --force` to apply them anyway."

type planner struct {
	Input
	*Plan

	updates map[string]int // type name to the place of its Update message
	fills   []relational.Fill
	moves   []relational.MoveEdges
	checked []*relational.Table // whose rows checks look at
}

// layout computes where the new model is stored.
func (p *planner) layout() {
	p.updates = map[string]int{}
	if p.Old == nil {
		p.Layout = relational.Build(p.New.Model, nil)
		return
	}
	p.Layout = relational.Build(p.New.Model, &relational.Previous{
		Layout: p.Old.Layout, Type: p.Diff.OldType, Field: p.Diff.OldField, Relation: p.Diff.OldRelation,
	})
}

func (p *planner) oldLayout() *relational.Layout {
	if p.Old == nil {
		return &relational.Layout{}
	}
	return p.Old.Layout
}

// check adds a condition on rows of a table of the old layout.
func (p *planner) check(table *relational.Table, condition relational.Predicate, otherwise definition.Problem) {
	p.Checks = append(p.Checks, Check{Condition: condition, Otherwise: otherwise})
	p.checked = append(p.checked, table)
}

// none says that a table has no row, or none where something holds.
func none(table *relational.Table, where relational.Predicate) relational.Predicate {
	return relational.Exists{Select: &relational.Select{Table: table, Where: where}, Not: true}
}

// empty checks that a type has no nodes, unless it is new.
func (p *planner) empty(t *datamodel.Type, otherwise definition.Problem) {
	if old := p.Diff.OldType(t); old != nil {
		table := p.Old.Layout.Table(old)
		p.check(table, none(table, nil), otherwise)
	}
}
