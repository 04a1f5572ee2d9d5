package elements

import (
	"icehouse/controlplane/definition"
	"icehouse/controlplane/deployment/schemadiff"
	"icehouse/dataplane/datamodel"
)

// Move is a project's way from one release to the next, on which its elements stay the
// same, whatever they are called.
type Move struct {
	From      *Snapshot
	To        *datamodel.Parsed
	Diff      *schemadiff.Diff
	Functions []definition.Function // of the next release
}

// Keys takes what is kept by the keys of elements over to their keys now.
func (m Move) Keys(kept map[string]string) map[string]string {
	out := map[string]string{}
	move := func(was, now string) {
		if text, ok := kept[was]; ok {
			out[now] = text
		}
	}
	for _, t := range m.To.Model.Types {
		was := m.Diff.OldType(t)
		if was == nil {
			continue
		}
		move(TypeKey(was.Name), TypeKey(t.Name))
		for _, f := range t.Fields {
			if before := m.Diff.OldField(f); before != nil {
				move(FieldKey(was.Name, before.Name), FieldKey(t.Name, f.Name))
			}
		}
	}
	for _, r := range m.To.Model.Relations {
		if was := m.Diff.OldRelation(r); was != nil {
			move(RelationKey(was.Name), RelationKey(r.Name))
		}
	}
	for _, e := range m.To.Model.Enums {
		if was := m.oldEnum(e); was != nil {
			move(EnumKey(was.Name), EnumKey(e.Name))
		}
	}
	for _, f := range m.Functions {
		move(FunctionKey(f.Name), FunctionKey(f.Name))
	}
	return out
}

// oldEnum is what an enum was; nil when it is new.
func (m Move) oldEnum(e *datamodel.Enum) *datamodel.Enum {
	if same := m.From.Model.Enum(e.Name); same != nil {
		return same
	}
	if was := m.To.Hints.EnumRenames[e.Name]; was != "" {
		return m.From.Model.Enum(was)
	}
	return nil
}

// IDs are the definition's ids after the move. An enum that is renamed keeps the id that
// its name gave it, so that a new one with that name needs another.
func (m Move) IDs() map[string]string {
	ids := m.Keys(m.From.Definition.IDs)
	project := m.From.Project.ID
	taken := map[string]bool{}
	for _, e := range m.To.Model.Enums {
		if was := m.oldEnum(e); was != nil {
			id := m.From.EnumID(was)
			taken[id] = true
			if id != ID(project, Enum, e.Name) {
				ids[EnumKey(e.Name)] = id
			}
		}
	}
	for _, e := range m.To.Model.Enums {
		if m.oldEnum(e) == nil && taken[ID(project, Enum, e.Name)] {
			ids[EnumKey(e.Name)] = NewID(project, Enum)
		}
	}
	return ids
}
