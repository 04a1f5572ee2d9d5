package transport

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
)

// element is one request of a body, or what is wrong with it.
type element struct {
	request operation.Request
	fault   *fault.Fault
}

// errWrongForm says that the body is JSON, but no request (data-api §10.1).
var errWrongForm = errors.New("the request body is neither a request nor a list of requests")

// readCall reads a body (data-api §5.2): one request, or a batch of them. The
// error is fault.ErrNotJSON or a *fault.Fault that stands for the whole body. d reads
// the body.
func readCall(d *jsontext.Decoder, body []byte) (one element, batch []element, err error) {
	if !utf8.Valid(body) {
		return element{}, nil, fault.ErrNotJSON
	}
	switch d.PeekKind() {
	case '{':
		one, err = readElement(d)
	case '[':
		batch, err = readBatch(d)
	default:
		if err = d.SkipValue(); err == nil {
			err = errWrongForm
		}
	}
	if err == nil || errors.Is(err, errWrongForm) {
		if _, end := d.ReadToken(); !errors.Is(end, io.EOF) {
			return element{}, nil, fault.ErrNotJSON
		}
	}
	switch {
	case err == nil:
		return one, batch, nil
	case errors.Is(err, errWrongForm):
		return element{}, nil, fault.New(fault.InputUnparsable, "input could not be parsed: '%s'", shown(body))
	default:
		return element{}, nil, fault.ErrNotJSON
	}
}

func shown(body []byte) string { return coercion.Short(string(bytes.TrimSpace(body)), 1000) }

func readBatch(d *jsontext.Decoder) ([]element, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	batch, wrong := []element{}, false
	for d.PeekKind() != ']' {
		if d.PeekKind() != '{' {
			wrong = true
			if err := d.SkipValue(); err != nil {
				return nil, err
			}
			continue
		}
		e, err := readElement(d)
		if errors.Is(err, errWrongForm) {
			wrong = true
		} else if err != nil {
			return nil, err
		}
		batch = append(batch, e)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if wrong {
		return nil, errWrongForm
	}
	return batch, nil
}

// readElement reads one object. It reads to the object's end even when a value
// has the wrong form.
func readElement(d *jsontext.Decoder) (element, error) {
	if _, err := d.ReadToken(); err != nil {
		return element{}, err
	}
	var e element
	var wrong struct{ query, name bool }
	text := func(into *string, wrong *bool) error {
		*into, *wrong = "", false // of a name that is twice the last one counts
		switch d.PeekKind() {
		case '"':
			t, err := d.ReadToken()
			if err == nil {
				*into = t.String()
			}
			return err
		case 'n':
		default:
			*wrong = true
		}
		return d.SkipValue()
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return element{}, err
		}
		switch key.String() {
		case "query":
			err = text(&e.request.Query, &wrong.query)
		case "operationName":
			err = text(&e.request.OperationName, &wrong.name)
		case "variables":
			e.request.Variables, e.fault, err = readVariables(d)
		default:
			err = d.SkipValue()
		}
		if err != nil {
			return element{}, err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return element{}, err
	}
	if wrong.query || wrong.name {
		return element{}, errWrongForm
	}
	return e, nil
}

// readVariables takes an object, or a text that holds one. All else is none.
func readVariables(d *jsontext.Decoder) (*coercion.Given, *fault.Fault, error) {
	switch d.PeekKind() {
	case '{':
		v, err := coercion.Read(d)
		if err != nil {
			return nil, nil, err
		}
		given, _ := v.(*coercion.Given)
		return given, nil, nil
	case '"':
		t, err := d.ReadToken()
		if err != nil {
			return nil, nil, err
		}
		variables, f := parseVariables(t.String())
		return variables, f, nil
	default:
		return nil, nil, d.SkipValue()
	}
}

func parseVariables(text string) (*coercion.Given, *fault.Fault) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	variables, err := coercion.ReadVariables(text)
	if err == nil {
		return variables, nil
	}
	return nil, fault.New(fault.VariablesUnparsed, "Variables could not be parsed as json: %s", shown([]byte(text)))
}
