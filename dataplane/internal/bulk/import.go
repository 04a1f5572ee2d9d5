package bulk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
)

// Import stores the elements of a document (data-api §9.2) and returns the list
// of what was wrong with some of them; the others are stored. now is the time of
// nodes that name none.
//
// The error stands for the whole request, and nothing is stored then: fault.ErrNotJSON,
// or a *fault.Fault with 1001, 4012 or 4014. The context's error, and unexpected
// ones, end the work where it is: what was stored stays. from says how far it came;
// an import goes on there, also with the tables of a newer release.
func (p *Project) Import(ctx context.Context, body []byte, now time.Time, from *Progress) ([]byte, error) {
	doc, err := readDocument(body)
	if err != nil {
		return nil, err
	}
	if from.stored == nil {
		from.stored = map[int]bool{}
	}
	im := &importer{Project: p, known: p.knownIDs(), from: from}
	var into loader
	switch doc.valueType {
	case "nodes":
		into = &nodes{importer: im, now: now.UTC().Truncate(time.Millisecond), tables: make([]*nodeTable, len(p.model().Types))}
	case "lists":
		into = &lists{importer: im, appends: map[*datamodel.Field]dialect.Statement{}}
	default:
		into = &relations{importer: im, stores: map[*datamodel.Relation]*edgeStore{}}
	}
	if err := items(doc.values, func(_ int, element jsontext.Value) error { return into.check(element) }); err != nil {
		return nil, err
	}
	if err := im.load(ctx, doc.values, into); err != nil {
		return nil, err
	}
	slices.SortFunc(im.problems, func(a, b problem) int { return cmp.Compare(a.Index, b.Index) })
	return json.Marshal(im.problems)
}

// Progress is how far an import came. Its zero value is the beginning.
type Progress struct {
	done     int // elements that need not be looked at again
	problems []problem
	stored   map[int]bool // nodes behind done, by their places
	torn     bool         // something else behind done is stored
}

// Continues says that an import that failed can go on: it met the tables of a release
// that came meanwhile.
func (f *Progress) Continues(err error) bool { return !f.torn && OutOfDate(err) }

// OutOfDate says that tables are not those of the project's layout any more.
func OutOfDate(err error) bool {
	var e *database.Error
	return errors.As(err, &e) && e.Kind == database.OutOfDate
}

// loader imports the elements of one valueType.
type loader interface {
	// check returns what an element makes wrong with the whole request.
	check(element jsontext.Value) error
	// add takes an element into the batch. A *refusal is about the element alone.
	add(index int, element jsontext.Value) error
	// flush writes the batch, which is not empty, and starts a new one.
	flush(ctx context.Context) error
}

// importer is one import being done.
type importer struct {
	*Project
	known    dialect.Statement
	problems []problem
	from     *Progress
}

// write runs statements that store edges or values of lists.
func (im *importer) write(ctx context.Context, statements []database.Statement) error {
	_, err := im.batch(ctx, statements)
	im.from.torn = im.from.torn || err == nil
	return err
}

// problem is what was wrong with one element.
type problem struct {
	Index   int    `json:"index"`
	Message string `json:"message"`
}

func (im *importer) report(index int, message string) {
	im.problems = append(im.problems, problem{index, message})
}

// load makes batches of elements and writes them, from where an import was on.
func (im *importer) load(ctx context.Context, values jsontext.Value, into loader) error {
	from := im.from
	im.problems = append([]problem{}, from.problems...) // an answer is always a list
	rows, bytes := 0, 0
	flush := func(done int) error {
		rows, bytes = 0, 0
		if err := into.flush(ctx); err != nil {
			return err
		}
		from.done, from.problems, from.torn = done, slices.Clone(im.problems), false
		clear(from.stored)
		return nil
	}
	last := 0
	err := items(values, func(i int, element jsontext.Value) error {
		if i < from.done {
			return nil
		}
		last = i + 1
		err := into.add(i, element)
		var refused *refusal
		if errors.As(err, &refused) {
			im.report(i, refused.message)
			return ctx.Err()
		} else if err != nil {
			return err
		}
		rows, bytes = rows+1, bytes+len(element)
		if rows < batchRows && bytes < batchBytes {
			return nil
		}
		return flush(i + 1)
	})
	if err == nil && rows > 0 {
		err = flush(last)
	}
	return err
}

// halve writes n elements of a batch: all at once, or, when the database refuses
// that, half of them and the other half. do writes some of them and keeps nothing
// when it fails; report is told of each element that is refused alone.
func halve(n int, do func(from, to int) error, report func(at int, e *database.Error)) error {
	var part func(from, to int) error
	part = func(from, to int) error {
		err := do(from, to)
		var e *database.Error
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &e) || !ofElement(e.Kind):
			return err
		case to-from == 1:
			report(from, e)
			return nil
		}
		middle := (from + to) / 2
		if err := part(from, middle); err != nil {
			return err
		}
		return part(middle, to)
	}
	if n == 0 {
		return nil
	}
	return part(0, n)
}

// ofElement says that a failure is about what is written, so that something else
// may be written all the same.
func ofElement(k database.ErrorKind) bool {
	switch k {
	case database.UniqueViolation, database.MissingReference, database.MissingValue, database.ValueTooLong:
		return true
	default:
		return false
	}
}

// explain says why the database refused an element that writes to a table. fields
// names the table's columns.
func (im *importer) explain(e *database.Error, t *datamodel.Type, id string, fields map[*relational.Column]string) string {
	table := im.Layout.Table(t)
	switch e.Kind {
	case database.UniqueViolation:
		if e.Constraint == dialect.ConstraintName(table.ID, dialect.Unique) {
			return idTaken(id)
		}
		for c, name := range fields {
			if c.Unique && e.Constraint == dialect.ConstraintName(c, dialect.Unique) {
				return uniqueViolated(t, name)
			}
		}
		return "A unique constraint would be violated on " + t.Name + "."
	case database.ValueTooLong:
		for c, name := range fields {
			if c.Unique && e.Constraint == dialect.LengthName(table.Name, c.Name) {
				return "Value for field " + name + " is too long: it is unique, which only a shorter text can be."
			}
		}
		return "A value of a unique field is too long."
	case database.MissingReference:
		return "A node that the element names is not there any more."
	default:
		return "A value of a required field is missing."
	}
}

func uniqueViolated(t *datamodel.Type, field string) string {
	return "A unique constraint would be violated on " + t.Name + ". Details: Field name = " + field
}

func idTaken(id string) string { return "There is a node with the id '" + id + "' already." }

func noNode(t *datamodel.Type, id string) string {
	return "The type '" + t.Name + "' has no node with the id '" + id + "'."
}

// maxID is how many characters an id may have (data-api §9.2).
const maxID = 25

func checkID(id string) error {
	switch n := utf8.RuneCountInString(id); {
	case n == 0:
		return refuse("The id is empty.")
	case n > maxID:
		return refuse("The id '%s' has %d characters; %d are the most.", shown([]byte(id)), n, maxID)
	}
	for _, r := range id {
		if r == 0 {
			return refuse("The id contains the character U+0000.")
		}
	}
	return nil
}

// knownIDs is the statement that says which of some ids are of nodes of which
// type.
func (p *Project) knownIDs() dialect.Statement {
	q := &relational.Query{Args: []relational.ArgType{manyIDs}}
	for i, t := range p.model().Types {
		table := p.Layout.Table(t)
		q.Fields = append(q.Fields, relational.Field{Key: strconv.Itoa(i), Value: rowsOf(
			&relational.Select{Table: table, Where: relational.In{Column: table.ID, Arg: 1}}, column(idName, table.ID))})
	}
	return p.read(q)
}

// owners are the types of the nodes with some ids. Ids that are not there are of
// none.
type owners map[string]*datamodel.Type

func (o owners) has(of reference) bool { return o[of.id] == of.typ }

// owners asks whose some ids are. It runs the other reads on the way.
func (im *importer) owners(ctx context.Context, ids []string, others ...database.Statement) (owners, [][]byte, error) {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	results, err := im.batch(ctx, append([]database.Statement{{Statement: im.known, Args: []any{ids}}}, others...))
	if err != nil {
		return nil, nil, err
	}
	var found map[string][]struct{ ID string }
	if err := json.Unmarshal(results[0], &found); err != nil {
		return nil, nil, fault.Internal(err)
	}
	out := owners{}
	for i, t := range im.model().Types {
		for _, row := range found[strconv.Itoa(i)] {
			out[row.ID] = t
		}
	}
	return out, results[1:], nil
}
