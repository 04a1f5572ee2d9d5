package dialecttest_test

import (
	"os"
	"testing"

	"icehouse/dataplane/dialect/dialecttest"
	"icehouse/dataplane/relational"
	"icehouse/deploy/testbed"
)

func TestMain(m *testing.M) { os.Exit(testbed.Main(m)) }

func casesOf(l *relational.Layout) []dialecttest.Case { return dialecttest.Cases(l) }
