package managementapi

import "icehouse/controlplane/problem"

// edgeOf is one node with its cursor, which is its id.
func edgeOf(id string, node any) map[string]any { return map[string]any{"node": node, "cursor": id} }

// pageOf cuts a list as Relay's connection arguments say. Without limits it is the
// whole list. A cursor that is not in the list cuts nothing.
func pageOf[T any](all []T, id func(T) string, args map[string]any) (map[string]any, error) {
	from, to := 0, len(all)
	if after, ok := args["after"].(string); ok {
		for i := range all {
			if id(all[i]) == after {
				from = i + 1
			}
		}
	}
	if before, ok := args["before"].(string); ok {
		for i := range all {
			if id(all[i]) == before {
				to = i
			}
		}
	}
	from = min(from, to)
	next, previous := false, false
	if first, ok := args["first"].(int); ok {
		if first < 0 {
			return nil, problem.New(problem.CodeFirstNegative, "'first' must not be negative")
		}
		if to-from > first {
			to, next = from+first, true
		}
	}
	if last, ok := args["last"].(int); ok {
		if last < 0 {
			return nil, problem.New(problem.CodeLastNegative, "'last' must not be negative")
		}
		if to-from > last {
			from, previous = to-last, true
		}
	}
	edges := make([]map[string]any, 0, to-from)
	for _, node := range all[from:to] {
		edges = append(edges, edgeOf(id(node), node))
	}
	info := map[string]any{"hasNextPage": next, "hasPreviousPage": previous}
	if len(edges) > 0 {
		info["startCursor"], info["endCursor"] = edges[0]["cursor"], edges[len(edges)-1]["cursor"]
	}
	return map[string]any{"pageInfo": info, "edges": edges}, nil
}
