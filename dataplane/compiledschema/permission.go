package compiledschema

import (
	"slices"
	"strings"

	"icehouse/dataplane/datamodel"
)

// Verb is what a permission record allows to do with a type or a relation
// (data-api §6.1).
type Verb string

// The verbs: four of types, two of relations.
const (
	Read       Verb = "read"
	Create     Verb = "create"
	Update     Verb = "update"
	Delete     Verb = "delete"
	Connect    Verb = "connect"
	Disconnect Verb = "disconnect"
)

// Permission is one record: who may do what (data-api §6.1). A record without a
// query is simple, one with a query is custom.
type Permission struct {
	Target        string   `json:"target"` // the type or relation, as the data model spells it
	Verb          Verb     `json:"verb"`
	Authenticated bool     `json:"authenticated,omitempty"` // only who sent a valid token; else everyone
	Fields        []string `json:"fields,omitzero"`         // of a type; nil: all
	// Query is the text of the one operation that must hold, with its header and the
	// fragments that it uses, as ReadPermissionQuery writes it; "" for a simple record.
	Query string `json:"query,omitempty"`
	Name  string `json:"name"` // for people: what the definition says
}

// Covers says that a record of a type is about this field too.
func (p *Permission) Covers(field string) bool {
	return p.Fields == nil || slices.Contains(p.Fields, field)
}

// Custom says that the record has a query.
func (p *Permission) Custom() bool { return p.Query != "" }

// Permissions say who may do what. What no record allows only admins may do.
type Permissions struct {
	Open    bool // the wildcard: everything is allowed to everyone (data-api §6.1)
	Records []Permission
}

// PermissionsFor lists the records for a verb on a type or relation, simple ones
// first, which is the order in which they are asked (data-api §6.3).
func (s *Schema) PermissionsFor(target string, verb Verb) []*Permission {
	i, ok := slices.BinarySearchFunc(s.grants, grant{target: target, verb: verb}, grant.compare)
	if !ok {
		return nil
	}
	return s.grants[i].records
}

// grant is the records of one verb on one target.
type grant struct {
	target  string
	verb    Verb
	records []*Permission
}

func (g grant) compare(o grant) int {
	if c := strings.Compare(g.target, o.target); c != 0 {
		return c
	}
	return strings.Compare(string(g.verb), string(o.verb))
}

// collectGrants sorts the records by what they are about.
func (s *project) collectGrants() {
	for _, custom := range []bool{false, true} {
		for i := range s.permissions.Records {
			p := &s.permissions.Records[i]
			if p.Custom() != custom {
				continue
			}
			key := grant{target: p.Target, verb: p.Verb}
			at, ok := slices.BinarySearchFunc(s.grants, key, grant.compare)
			if !ok {
				s.grants = slices.Insert(s.grants, at, key)
			}
			s.grants[at].records = append(s.grants[at].records, p)
		}
	}
}

// PermissionVariable is what the server fills a variable of a permission query
// with (data-api §6.6).
type PermissionVariable struct {
	Kind  PermissionVariableKind
	Field *datamodel.Field // PermissionNode, PermissionInput, PermissionInputID
	Side  datamodel.Side   // PermissionEnd: of the field that the node is found in
	Type  string           // the named type of its values
}

// PermissionVariableKind is where the value of a variable comes from.
type PermissionVariableKind uint8

// The kinds.
const (
	PermissionUser    PermissionVariableKind = iota // $user_id
	PermissionNodeID                                // $node_id
	PermissionNode                                  // $node_<field>: a scalar of the node as it is
	PermissionInput                                 // $input_<field>: a scalar that the mutation gives
	PermissionInputID                               // $input_<relation>Id: the node that the mutation connects to
	PermissionEnd                                   // $<name>_id: the node at one end of an edge
)

// PermissionVariable looks a variable up that a permission query for this target
// and verb may use, by its name without the dollar sign. Older spellings are known
// too.
func (s *Schema) PermissionVariable(target string, verb Verb, name string) (PermissionVariable, bool) {
	id := PermissionVariable{Type: datamodel.ID.String()}
	if name == "user_id" || name == "userId" {
		id.Kind = PermissionUser
		return id, true
	}
	if verb == Connect || verb == Disconnect {
		r := s.relationNamed(target)
		if r == nil {
			return PermissionVariable{}, false
		}
		id.Kind = PermissionEnd
		switch aName, bName := s.RelationNames(r); name {
		case aName + "_id":
			id.Side = datamodel.SideA
		case bName + "_id":
			id.Side = datamodel.SideB
		default:
			return PermissionVariable{}, false
		}
		return id, true
	}
	m := s.modelNamed(target)
	if m == nil {
		return PermissionVariable{}, false
	}
	if name == "node_id" || name == "nodeId" {
		id.Kind = PermissionNodeID
		return id, true
	}
	prefix, rest, _ := strings.Cut(name, "_")
	switch {
	case prefix == "old" && (verb == Update || verb == Delete):
		prefix = "node"
	case prefix == "new":
		prefix = "input"
	}
	f := m.Field(rest)
	isScalar := f != nil && !f.IsRelation() && !f.List
	switch {
	case prefix == "node" && verb != Create && isScalar:
		return PermissionVariable{Kind: PermissionNode, Field: f, Type: ValueName(f)}, true
	case prefix == "input" && (verb == Create || verb == Update) && isScalar:
		return PermissionVariable{Kind: PermissionInput, Field: f, Type: ValueName(f)}, true
	case prefix == "input" && (verb == Create || verb == Update):
		of, ok := strings.CutSuffix(rest, idSuffix)
		if f = m.Field(of); !ok || f == nil || !f.IsRelation() || f.List {
			return PermissionVariable{}, false
		}
		id.Kind, id.Field = PermissionInputID, f
		return id, true
	}
	return PermissionVariable{}, false
}

// FitsPermissionVariable says that a variable declared with the named type declared
// can take the values of a variable that has the type given.
func FitsPermissionVariable(declared, given string, isEnum bool) bool {
	isText := func(name string) bool { return name == "ID" || name == "String" }
	switch {
	case declared == given:
		return true
	case isText(declared):
		return isText(given) || isEnum
	default:
		return declared == "Float" && given == "Int"
	}
}
