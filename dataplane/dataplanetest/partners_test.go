package dataplanetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

const partners = `
type A @model {
	id: ID! @isUnique
	one: B @relation(name: "One")
	same: A @relation(name: "Same")
	many: [C!]! @relation(name: "Many")
}
type B @model { id: ID! @isUnique  a: A @relation(name: "One")  must: D @relation(name: "Must") }
type C @model { id: ID! @isUnique  a: A @relation(name: "Many") }
type D @model { id: ID! @isUnique  b: B! @relation(name: "Must") }
`

// TestPartnersAtOnce lets many requests change the partners of few nodes: each is
// answered as if it had been alone, and no two nodes disagree about who is whose.
func TestPartnersAtOnce(t *testing.T) {
	for _, c := range contexts(t) {
		t.Run(c.Name, func(t *testing.T) {
			p := Deploy(t, c, partners)
			ids := map[string][]string{}
			for _, typ := range []string{"A", "B", "C"} {
				for range 4 {
					ids[typ] = append(ids[typ], p.create(t, typ))
				}
			}
			for _, ways := range [][]string{
				{`setSame(same1AId: "$A", same2AId: "$A") { same1A { id } }`},
				{`updateA(id: "$A", sameId: "$A") { id }`, `setSame(same1AId: "$A", same2AId: "$A") { same1A { id } }`},
				{`setOne(oneBId: "$B", aAId: "$A") { aA { id } }`},
				{`updateA(id: "$A", oneId: "$B") { id }`, `updateB(id: "$B", aId: "$A") { id }`, `createA(oneId: "$B") { id }`},
				{`updateA(id: "$A", manyIds: ["$C", "$C"]) { id }`, `updateC(id: "$C", aId: "$A") { id }`},
				{`createD(bId: "$B") { id }`, `updateB(id: "$B", aId: "$A") { id }`},
			} {
				p.atOnce(t, ids, ways)
			}
			_, answer := p.Do(t, Request{Query: `{ allAs { id one { a { id } } same { same { id } } } allBs { id a { one { id } } must { b { id } } } }`})
			type node struct {
				ID  string
				One *struct{ A *node }
				A   *struct{ One *node }
				// Same and Must lead back too.
				Same *struct{ Same *node }
				Must *struct{ B *node }
			}
			var state struct{ Data struct{ AllAs, AllBs []node } }
			if err := json.Unmarshal([]byte(answer), &state); err != nil {
				t.Fatal(err)
			}
			back := func(n node, field string, other *node) {
				if other == nil || other.ID != n.ID {
					t.Errorf("%s of %s does not lead back: %s", field, n.ID, answer)
				}
			}
			for _, n := range slices.Concat(state.Data.AllAs, state.Data.AllBs) {
				if n.One != nil {
					back(n, "one", n.One.A)
				}
				if n.A != nil {
					back(n, "a", n.A.One)
				}
				if n.Same != nil {
					back(n, "same", n.Same.Same)
				}
				if n.Must != nil {
					back(n, "must", n.Must.B)
				}
			}
			if len(state.Data.AllAs) < 4 || len(state.Data.AllBs) != 4 {
				t.Errorf("nodes are missing: %s", answer)
			}
		})
	}
}

func (p *Project) create(t *testing.T, typ string) string {
	_, answer := p.Do(t, Request{Query: fmt.Sprintf("mutation { create%s { id } }", typ)})
	_, rest, _ := strings.Cut(answer, `"id":"`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal(answer)
	}
	return id
}

// atOnce sends mutations with ids drawn for them, eight at a time. The only error
// is that a partner is required by the node that has it.
func (p *Project) atOnce(t *testing.T, ids map[string][]string, ways []string) {
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			draw := rand.New(rand.NewPCG(1, uint64(worker))) //nolint:gosec // no secret
			for range 25 {
				query := ways[draw.IntN(len(ways))]
				for _, typ := range []string{"A", "B", "C"} {
					for strings.Contains(query, "$"+typ) {
						query = strings.Replace(query, "$"+typ, ids[typ][draw.IntN(4)], 1)
					}
				}
				status, answer := p.Do(t, Request{Query: "mutation { " + query + " }"})
				if status != 200 || strings.Contains(answer, "errors") && !strings.Contains(answer, `"code":3032`) {
					t.Errorf("%s: %d %s", query, status, answer)
				}
			}
		})
	}
	all.Wait()
}
