package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
)

// element is one request of a body, or what is wrong with it.
type element struct {
	request operation.Request
	fault   *fault.Fault
}

// errNotJSON says that the body is no JSON at all: not well-formed, not UTF-8,
// or with a key twice in one object.
var errNotJSON = errors.New("the request body is not valid JSON")

// errWrongForm says that the body is JSON, but no request (data-api §10.1).
var errWrongForm = errors.New("the request body is neither a request nor a list of requests")

// readCall reads a body (data-api §5.2): one request, or a batch of them. The
// error is errNotJSON or a *fault.Fault that stands for the whole body. d reads
// the body.
func readCall(d *jsontext.Decoder, body []byte) (one element, batch []element, err error) {
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
			return element{}, nil, errNotJSON
		}
	}
	switch {
	case err == nil:
		return one, batch, nil
	case errors.Is(err, errWrongForm):
		return element{}, nil, fault.New(fault.InputUnparsable, "input could not be parsed: '%s'", shown(body))
	default:
		return element{}, nil, errNotJSON
	}
}

func shown(body []byte) string {
	const most = 1000
	text := string(bytes.TrimSpace(body))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

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
	wrong := false
	text := func(into *string) error {
		switch d.PeekKind() {
		case '"':
			t, err := d.ReadToken()
			if err == nil {
				*into = t.String()
			}
			return err
		case 'n':
		default:
			wrong = true
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
			err = text(&e.request.Query)
		case "operationName":
			err = text(&e.request.OperationName)
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
	if wrong {
		return element{}, errWrongForm
	}
	return e, nil
}

// readVariables takes an object, or a text that holds one. All else is none.
func readVariables(d *jsontext.Decoder) (map[string]any, *fault.Fault, error) {
	switch d.PeekKind() {
	case '{':
		v, err := readValue(d)
		if err != nil {
			return nil, nil, err
		}
		return v.(map[string]any), nil, nil
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

func parseVariables(text string) (map[string]any, *fault.Fault) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	d := jsontext.NewDecoder(strings.NewReader(text))
	v, err := readValue(d)
	if err == nil {
		if _, err = d.ReadToken(); errors.Is(err, io.EOF) {
			variables, _ := v.(map[string]any)
			return variables, nil
		}
	}
	return nil, fault.New(fault.VariablesUnparsed, "Variables could not be parsed as json: %s", shown([]byte(text)))
}

// readValue reads any value; numbers keep their text.
func readValue(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	case '"':
		return t.String(), nil
	case '0':
		return json.Number(t.String()), nil
	case '[':
		list := []any{}
		for d.PeekKind() != ']' {
			v, err := readValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.ReadToken()
		return list, err
	case '{':
		object := map[string]any{}
		for d.PeekKind() != '}' {
			key, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			name := key.String()
			v, err := readValue(d)
			if err != nil {
				return nil, err
			}
			object[name] = v
		}
		_, err := d.ReadToken()
		return object, err
	default: // null
		return nil, nil
	}
}
