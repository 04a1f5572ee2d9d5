package console

import (
	"encoding/json"
	"strings"

	"icehouse/controlplane/definition"
	"icehouse/controlplane/elements"
	"icehouse/controlplane/problem"
)

// FunctionChange is what is said about a function; nil is not said.
type FunctionChange struct {
	Name               *string
	Active             *bool
	Kind               *definition.Kind // of a hook: its step
	ModelID, Operation *string          // of a hook: CREATE, UPDATE or DELETE
	Query              *string          // of a subscription
	Schema             *string          // of a resolver
	Type               *string          // WEBHOOK or AUTH0, which is code
	URL, Headers, Code *string
}

// Is says that a function is of the sort that one of the console's mutations is
// about.
type Is func(definition.Kind) bool

// The sorts.
var (
	IsHook Is = func(k definition.Kind) bool {
		return k == definition.OperationBefore || k == definition.PreWrite || k == definition.OperationAfter
	}
	IsSubscription Is = func(k definition.Kind) bool { return k == definition.Subscription }
	IsResolver     Is = func(k definition.Kind) bool { return k == definition.Resolver }
	IsAny          Is = func(definition.Kind) bool { return true }
)

// Function finds a function of a sort by its id; 4038.
func (d *Draft) Function(id string, sort Is) (*definition.Function, error) {
	if f := d.Before.Function(id); f != nil && sort(f.Kind) {
		for i := range d.Functions {
			if d.Functions[i].Name == f.Name {
				return &d.Functions[i], nil
			}
		}
	}
	return nil, problem.NoFunction(id)
}

// AddFunction adds a function; its name is its identity from then on.
func (d *Draft) AddFunction(kind definition.Kind, c FunctionChange) error {
	f := definition.Function{Kind: kind, Enabled: true}
	if err := d.changeFunction(&f, c); err != nil {
		return err
	}
	d.Functions = append(d.Functions, f)
	return nil
}

// UpdateFunction changes a function.
func (d *Draft) UpdateFunction(f *definition.Function, c FunctionChange) error {
	id := d.Before.FunctionID(f.Name)
	delete(d.ids, elements.FunctionKey(f.Name))
	if err := d.changeFunction(f, c); err != nil {
		return err
	}
	d.ids[elements.FunctionKey(f.Name)] = id
	return nil
}

// RemoveFunction removes a function.
func (d *Draft) RemoveFunction(f *definition.Function) {
	d.dropFunctions(func(one *definition.Function) bool { return one == f })
}

func (d *Draft) dropFunctions(gone func(*definition.Function) bool) {
	var left []definition.Function
	for i := range d.Functions {
		if f := &d.Functions[i]; gone(f) {
			delete(d.ids, elements.FunctionKey(f.Name))
		} else {
			left = append(left, *f)
		}
	}
	d.Functions = left
}

func (d *Draft) changeFunction(f *definition.Function, c FunctionChange) error {
	old := f.Name
	set(&f.Name, c.Name)
	if !definition.IsFunctionName(f.Name) {
		return problem.New(problem.CodeFunctionName, "'%s' is not a valid name for a function: it has 1 to 64 letters, digits, - and _", f.Name)
	}
	set(&f.Enabled, c.Active)
	set(&f.Kind, c.Kind)
	move := func(path *string, suffix string) {
		if *path == "" || *path == "./src/"+old+suffix {
			*path = "./src/" + f.Name + suffix
		}
	}
	switch {
	case IsHook(f.Kind):
		if err := d.changeHook(f, c); err != nil {
			return err
		}
	case IsSubscription(f.Kind):
		set(&f.Query, c.Query)
		move(&f.QueryPath, ".graphql")
	case IsResolver(f.Kind):
		set(&f.Schema, c.Schema)
		move(&f.SchemaPath, ".graphql")
	}
	if err := changeHandler(f, c); err != nil {
		return err
	}
	if f.Code != nil {
		move(&f.Code.Path, ".js")
	}
	return nil
}

func (d *Draft) changeHook(f *definition.Function, c FunctionChange) error {
	target, verb, _ := strings.Cut(f.Operation, ".")
	if c.ModelID != nil {
		t, err := d.Type(*c.ModelID)
		if err != nil {
			return err
		}
		target = t.Name
	}
	if c.Operation != nil {
		verb = strings.ToLower(*c.Operation)
	}
	f.Operation = target + "." + verb
	return nil
}

func changeHandler(f *definition.Function, c FunctionChange) error {
	handler := "AUTH0"
	if f.Webhook != nil {
		handler = "WEBHOOK"
	}
	set(&handler, c.Type)
	if handler == "WEBHOOK" {
		hook := definition.Webhook{}
		set(&hook, f.Webhook)
		set(&hook.URL, c.URL)
		hook.URL = strings.TrimSpace(hook.URL)
		if c.Headers != nil {
			before := hook.Headers
			hook.Headers = nil
			if err := json.Unmarshal([]byte(*c.Headers), &hook.Headers); err != nil && strings.TrimSpace(*c.Headers) != "" {
				return problem.New(problem.CodeFunctionHeaders, "The headers of the function '%s' must be a JSON object that maps names to strings", f.Name)
			}
			hook.Headers, _ = definition.KeepValues(hook.Headers, before)
		}
		f.Webhook, f.Code = &hook, nil
		return nil
	}
	code := definition.Code{}
	set(&code, f.Code)
	if c.Code != nil {
		code.Text, code.Bundle = *c.Code, nil
	}
	if code.Text == "" && code.Bundle == nil {
		return &problem.Error{Message: "The function '" + f.Name + "' has no code: give it as inlineCode."}
	}
	f.Webhook, f.Code = nil, &code
	return nil
}
