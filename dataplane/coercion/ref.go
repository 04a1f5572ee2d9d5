package coercion

import "github.com/vektah/gqlparser/v2/ast"

// Ref names a type in a position: the type and its list and non-null marks, as in
// [PostFilter!]. It is a plain value, so that looking a field up costs no
// allocation. The zero wrapping is a nullable type.
type Ref struct {
	Name string
	Wrap Wrap
}

// Wrap holds the list and non-null marks of a Ref: the number of lists, and for
// each level, outermost first, whether null is refused there.
type Wrap struct {
	lists   uint8
	nonNull uint16 // bit i: level i is non-null; level `lists` is the named type
}

// maxLists is how many lists a Wrap can hold.
const maxLists = 15

// The wrappings that generated types use.
var (
	Nullable        = Wrap{}
	Required        = Wrap{nonNull: 1}
	ListOf          = Wrap{lists: 1, nonNull: 2} // [T!]
	RequiredListOf  = Wrap{lists: 1, nonNull: 3} // [T!]!
	NullableItemsOf = Wrap{lists: 1}             // [T]
)

// RefOf is the Ref of a type in a document or schema. Lists nested deeper than 15
// are cut: no schema of ours has them, and a document's type that deep matches none.
func RefOf(t *ast.Type) Ref {
	var w Wrap
	for {
		if t.NonNull {
			w.nonNull |= 1 << w.lists
		}
		if t.Elem == nil || w.lists == maxLists {
			return Ref{Name: t.Name(), Wrap: w}
		}
		w.lists++
		t = t.Elem
	}
}

// NonNull says that null is refused.
func (r Ref) NonNull() bool { return r.Wrap.nonNull&1 != 0 }

// IsList says that a list is expected.
func (r Ref) IsList() bool { return r.Wrap.lists > 0 }

// Elem is the type of a list's items.
func (r Ref) Elem() Ref {
	return Ref{Name: r.Name, Wrap: Wrap{lists: r.Wrap.lists - 1, nonNull: r.Wrap.nonNull >> 1}}
}

// Nullable is the same type with null allowed.
func (r Ref) Nullable() Ref {
	r.Wrap.nonNull &^= 1
	return r
}

// Type builds the parser's form of the reference.
func (r Ref) Type() *ast.Type {
	if r.IsList() {
		return &ast.Type{Elem: r.Elem().Type(), NonNull: r.NonNull()}
	}
	return &ast.Type{NamedType: r.Name, NonNull: r.NonNull()}
}

// String prints the reference as SDL writes it.
func (r Ref) String() string {
	if !r.IsList() && !r.NonNull() {
		return r.Name
	}
	return string(r.Append(nil))
}

// Append prints the reference as SDL writes it.
func (r Ref) Append(dst []byte) []byte {
	if r.IsList() {
		dst = append(r.Elem().Append(append(dst, '[')), ']')
	} else {
		dst = append(dst, r.Name...)
	}
	if r.NonNull() {
		dst = append(dst, '!')
	}
	return dst
}
