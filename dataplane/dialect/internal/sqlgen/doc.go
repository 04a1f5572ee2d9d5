// Package sqlgen writes what is the same in every SQL engine: where rows come
// from, their order, cursors, conditions and the nesting of lists.
//
// In: a relational Query, Predicate or Change and an Engine, which knows how its
// product writes names, arguments and JSON. Out: SQL text. Callers: the dialect
// packages beside it, nobody else.
//
// A list becomes a correlated subquery whose rows are cut first and turned into
// JSON after that, so that nothing is computed for a row that does not appear:
//
//	SELECT <array of {id, title}> FROM (
//	  SELECT t1."id", t1."title" FROM "Post" AS t1 WHERE ... ORDER BY ... LIMIT ...
//	) AS t1
//
// Where more is said about a page of a list than its rows, they are put aside once
// and read from there; one row more than the page has shows that the list goes on:
//
//	WITH "page 1" AS MATERIALIZED (SELECT ... ORDER BY ... LIMIT $1 + 1)
//	SELECT {rows: (... FROM (SELECT * FROM "page 1" LIMIT $1) ...), more: (SELECT count(*) > $1 FROM "page 1")}
//
// The derived table carries the alias of the table inside it: an expression on
// the row reads the same on both sides of the cut.
package sqlgen
