// Package definition reads service definitions: the config string that a deploy
// uploads (platform §1.7), the YAML in it (§1.3) and the files that the YAML
// names.
//
//	config string --ParseConfig--> Config --Load--> Definition
//	Definition + DataModel --Check--> problems, warnings
//
// In: text from anyone. Out: a Definition with every text it refers to inside,
// or Problems that name file, line and column. Nothing outside the config is
// read. Callers: deployment (push, addProject) reads and checks; managementapi
// renders what is deployed (Render).
package definition

import (
	"encoding/json"
	"fmt"
)

// Definition is a whole service definition, resolved. Its JSON form is what a
// release keeps.
type Definition struct {
	Source      Source       `json:"source"`
	TypesPath   string       `json:"typesPath"`
	SDL         string       `json:"sdl"` // the data model's text, of all types files
	Functions   []Function   `json:"functions,omitempty"`
	Permissions []Permission `json:"permissions,omitempty"`
	RootTokens  []string     `json:"rootTokens,omitempty"`

	// What no text has and the console can say: descriptions, and ids of elements
	// that changed what their ids are made from. Keys are those of package elements.
	Descriptions map[string]string `json:"descriptions,omitempty"`
	IDs          map[string]string `json:"ids,omitempty"`
}

// Source is the definition as written, one module.
type Source struct {
	Content  string              `json:"content"` // the YAML
	Files    map[string]string   `json:"files"`
	External map[string]External `json:"externalFiles,omitempty"`
}

// External says where the bundle of a code file was uploaded (platform §2.12).
type External struct {
	URL           string `json:"url"`
	LambdaHandler string `json:"lambdaHandler"`
	DevHandler    string `json:"devHandler"`
	Hash          string `json:"hash,omitempty"`
}

// Encode writes the JSON form.
func (d *Definition) Encode() ([]byte, error) { return json.Marshal(d) }

// Decode reads what Encode wrote.
func Decode(data []byte) (*Definition, error) {
	d := &Definition{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("decode definition: %w", err)
	}
	return d, nil
}
