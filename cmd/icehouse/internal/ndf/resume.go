package ndf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json/jsontext"
)

// state is what is remembered of an import that has not ended.
type state struct {
	Service string            `json:"service"`           // its address
	Done    map[string]string `json:"done"`              // hash by the name of a file
	Sending string            `json:"sending,omitempty"` // the file that may have arrived, or some of it
}

func loadState(path, service string) (*state, error) {
	s := &state{Service: service, Done: map[string]string{}}
	text, err := os.ReadFile(path) //nolint:gosec // the user's own
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case s.Service != service:
		return nil, fmt.Errorf("%s tells of an import into %s that has not ended; remove it to import into another service", path, s.Service)
	case s.Done == nil:
		s.Done = map[string]string{}
	}
	return s, nil
}

// save replaces the file in one step.
func (s *state) save(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.Write(append(text, '\n'))
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}

func (*state) remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// rest makes a document of those elements of a file that have not arrived, and
// says where they stood.
func (im *Import) rest(ctx context.Context, f File, document []byte) (rest []byte, positions []int, err error) {
	arrived := func(jsontext.Value) (bool, error) { return false, nil } // edges may be sent twice
	switch f.Kind {
	case "nodes":
		arrived, err = im.nodesThere(ctx, document)
	case "lists":
		arrived, err = im.listsThere(ctx, f, document)
	}
	if err != nil {
		return nil, nil, err
	}
	rest = fmt.Appendf(nil, `{"valueType":"%s","values":[`, f.Kind)
	positions = []int{}
	err = elements(document, f.Kind, func(i int, element jsontext.Value) error {
		there, err := arrived(element)
		if err != nil || there {
			return err
		}
		if len(positions) > 0 {
			rest = append(rest, ',')
		}
		rest = append(rest, element...)
		positions = append(positions, i)
		return nil
	})
	return append(rest, "]}"...), positions, err
}

// nodesThere tells which nodes of a document are in the service.
func (im *Import) nodesThere(ctx context.Context, document []byte) (func(jsontext.Value) (bool, error), error) {
	wanted, there := map[string]bool{}, map[string]bool{}
	if err := elements(document, "nodes", collectIDs(wanted)); err != nil {
		return nil, err
	}
	err := im.Service.exportAll(ctx, "nodes", func(found []jsontext.Value) error {
		for _, element := range found {
			if _, id := identity(element); wanted[id] {
				there[id] = true
			}
		}
		return nil
	})
	return func(element jsontext.Value) (bool, error) {
		_, id := identity(element)
		return there[id], nil
	}, err
}

// collectIDs notes the ids of elements.
func collectIDs(into map[string]bool) func(int, jsontext.Value) error {
	return func(_ int, element jsontext.Value) error {
		_, id := identity(element)
		into[id] = true
		return nil
	}
}

// identity is the type and id of an element that names one node.
func identity(element jsontext.Value) (typ, id string) {
	_ = members(element, func(name string, value jsontext.Value) error { // was looked at by Check
		switch name {
		case "_typeName":
			typ, _ = text(value)
		case "id":
			id, _ = text(value)
		}
		return nil
	})
	return typ, id
}

// list is one list of one node.
type list struct{ typ, id, field string }

// listOf is what an element says of which list: how many values it has.
func listOf(element jsontext.Value) (l list, values int, err error) {
	l.typ, l.id = identity(element)
	err = members(element, func(name string, value jsontext.Value) error {
		if name == "_typeName" || name == "id" || l.field != "" {
			return nil
		}
		l.field = name
		return items(value, func(int, jsontext.Value) error { values++; return nil })
	})
	return l, values, err
}

// errChanged says that nobody can know what has arrived.
var errChanged = errors.New("it can't be known which of its values have arrived, because the service had these nodes before, or they were changed since; import the archive into an empty service instead")

// listsThere tells which values of a document are in the service. The nodes came
// from this archive, with empty lists: what is in a list beyond the values of
// earlier files has come with this one.
func (im *Import) listsThere(ctx context.Context, file File, document []byte) (func(jsontext.Value) (bool, error), error) {
	arrived, sent := map[list]int{}, map[list]int{}
	unknown := map[string]bool{} // ids whose nodes were not seen in the archive
	err := elements(document, "lists", func(_ int, element jsontext.Value) error {
		l, values, err := listOf(element)
		arrived[l], unknown[l.id] = 0, true
		sent[l] += values
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := im.takeEarlier(file, arrived, unknown); err != nil {
		return nil, err
	}
	if len(unknown) > 0 {
		return nil, errChanged
	}
	err = im.Service.exportAll(ctx, "lists", func(found []jsontext.Value) error {
		for _, element := range found {
			l, values, err := listOf(element)
			if err != nil {
				return err
			}
			if _, wanted := arrived[l]; wanted {
				arrived[l] += values
			}
		}
		return nil
	})
	for l, values := range arrived {
		if err == nil && (values < 0 || values > sent[l]) {
			err = errChanged
		}
	}
	return func(element jsontext.Value) (bool, error) {
		l, values, err := listOf(element)
		switch here := arrived[l]; {
		case err != nil:
			return false, err
		case here == 0:
			return values == 0, nil
		case here < values: // an element arrives as a whole
			return false, errChanged
		}
		arrived[l] -= values
		return true, nil
	}, err
}

// takeEarlier takes off what files before this one have of each list, and notes
// whose nodes they have.
func (im *Import) takeEarlier(file File, arrived map[list]int, unknown map[string]bool) error {
	for _, f := range im.Archive.Files {
		if f.Name == file.Name {
			break
		}
		earlier, err := f.Read()
		if err != nil {
			return err
		}
		err = elements(earlier, f.Kind, func(_ int, element jsontext.Value) error {
			if f.Kind == "nodes" {
				_, id := identity(element)
				delete(unknown, id)
				return nil
			}
			l, values, err := listOf(element)
			if _, wanted := arrived[l]; wanted {
				arrived[l] -= values
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
