package compiledschema

import (
	"encoding/json"
	"fmt"

	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// Release is what the data plane needs of one deployed definition: the control
// plane writes it with EncodeRelease when it publishes, every node reads it with
// DecodeRelease. The code of functions and its environment are no part of it.
type Release struct {
	Model     *datamodel.DataModel
	Layout    *relational.Layout
	Resolvers []ResolverSource
	Functions []Function
	Permissions
}

// ResolverSource is the schema file of one resolver function.
type ResolverSource struct {
	Function string `json:"function"`
	SDL      string `json:"sdl"`
}

type releaseWire struct {
	Model     json.RawMessage  `json:"model"`
	Layout    json.RawMessage  `json:"layout"`
	Resolvers []ResolverSource `json:"resolvers,omitempty"`
	Functions []Function       `json:"functions,omitempty"`
	Open      bool             `json:"open,omitempty"`
	Records   []Permission     `json:"permissions,omitempty"`
}

// EncodeRelease writes a release as JSON.
func EncodeRelease(r Release) ([]byte, error) {
	model, err := json.Marshal(r.Model)
	if err != nil {
		return nil, fmt.Errorf("encode model: %w", err)
	}
	layout, err := json.Marshal(r.Layout)
	if err != nil {
		return nil, fmt.Errorf("encode layout: %w", err)
	}
	return json.Marshal(releaseWire{Model: model, Layout: layout, Resolvers: r.Resolvers, Functions: r.Functions, Open: r.Open, Records: r.Records})
}

// DecodeRelease reads what EncodeRelease wrote.
func DecodeRelease(data []byte) (Release, error) {
	var w releaseWire
	if err := json.Unmarshal(data, &w); err != nil {
		return Release{}, fmt.Errorf("decode release: %w", err)
	}
	m := new(datamodel.DataModel)
	if err := json.Unmarshal(w.Model, m); err != nil {
		return Release{}, fmt.Errorf("decode release: %w", err)
	}
	l, err := relational.Load(m, w.Layout)
	if err != nil {
		return Release{}, fmt.Errorf("decode release: %w", err)
	}
	return Release{Model: m, Layout: l, Resolvers: w.Resolvers, Functions: w.Functions, Permissions: Permissions{w.Open, w.Records}}, nil
}

// Compile makes the schema that serves this release. The control plane calls it
// before it publishes, so that a release that can't be served is never
// published.
func (r Release) Compile() (*Schema, error) {
	in := Input{Model: r.Model, Layout: r.Layout, Functions: r.Functions, Permissions: r.Permissions}
	for _, source := range r.Resolvers {
		resolver, err := ParseResolver(source.Function, source.SDL)
		if err != nil {
			return nil, err
		}
		in.Resolvers = append(in.Resolvers, resolver)
	}
	return Compile(in)
}
