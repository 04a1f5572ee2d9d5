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

// Plan is one deploy as data.
type Plan struct {
	Layout   *relational.Layout // of the new model
	Messages []Message
	Problems definition.Problems // not empty: the plan can't be carried out
	Notes    []string            // for a person to read; they stop nothing
	Expand   []relational.SchemaChange
	Checks   []Check
	// AddTokens and RemoveTokens are names of root tokens.
	AddTokens, RemoveTokens []string
}

// Check is a condition on the rows of a type that serves: it must have none.
type Check struct {
	Type      *datamodel.Type
	Table     *relational.Table
	Otherwise definition.Problem
}

// Message tells a developer about one change, in the form of platform §3.2.
type Message struct {
	Type, Action, Name, Description string
	Sub                             []Message // without Sub of their own
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
	p.schema()
	p.migrationValues()
	p.definition()
	if len(p.Problems) > 0 {
		p.Messages = nil
		return p.Plan
	}
	p.layout()
	return p.Plan
}

// destructive is V22 (data-api §1.11): clients search it for the words
// "destructive changes".
const destructive = "Your changes might result in data loss: they include potentially destructive changes. " +
	"Use `graphcool deploy --dry-run` to see them and `graphcool deploy --force` to apply them anyway."

type planner struct {
	Input
	*Plan
}

// layout computes where the new model is stored and the steps that make room
// for it. Every step adds something that the release in service doesn't know.
func (p *planner) layout() {
	if p.Old == nil {
		p.Layout = relational.Build(p.New.Model, nil)
	} else {
		p.Layout = relational.Build(p.New.Model, &relational.Previous{
			Layout: p.Old.Layout, Type: p.Diff.OldType, Field: p.Diff.OldField, Relation: p.Diff.OldRelation,
		})
	}
	exists := columnsOf(p.oldLayout())
	for _, t := range p.Layout.Tables {
		if exists[t.Name] == nil {
			p.Expand = append(p.Expand, relational.CreateTable{Table: t})
		}
	}
	for _, t := range p.Layout.Tables {
		columns := exists[t.Name]
		for _, c := range t.Columns {
			if columns == nil && c.References == nil || columns[c.Name] {
				continue
			}
			p.Expand = append(p.Expand, relational.AddColumn{Column: c})
		}
	}
	for _, t := range p.Layout.Joins {
		if exists[t.Name] == nil {
			p.Expand = append(p.Expand, relational.CreateTable{Table: t})
		}
	}
}

func (p *planner) oldLayout() *relational.Layout {
	if p.Old == nil {
		return nil
	}
	return p.Old.Layout
}

// columnsOf lists the columns of each table by name.
func columnsOf(l *relational.Layout) map[string]map[string]bool {
	tables := map[string]map[string]bool{}
	if l == nil {
		return tables
	}
	for _, list := range [][]*relational.Table{l.Tables, l.Joins} {
		for _, t := range list {
			tables[t.Name] = map[string]bool{}
			for _, c := range t.Columns {
				tables[t.Name][c.Name] = true
			}
		}
	}
	return tables
}
