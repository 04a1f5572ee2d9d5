// Package planner turns a valid operation into statements. Its one principle:
// whatever can be one SQL statement becomes one SQL statement.
//
//	operation.Prepared --Plan--> Plan{statements, how to make their arguments, shape of the answer}
//	Plan + a request's literals and variables --Binding--> arguments
//
// In: a Prepared's document and the shape of its variables; never the value of
// a scalar, so that a plan serves every request of that shape. Out: a Plan.
// Statements hold names of the layout, response keys and numbered arguments;
// nothing else of the client's text. Callers: the data plane's pipeline, which
// keeps plans, and the executor, which runs them.
package planner

import (
	"bytes"

	"github.com/vektah/gqlparser/v2/ast"

	"icehouse/dataplane/compiledschema"
	"icehouse/dataplane/datamodel"
	"icehouse/dataplane/dialect"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/relational"
	"icehouse/tenancy/meter"
)

// Plan is how one operation of one shape is answered. Exactly one of Read and
// Writes is used.
type Plan struct {
	Read   *Read
	Writes []*Write // the root fields of a mutation, in order
	Root   *Node    // the shape of data
	// Mark is the JSON string that stands for values which may not be read; "" when
	// none can.
	Mark string
	// Verdicts explain what permission records decided; nil unless asked for.
	Verdicts []Verdict
	// Requester is the check before the first write that the requester's node is
	// there; nil when nothing depends on it.
	Requester *Step
	// Calls are the nodes of a Read whose values resolver functions give.
	Calls []*Node
	// Deletes says that a mutation does nothing but delete nodes.
	Deletes bool
	// What is counted of each request that has this plan (platform §4.9).
	Features          meter.Feature
	PermissionQueries int
}

// Bytes is about how much memory the plan takes.
func (p *Plan) Bytes() uint32 {
	const node, param = 160, 200
	bytes := 256 + node*p.Root.count()
	step := func(s *Step) {
		if s != nil {
			bytes += 128 + len(s.Statement.SQL) + param*len(s.Params)
		}
	}
	if p.Read != nil {
		step(p.Read.Step)
		bytes += len(p.Read.Constant)
	}
	for _, w := range p.Writes {
		step(w.Choose)
		for _, sequence := range []*Sequence{w.Found, w.Missing} {
			if sequence != nil {
				for _, s := range sequence.Steps {
					step(s)
				}
			}
		}
	}
	return uint32(bytes) //nolint:gosec // bounded by operation.Limits
}

func (n *Node) count() (total int) {
	n.each(func(*Node) { total++ })
	return total
}

// each visits a node and all below it.
func (n *Node) each(visit func(*Node)) {
	visit(n)
	for _, child := range n.Children {
		child.each(visit)
	}
	for _, option := range n.Options {
		for _, child := range option {
			child.each(visit)
		}
	}
}

// Read answers a query operation.
type Read struct {
	// Step is the statement whose JSON is data. Without SQL, Constant is data.
	Step     *Step
	Constant []byte
	// Rewrite says that the JSON may not go to the client as it is. Neither may
	// JSON in which a key of Watch is null: that field is required.
	Rewrite bool
	Watch   []string
	Checks  []*PageCheck // of the whole answer
	// AsRequester says that the JSON ends with whether the requester's node is there,
	// see Present.
	AsRequester bool
}

// Present cuts off whether the requester's node is there. When it is not, the rest
// is not the answer.
func (r *Read) Present(data []byte) ([]byte, bool) {
	if !r.AsRequester {
		return data, true
	}
	rest, ok := bytes.CutSuffix(data, []byte(`,"":1}`))
	if !ok {
		return nil, false
	}
	data = data[:len(rest)+1]
	data[len(rest)] = '}'
	return data, true
}

// Write answers one root field of a mutation.
type Write struct {
	Node *Node // with a Call, which is all there is to do then
	// Choose decides between the two sequences (updateOrCreate): the sequence
	// Found when its JSON has a node, else Missing. Without it, Found runs.
	Choose         *Step
	Found, Missing *Sequence
	// Chosen is set where the functions of one of the sequences ran; nil else.
	Chosen *Hooked
}

// Sequence is the statements of one write, run in one transaction.
type Sequence struct {
	Steps []*Step
	// Payload are the steps whose JSON has the payload, in order. Several are
	// parts of one object, see JoinPayload.
	Payload []int
	Fault   *fault.Fault // known before anything runs
	Rewrite bool
	Watch   []string     // like Read's
	Checks  []*PageCheck // like Read's
	Mark    string       // like Plan's
	Node    *Node        // the shape of the payload
	// Permits are those of Steps that say whether the requester may do this at all
	// (data-api §6.7).
	Permits []*Step
	// Ahead is how many of Steps look at what is there, before the first that writes or
	// reads the payload.
	Ahead int
	// Hooks run behind those steps, and before the transaction.
	Hooks []*Hook
	// After runs when all is done; nil when none does.
	After *AfterHook
}

// JoinPayload makes the payload of the results of a sequence's steps: an object
// with the root field as its one key. Each part is such an object too, and has
// some of the payload's fields.
func (s *Sequence) JoinPayload(results [][]byte) []byte {
	out := results[s.Payload[0]]
	for _, part := range s.Payload[1:] {
		// {"key":{a} and ,b}}: the ends of the first part and the head of the
		// next are left out.
		more := results[part]
		head := bytes.IndexByte(more, ':') + 1
		head += bytes.IndexByte(more[head:], '{') + 1
		out = bytes.TrimSuffix(bytes.TrimRight(bytes.TrimSuffix(out, []byte("}")), " \n"), []byte("}"))
		out = append(append(out[:len(out):len(out)], ','), more[head:]...)
	}
	return out
}

// Step is one statement, how its arguments are made, and what its failures mean.
type Step struct {
	Statement dialect.Statement
	Params    []Param
	// OnCheck makes the fault of a failed Guard or Require. value is the id that
	// Require missed.
	OnCheck func(value string) *fault.Fault
	// OnNone makes the fault of a write that found no row to return.
	OnNone func(args []any) *fault.Fault
	// Deletes says that the step removes a node, so that a violated foreign key
	// means that another node requires it.
	Deletes bool
}

// Node is the shape of one value of the answer.
type Node struct {
	Key      string
	Field    int // position of the field in the text, see operation.Locate
	NonNull  bool
	List     bool
	Item     bool                          // items of List are non-null
	Children []*Node                       // of an object or of the objects of a list
	Fault    *fault.Fault                  // the value can't be had, whatever the data is
	Denied   *fault.Fault                  // the value can't be had where it is marked
	Check    *PageCheck                    // the value can't be had when this fails for the request
	Inspect  *ast.Field                    // the value is introspection: this field, with all that was selected under its key
	Call     *Call                         // the value is what a resolver function returns
	Returned *datamodel.Field              // the value is what an operationAfter function returned, if one did
	Value    *compiledschema.ResolverValue // of a child of a node with a Call; nil: __typename
	Options  [][]*Node                     // of an interface: the children by what the data is; see TypeKey
}

// Source says where a value comes from.
type Source struct {
	kind    sourceKind
	literal int              // position among the request's literals
	name    string           // variable
	path    []any            // keys and indexes inside the variable's value
	value   any              // constant
	number  int              // which of the ids that this request makes
	items   []Source         // list
	scalar  datamodel.Scalar // what a literal is read as, where its place in the text says; else Param's
	row     *rowValue
	event   eventPart
	edges   string // of an event: which; of a hook: the field
}

type sourceKind uint8

const (
	fromConstant sourceKind = iota
	fromLiteral
	fromVariable
	fromNewID
	fromClock
	fromItems
	fromRequester // the id of the node whose token was sent
	fromRow       // of the row that a condition is about; never bound
	fromEvent     // of the event that a subscription is told of
	fromHook      // of what a hook returned
)

// Param is how one argument is made.
type Param struct {
	Source Source
	Type   relational.ArgType
	conv   conversion
	scalar datamodel.Scalar // what a literal is read as
	field  *datamodel.Field // whose value it is; for messages
}

// conversion is what happens to a value on its way to an argument.
type conversion uint8

const (
	asIs      conversion = iota
	folded               // text for comparing
	prefixEnd            // the end of the range of texts with this prefix
	nodeID               // must be a well-formed id (3001)
	stored               // a field's value to be written: sizes, Json, lists, hashes
	pageSize             // first or last
	pageSkip             // skip
)
