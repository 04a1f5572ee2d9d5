package compiledschema

import (
	"iter"
	"strings"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// FilterKind is what a key of a filter means (data-api §2.6).
type FilterKind uint8

// The kinds.
const (
	FilterAnd    FilterKind = iota // AND
	FilterOr                       // OR
	FilterScalar                   // a field compared by an operator
	FilterToOne                    // the related node
	FilterEvery                    // f_every
	FilterSome                     // f_some
	FilterNone                     // f_none
)

// FilterOp is how a scalar filter compares (data-api §2.6.2).
type FilterOp uint8

// The operators, in the order of the input type.
const (
	Is FilterOp = iota
	IsNot
	In
	NotIn
	Lt
	Lte
	Gt
	Gte
	Contains
	NotContains
	StartsWith
	NotStartsWith
	EndsWith
	NotEndsWith
)

// FilterKey is the meaning of one key of a filter. Field is nil for AND and OR;
// Op counts only for FilterScalar.
type FilterKey struct {
	Kind  FilterKind
	Field *datamodel.Field
	Op    FilterOp
}

// comparison is how the values of a field can be compared.
type comparison uint8

const (
	byText  comparison = 1 << iota // equality, order and parts of the text
	byOrder                        // equality and order
	byName                         // equality with one or several
	byTruth                        // equality with one
)

// comparisonOf is 0 for fields that no filter can name.
func comparisonOf(f *datamodel.Field) comparison {
	switch {
	case f.List || f.IsRelation():
		return 0
	case f.Enum != nil:
		return byName
	}
	switch f.Scalar {
	case datamodel.ID, datamodel.String:
		return byText
	case datamodel.Int, datamodel.Float, datamodel.DateTime:
		return byOrder
	case datamodel.Boolean:
		return byTruth
	}
	return 0
}

// filterOps are the suffixes of the operators, by FilterOp, with the comparisons
// that have them.
var filterOps = [...]struct {
	suffix string
	list   bool
	has    comparison
}{
	Is:            {"", false, byText | byOrder | byName | byTruth},
	IsNot:         {"_not", false, byText | byOrder | byName | byTruth},
	In:            {"_in", true, byText | byOrder | byName},
	NotIn:         {"_not_in", true, byText | byOrder | byName},
	Lt:            {"_lt", false, byText | byOrder},
	Lte:           {"_lte", false, byText | byOrder},
	Gt:            {"_gt", false, byText | byOrder},
	Gte:           {"_gte", false, byText | byOrder},
	Contains:      {"_contains", false, byText},
	NotContains:   {"_not_contains", false, byText},
	StartsWith:    {"_starts_with", false, byText},
	NotStartsWith: {"_not_starts_with", false, byText},
	EndsWith:      {"_ends_with", false, byText},
	NotEndsWith:   {"_not_ends_with", false, byText},
}

// relationOps are the suffixes of relation filters, by FilterKind.
var relationOps = [...]string{FilterToOne: "", FilterEvery: "_every", FilterSome: "_some", FilterNone: "_none"}

// FilterKey looks a key of <Type>Filter up.
func (s *Schema) FilterKey(t *datamodel.Type, key string) (FilterKey, bool) {
	switch key {
	case "AND":
		return FilterKey{Kind: FilterAnd}, true
	case "OR":
		return FilterKey{Kind: FilterOr}, true
	}
	// Names of fields have no underscore, suffixes begin with one.
	name, suffix := key, ""
	if i := strings.IndexByte(key, '_'); i >= 0 {
		name, suffix = key[:i], key[i:]
	}
	f := t.Field(name)
	if f == nil {
		return FilterKey{}, false
	}
	if f.IsRelation() {
		for kind := FilterToOne; kind <= FilterNone; kind++ {
			if relationOps[kind] == suffix && (kind == FilterToOne) != f.List {
				return FilterKey{Kind: kind, Field: f}, true
			}
		}
		return FilterKey{}, false
	}
	for op := range filterOps {
		if filterOps[op].suffix == suffix && filterOps[op].has&comparisonOf(f) != 0 {
			return FilterKey{Kind: FilterScalar, Field: f, Op: FilterOp(op)}, true
		}
	}
	return FilterKey{}, false
}

// filterKeys are the keys of a filter in order, without AND and OR: scalar
// fields, then relation fields (data-api §2.6.1).
func (m *model) filterKeys() iter.Seq[FilterKey] {
	return func(yield func(FilterKey) bool) {
		for _, f := range m.fields {
			compare := comparisonOf(f)
			for op := range filterOps {
				if filterOps[op].has&compare != 0 && !yield(FilterKey{Kind: FilterScalar, Field: f, Op: FilterOp(op)}) {
					return
				}
			}
		}
		for _, f := range m.fields {
			if !f.IsRelation() {
				continue
			}
			for kind := FilterToOne; kind <= FilterNone; kind++ {
				if (kind == FilterToOne) != f.List && !yield(FilterKey{Kind: kind, Field: f}) {
					return
				}
			}
		}
	}
}

// name is the key in the input type.
func (k FilterKey) name() string {
	switch k.Kind {
	case FilterAnd:
		return "AND"
	case FilterOr:
		return "OR"
	case FilterScalar:
		return k.Field.Name + filterOps[k.Op].suffix
	default:
		return k.Field.Name + relationOps[k.Kind]
	}
}

// filterType is the type of a key's value; self is the filter type that has the key.
func (s *Schema) filterType(self string, k FilterKey) coercion.Ref {
	switch k.Kind {
	case FilterAnd, FilterOr:
		return coercion.Ref{Name: self, Wrap: coercion.ListOf}
	case FilterScalar:
		ref := coercion.Ref{Name: ValueName(k.Field)}
		if filterOps[k.Op].list {
			ref.Wrap = coercion.ListOf
		}
		return ref
	default:
		return coercion.Ref{Name: s.modelOf(k.Field.Target()).filter}
	}
}
