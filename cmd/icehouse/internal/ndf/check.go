package ndf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/datamodel"
)

// maxProblems is how many problems are told at a time.
const maxProblems = 20

// CheckError is what is wrong with an archive.
type CheckError struct {
	Problems []string // the first of them
	More     bool
}

func (e *CheckError) Error() string {
	text := "the archive does not fit the service; nothing was imported"
	for _, p := range e.Problems {
		text += "\n  " + p
	}
	if e.More {
		text += "\n  and more"
	}
	return text
}

// errEnough ends a check that has found enough.
var errEnough = errors.New("enough")

// Check looks for what is wrong with an archive without asking the service
// (platform §5.6): types, fields and values that the model does not know, and
// required fields that are missing. The error is a *CheckError.
func Check(a *Archive, m *datamodel.DataModel) error {
	found := &CheckError{}
	report := func(place string, err error) error {
		if len(found.Problems) == maxProblems {
			found.More = true
			return errEnough
		}
		found.Problems = append(found.Problems, place+": "+err.Error())
		return nil
	}
	for _, f := range a.Files {
		document, err := f.Read()
		if err == nil {
			err = elements(document, f.Kind, func(i int, element jsontext.Value) error {
				if err := checkElement(m, f.Kind, element); err != nil {
					return report(fmt.Sprintf("%s, element %d", f.Name, i), err)
				}
				return nil
			})
		}
		if errors.Is(err, errEnough) || err != nil && report(f.Name, err) != nil {
			break
		}
	}
	if len(found.Problems) > 0 {
		return found
	}
	return nil
}

func checkElement(m *datamodel.DataModel, kind string, element jsontext.Value) error {
	switch kind {
	case "nodes":
		return checkNode(m, element)
	case "lists":
		return checkList(m, element)
	default:
		return checkEdge(m, element)
	}
}

// node is an element, or a half of one, that names a node.
type node struct {
	typ   *datamodel.Type
	id    string
	given map[string]jsontext.Value
	order []string
}

func readNode(m *datamodel.DataModel, element jsontext.Value) (node, error) {
	n := node{given: map[string]jsontext.Value{}}
	name, hasType, hasID := "", false, false
	err := members(element, func(key string, value jsontext.Value) error {
		switch key {
		case "_typeName":
			name, hasType = text(value)
		case "id":
			n.id, hasID = text(value)
		default:
			n.given[key] = value
			n.order = append(n.order, key)
		}
		return nil
	})
	switch n.typ = m.Type(name); {
	case err != nil:
		return n, err
	case !hasType:
		return n, errors.New(`it has no "_typeName"`)
	case n.typ == nil:
		return n, fmt.Errorf("the service has no type %s", name)
	case !hasID || n.id == "":
		return n, errors.New(`it has no "id"`)
	}
	return n, nil
}

func checkNode(m *datamodel.DataModel, element jsontext.Value) error {
	n, err := readNode(m, element)
	if err != nil {
		return err
	}
	for _, name := range n.order {
		f, value := n.typ.Field(name), n.given[name]
		switch {
		case name == "createdAt" || name == "updatedAt": // also when they are hidden
			if value.Kind() != 'n' && !isDate(value) {
				return fmt.Errorf("%s is no date for the field %s", shown(value), name)
			}
		case f == nil:
			return fmt.Errorf("the type %s has no field %s", n.typ.Name, name)
		case f.IsRelation():
			return fmt.Errorf("the field %s of type %s is a relation, whose edges belong to the folder relations", name, n.typ.Name)
		case f.List:
			return fmt.Errorf("the field %s of type %s is a list, whose values belong to the folder lists", name, n.typ.Name)
		case value.Kind() != 'n' && !fits(f, value):
			return fmt.Errorf("%s is no value for the field %s of type %s", shown(value), name, f.TypeName())
		}
	}
	for _, f := range n.typ.Fields {
		if value := n.given[f.Name]; f.Required && !f.IsRelation() && !f.IsSystem() && !f.List && (value == nil || value.Kind() == 'n') {
			return fmt.Errorf("the required field %s of type %s is missing", f.Name, n.typ.Name)
		}
	}
	return nil
}

func checkList(m *datamodel.DataModel, element jsontext.Value) error {
	n, err := readNode(m, element)
	if err != nil {
		return err
	}
	if len(n.order) != 1 {
		return fmt.Errorf("it has %d fields; exactly one list is wanted", len(n.order))
	}
	f := n.typ.Field(n.order[0])
	if f == nil || f.IsRelation() || !f.List {
		return fmt.Errorf("the type %s has no list field %s", n.typ.Name, n.order[0])
	}
	return items(n.given[f.Name], func(_ int, item jsontext.Value) error {
		if !fits(f, item) {
			return fmt.Errorf("%s is no value for the field %s of type %s", shown(item), f.Name, f.TypeName())
		}
		return nil
	})
}

func checkEdge(m *datamodel.DataModel, element jsontext.Value) error {
	ends, named := 0, false
	err := items(element, func(_ int, item jsontext.Value) error {
		ends++
		n, err := readNode(m, item)
		if err != nil {
			return err
		}
		name, ok := text(n.given["fieldName"])
		if !ok {
			return nil
		}
		named = true
		if f := n.typ.Field(name); f == nil || !f.IsRelation() {
			return fmt.Errorf("the type %s has no relation field %s", n.typ.Name, name)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case ends != 2:
		return fmt.Errorf("it names %d nodes; two are wanted", ends)
	case !named:
		return errors.New(`neither node has a "fieldName"`)
	}
	return nil
}

// fits says whether a value can be one of a field; the service knows the rest.
func fits(f *datamodel.Field, value jsontext.Value) bool {
	kind := value.Kind()
	s, isText := text(value)
	if f.Enum != nil {
		return isText && slices.Contains(f.Enum.Values, s)
	}
	switch f.Scalar {
	case datamodel.Int:
		n, err := strconv.ParseFloat(string(value), 64)
		return kind == '0' && err == nil && n == math.Trunc(n) && math.Abs(n) <= 1<<31
	case datamodel.Float:
		return kind == '0'
	case datamodel.Boolean:
		return kind == 't' || kind == 'f'
	case datamodel.DateTime:
		return isDate(value)
	case datamodel.JSON:
		return kind == '{' || kind == '[' || isText
	default:
		return isText
	}
}

// isDate takes a blank between date and time as servers do.
func isDate(value jsontext.Value) bool {
	s, ok := text(value)
	if date := len("2017-12-05"); len(s) > date && s[date] == ' ' {
		s = s[:date] + "T" + s[date+1:]
	}
	_, isDate := coercion.ParseDateTime(s)
	return ok && isDate
}

func shown(value jsontext.Value) string {
	if len(value) > 60 {
		return string(value[:60]) + "..."
	}
	return string(value)
}
