package packagejson_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"icehouse/cmd/icehouse/internal/packagejson"
)

func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		ours, other string
		want        packagejson.Merged
		err         string
	}{
		"none here": {"", `{"dependencies": {"b": "1", "a": "2"}}`, packagejson.Merged{Text: []byte(`{"dependencies": {"b": "1", "a": "2"}}`), Added: []string{"a@2", "b@1"}}, ""},
		"new ones": {`{"name": "x", "dependencies": {"b": ">=1"}, "version": 1.50}`, `{"dependencies": {"a": "2", "b": ">=1"}}`,
			packagejson.Merged{Text: []byte("{\n  \"name\": \"x\",\n  \"dependencies\": {\n    \"a\": \"2\",\n    \"b\": \">=1\"\n  },\n  \"version\": 1.50\n}\n"), Added: []string{"a@2"}}, ""},
		"no dependencies yet": {"{}", `{"dependencies": {"a": "2"}}`, packagejson.Merged{Text: []byte("{\n  \"dependencies\": {\n    \"a\": \"2\"\n  }\n}\n"), Added: []string{"a@2"}}, ""},
		"another version":     {` { "dependencies":{"a":"1"}}`, `{"dependencies": {"a": "2"}}`, packagejson.Merged{Text: []byte(` { "dependencies":{"a":"1"}}`), Warnings: []string{"a 2 is wanted, and package.json has 1: it stays as it is"}}, ""},
		"nothing new":         {`{"dependencies": null}`, `{}`, packagejson.Merged{Text: []byte(`{"dependencies": null}`)}, ""},
		"not ours":            {`[]`, `{}`, packagejson.Merged{}, "package.json: want a JSON object"},
		"not theirs":          {`{}`, `{"dependencies": []}`, packagejson.Merged{}, "the new package.json: dependencies"},
	} {
		t.Run(name, func(t *testing.T) {
			var ours []byte
			if c.ours != "" {
				ours = []byte(c.ours)
			}
			got, err := packagejson.Merge(ours, []byte(c.other))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}
