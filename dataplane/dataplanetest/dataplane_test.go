package dataplanetest

import (
	"testing"

	"icehouse/dataplane/compiledschema"
)

func TestCases(t *testing.T) {
	for i, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			RunCases(t, c, compiledschema.Simple, "testdata/cases", i == 0)
			t.Run("relay", func(t *testing.T) { RunCases(t, c, compiledschema.Relay, "testdata/relay", i == 0) })
			t.Run("permissions", func(t *testing.T) { RunCases(t, c, compiledschema.Simple, "testdata/permissions", i == 0) })
			t.Run("permissions of relay", func(t *testing.T) { RunCases(t, c, compiledschema.Relay, "testdata/permissions_relay", i == 0) })
		})
	}
}
