package migrationplan

import (
	"fmt"
	"maps"
	"slices"

	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/dataplane/datamodel"
)

// schema goes through the changes of the data model: each one is told, and what it
// asks of the rows is planned.
func (p *planner) schema() {
	aspects, lost := map[*datamodel.Field][]schemadiff.Aspect{}, map[*datamodel.Enum][]string{}
	for _, change := range p.Diff.Changes {
		p.message(change)
		switch c := change.(type) {
		case schemadiff.AddField:
			if !c.Field.IsRelation() { // told and planned with its relation
				p.addField(c.Field)
			}
		case schemadiff.ChangeField:
			aspects[c.Field] = c.Aspects
		case schemadiff.RemoveEnumValues:
			lost[c.Enum] = c.Values
		case schemadiff.CreateRelation:
			p.createRelation(c.Relation)
		}
	}
	for _, t := range p.New.Model.Types {
		for _, f := range t.Fields {
			old := p.Diff.OldField(f)
			if old == nil || f.IsRelation() || f.IsSystem() || f.Name == "id" {
				continue
			}
			p.keepField(f, old, aspects[f], lost[f.Enum])
		}
	}
	for _, r := range p.New.Model.Relations {
		if old := p.Diff.OldRelation(r); old != nil {
			p.keepRelation(r, old)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.New.Hints.EnumMigrationValues)) {
		if e := p.New.Model.Enum(name); e == nil || len(lost[e]) == 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("The migration value of the enum `%s` has no effect: no value of it is removed.", name))
		}
	}
}
