package dataplanetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"icehouse/dataplane"
	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodefunc"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/relational"
)

// BenchmarkResolver asks a query without and with a trivial resolver that runs in Node, in
// turns, and reports the median of each, and the first call's time, which starts a process.
func BenchmarkResolver(b *testing.B) {
	driver, err := nodefunc.Open(nodefunc.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	functions := function.Open(driver, nil)
	defer func() { _ = functions.Close() }()
	parsed, _ := datamodel.Parse(`type Post @model { id: ID! @isUnique title: String }`)
	p := DeployRelease(b, embedded(b), compiledschema.Release{
		Model: parsed.Model, Layout: relational.Build(parsed.Model, nil), Permissions: compiledschema.Permissions{Open: true},
		Resolvers: []compiledschema.ResolverSource{{Function: "hi", SDL: `type Hi { text: String } extend type Query { hi: Hi }`}},
		Functions: []compiledschema.Function{{Name: "hi", Kind: compiledschema.ResolverKind, Version: "v1"}},
	}, func(c *dataplane.Config) { c.Functions = functions })
	err = functions.Deploy(b.Context(), p.Scope, function.Code{Name: "hi", Version: "v1", Entry: "f.js", Bundle: func(context.Context) (function.Bundle, error) {
		return zipped("f.js", `module.exports = () => ({ data: { text: "hi" } })`), nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	ask := func(query string) time.Duration {
		began := time.Now()
		if status, body := p.Do(b, Request{Query: query}); status != 200 {
			b.Fatal(body)
		}
		return time.Since(began)
	}
	const plain, both = `{ allPosts { title } }`, `{ allPosts { title } hi { text } }`
	ask(plain)
	cold := ask(both)
	var without, with []time.Duration
	for b.Loop() {
		without, with = append(without, ask(plain)), append(with, ask(both))
	}
	slices.Sort(without)
	slices.Sort(with)
	median := func(all []time.Duration) float64 { return float64(all[len(all)/2].Microseconds()) / 1000 }
	b.ReportMetric(float64(cold.Microseconds())/1000, "cold-ms")
	b.ReportMetric(median(without), "plain-p50-ms")
	b.ReportMetric(median(with), "resolver-p50-ms")
	b.ReportMetric(float64(with[len(with)*99/100].Microseconds())/1000, "resolver-p99-ms")
}
