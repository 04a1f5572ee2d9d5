package dataplanetest

import "testing"

func TestCases(t *testing.T) {
	for i, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) { RunCases(t, c, "testdata/cases", i == 0) })
	}
}
