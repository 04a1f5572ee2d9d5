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
// Where more is said about a page of a list than its rows, the rows are found once
// and everything is an aggregate over them; one row more than the page has shows
// that the list goes on:
//
//	SELECT {rows: s.a1, more: s.a2} FROM (
//	  SELECT <array of {id, title}> FILTER (WHERE number <= $1) AS a1, count(*) > $1 AS a2 FROM (
//	    SELECT t1.*, row_number() OVER () AS number FROM (
//	      SELECT t1."id", t1."title" FROM "Post" AS t1 WHERE ... ORDER BY ... LIMIT $1 + 1
//	    ) AS t1
//	  ) AS t1
//	) AS s
//
// The derived table carries the alias of the table inside it: an expression on
// the row reads the same on both sides of the cut.
package sqlgen
