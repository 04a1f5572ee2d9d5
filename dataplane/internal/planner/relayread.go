package planner

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// The Relay API reads what the Simple API reads; what differs is the shape
// (data-api §3.1, §3.2).

// viewer plans the object under which a project's data stands.
func (r *reader) viewer(c collected, node *Node) (relational.Value, *Node) {
	node.NonNull = true
	return r.viewerObject(c.sets(), node), node
}

func (r *reader) viewerObject(sets []ast.SelectionSet, node *Node) relational.Object {
	return r.members(compiledschema.ViewerName, true, sets, node, func(c collected) (relational.Value, *Node) {
		root, ok := r.doc.Schema.ViewerRoot(c.first().Name)
		if !ok {
			return r.refused(unknownField(compiledschema.ViewerName, c), &Node{})
		}
		return r.field(root, c)
	})
}

// members plans an object of a type that is none of the data model's. member
// plans one of its fields; __typename is known here.
func (r *reader) members(typeName string, isNode bool, sets []ast.SelectionSet, node *Node, member func(collected) (relational.Value, *Node)) relational.Object {
	object := relational.Object{Fields: []relational.Field{}}
	for _, c := range r.collect(typeName, isNode, sets) {
		var value relational.Value
		var child *Node
		if c.first().Name == "__typename" {
			value, child = literal(quote(typeName)), &Node{NonNull: true}
		} else {
			value, child = member(c)
		}
		child.Key, child.Field = c.key, r.doc.FieldOf(c.first())
		object.Fields = append(object.Fields, relational.Field{Key: c.key, Value: value})
		node.Children = append(node.Children, child)
	}
	return object
}

// connection plans a list of nodes with what is said about it. Where nothing but
// the edges is asked for it is a plain list.
func (r *reader) connection(t *datamodel.Type, sel *relational.Select, c collected, node *Node) (relational.Value, *Node) {
	if err := r.page(sel, t, c.first(), node); err != nil {
		return r.refused(err, node)
	}
	r.usesRows = true
	forward := r.argument(c.first(), "first").given()
	backward := r.argument(c.first(), "last").given()
	aboutPage := false
	object := r.members(r.doc.Schema.ConnectionName(t), false, c.sets(), node, func(c collected) (relational.Value, *Node) {
		switch c.first().Name {
		case "edges":
			child := &Node{List: true}
			return relational.PageRows{Fields: r.edge(t, c.sets(), child).Fields}, child
		case "count":
			return &relational.Count{Select: &relational.Select{Table: sel.Table, Link: sel.Link, Where: sel.Where}}, &Node{NonNull: true}
		default:
			child := &Node{NonNull: true}
			return r.members(compiledschema.PageInfoName, false, c.sets(), child, func(c collected) (relational.Value, *Node) {
				value := pageInfo(c.first().Name, forward, backward)
				if _, known := value.(relational.Literal); !known {
					aboutPage = true
				}
				_, isCursor := value.(relational.PageCursor)
				return value, &Node{NonNull: !isCursor}
			}), child
		}
	})
	if aboutPage {
		return &relational.Page{Select: sel, Fields: object.Fields}, node
	}
	for i, f := range object.Fields {
		if rows, ok := f.Value.(relational.PageRows); ok {
			object.Fields[i].Value = &relational.Many{Select: sel, Fields: rows.Fields}
		}
	}
	return object, node
}

// pageInfo is a field of PageInfo. Whether the list goes on is only said where the
// page was cut by first or by last (LQ-D38).
func pageInfo(name string, forward, backward bool) relational.Value {
	switch {
	case name == "startCursor":
		return relational.PageCursor{}
	case name == "endCursor":
		return relational.PageCursor{Last: true}
	case name == "hasNextPage" && forward, name == "hasPreviousPage" && backward:
		return relational.PageMore{}
	default:
		return literal("false")
	}
}

// edge plans one entry of a connection; the current row is its node.
func (r *reader) edge(t *datamodel.Type, sets []ast.SelectionSet, node *Node) relational.Object {
	return r.members(r.doc.Schema.EdgeName(t), false, sets, node, func(c collected) (relational.Value, *Node) {
		child := &Node{NonNull: true}
		if c.first().Name == "cursor" {
			return relational.ColumnValue{Column: r.doc.Schema.Layout().Table(t).ID}, child
		}
		return relational.Object{Fields: r.object(t, c.sets(), child)}, child
	})
}

func unknownField(typeName string, c collected) *fault.Fault {
	return fault.Internal(fmt.Errorf("no field %q on %s", c.first().Name, typeName))
}
