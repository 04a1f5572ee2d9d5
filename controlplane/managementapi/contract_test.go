package managementapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// beyond are the elements that the contract does not have.
var beyond = map[string]string{
	"PushPayload.warnings: [String!]!":                                      "what does not stop a deploy and yet should be read",
	"AddProjectPayload.warnings: [String!]!":                                "the same for a project's first deploy",
	"PushPayload.exposure: Exposure":                                        "what anyone may do without a token",
	"AddProjectPayload.exposure: Exposure":                                  "the same for a project's first deploy",
	"type Exposure":                                                         "its type",
	"Exposure.now: [String!]!":                                              "its lines",
	"Exposure.added: [String!]!":                                            "its lines",
	"Exposure.removed: [String!]!":                                          "its lines",
	"PushPayload.steps: [MigrationStep!]!":                                  "what a dry run says about locks and rows",
	"type MigrationStep":                                                    "its type",
	"MigrationStep.description: String!":                                    "its text",
	"MigrationStep.lock: MigrationLock!":                                    "whom it keeps waiting",
	"MigrationStep.rows: Float!":                                            "how many rows it goes through",
	"enum MigrationLock":                                                    "its values",
	"MigrationLock.NONE":                                                    "likewise",
	"MigrationLock.MOMENT":                                                  "likewise",
	"MigrationLock.WRITES":                                                  "likewise",
	"MigrationLock.TABLE":                                                   "likewise",
	"TrustedUpdateProjectInput.requestLimitExceeded: Boolean":               "how the billing side sets its flags (platform §4.9)",
	"TrustedUpdateProjectInput.databaseLimitExceeded: Boolean":              "likewise",
	"TrustedUpdateProjectInput.invocationLimitExceeded: Boolean":            "likewise",
	"Project.requestLimitExceeded: Boolean!":                                "and what a project's members see of them",
	"Project.databaseLimitExceeded: Boolean!":                               "likewise",
	"Project.webhookSecret: String!":                                        "signs what webhooks are sent",
	"Project.deadEvents(after: ID, first: Int): [DeadEvent!]!":              "events that functions failed at (LQ-36)",
	"type DeadEvent":                                                        "its type",
	"DeadEvent.*":                                                           "likewise",
	"enum DeadEventMutation":                                                "likewise",
	"DeadEventMutation.*":                                                   "likewise",
	"Mutation.replayEvents(input: ReplayEventsInput!): ReplayEventsPayload": "tells functions of them again",
	"input ReplayEventsInput":                                               "its input",
	"ReplayEventsInput.*":                                                   "likewise",
	"type ReplayEventsPayload":                                              "its answer",
	"ReplayEventsPayload.*":                                                 "likewise",
	"Project.invocationLimitExceeded: Boolean!":                             "likewise",
	"CustomerSourceType.HOMEPAGE":                                           "stored values have it (LQ-28)",
	"scalar DateTime":                                                       "the contract names its form, not its declaration (platform §0.3)",
	"Query.viewer: Viewer!":                                                 "platform §4.6 lists the roots in its overview",
	"Query.node(id: ID!): Node":                                             "likewise",
	"type Query":                                                            "likewise",
	"ONBOARDING_STATUS_GETTING_STARTED.*":                                   "steps of a tutorial between the first and the last, a free choice (platform §15.3)",
	"type Mutation":                                                         "its fields are those of §15, by the rule at its head",
	"type PageInfo":                                                         "declared at the head of §15",
	"PageInfo.hasNextPage: Boolean!":                                        "likewise",
	"PageInfo.hasPreviousPage: Boolean!":                                    "likewise",
	"PageInfo.startCursor: String":                                          "likewise",
	"PageInfo.endCursor: String":                                            "likewise",
	"Mutation.requestPasswordReset(input: RequestPasswordResetInput!): RequestPasswordResetPayload": "accounts of people who host it themselves",
	"Mutation.signin(input: SigninInput!): SigninPayload":                                           "accounts of people who host it themselves",
	"Mutation.signout(input: SignoutInput!): SignoutPayload":                                        "accounts of people who host it themselves",
	"Mutation.signup(input: SignupInput!): SignupPayload":                                           "accounts of people who host it themselves",
	"Mutation.verifyEmail(input: VerifyEmailInput!): VerifyEmailPayload":                            "accounts of people who host it themselves",
	"RequestPasswordResetInput.*":                                                                   "accounts of people who host it themselves",
	"RequestPasswordResetPayload.*":                                                                 "accounts of people who host it themselves",
	"SigninInput.*":                                                                                 "accounts of people who host it themselves",
	"SigninPayload.*":                                                                               "accounts of people who host it themselves",
	"SignoutInput.*":                                                                                "accounts of people who host it themselves",
	"SignoutPayload.*":                                                                              "accounts of people who host it themselves",
	"SignupInput.*":                                                                                 "accounts of people who host it themselves",
	"SignupPayload.*":                                                                               "accounts of people who host it themselves",
	"VerifyEmailInput.*":                                                                            "accounts of people who host it themselves",
	"VerifyEmailPayload.*":                                                                          "accounts of people who host it themselves",
	"input RequestPasswordResetInput":                                                               "accounts of people who host it themselves",
	"input SigninInput":                                                                             "accounts of people who host it themselves",
	"input SignoutInput":                                                                            "accounts of people who host it themselves",
	"input SignupInput":                                                                             "accounts of people who host it themselves",
	"input VerifyEmailInput":                                                                        "accounts of people who host it themselves",
	"type RequestPasswordResetPayload":                                                              "accounts of people who host it themselves",
	"type SigninPayload":                                                                            "accounts of people who host it themselves",
	"type SignoutPayload":                                                                           "accounts of people who host it themselves",
	"type SignupPayload":                                                                            "accounts of people who host it themselves",
	"type VerifyEmailPayload":                                                                       "accounts of people who host it themselves",
	"CreatePlatformTokenInput.*":                                                                    "platform tokens that can be taken back",
	"CreatePlatformTokenPayload.*":                                                                  "platform tokens that can be taken back",
	"Customer.platformTokens: [PlatformToken!]!":                                                    "platform tokens that can be taken back",
	"DeletePlatformTokenInput.*":                                                                    "platform tokens that can be taken back",
	"DeletePlatformTokenPayload.*":                                                                  "platform tokens that can be taken back",
	"Mutation.createPlatformToken(input: CreatePlatformTokenInput!): CreatePlatformTokenPayload": "platform tokens that can be taken back",
	"Mutation.deletePlatformToken(input: DeletePlatformTokenInput!): DeletePlatformTokenPayload": "platform tokens that can be taken back",
	"PlatformToken.*":                 "platform tokens that can be taken back",
	"input CreatePlatformTokenInput":  "platform tokens that can be taken back",
	"input DeletePlatformTokenInput":  "platform tokens that can be taken back",
	"type CreatePlatformTokenPayload": "platform tokens that can be taken back",
	"type DeletePlatformTokenPayload": "platform tokens that can be taken back",
	"type PlatformToken":              "platform tokens that can be taken back",
	"AuditEntry.*":                    "who did what in a project, and with an account",
	"AuditEntryConnection.*":          "who did what in a project, and with an account",
	"AuditEntryEdge.*":                "who did what in a project, and with an account",
	"AuditResult.*":                   "who did what in a project, and with an account",
	"Customer.auditLog(after: String, before: String, first: Int, last: Int): AuditEntryConnection!": "who did what in a project, and with an account",
	"Project.auditLog(after: String, before: String, first: Int, last: Int): AuditEntryConnection!":  "who did what in a project, and with an account",
	"enum AuditResult":          "who did what in a project, and with an account",
	"type AuditEntry":           "who did what in a project, and with an account",
	"type AuditEntryConnection": "who did what in a project, and with an account",
	"type AuditEntryEdge":       "who did what in a project, and with an account",
}

// TestContract compares the schema with the contract's list of signatures, both
// ways. What is missing stands in testdata/open.txt, what is more in beyond.
func TestContract(t *testing.T) {
	api, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	have := signatures(t, api.SDL())
	want := contract(t)
	open := lines(t, "testdata/open.txt")
	for _, s := range slices.Sorted(maps.Keys(want)) {
		if !have[s] && !open[s] {
			t.Errorf("the contract has %q and the schema does not", s)
		}
	}
	for s := range open {
		if have[s] || !want[s] {
			t.Errorf("testdata/open.txt has %q, which is not missing", s)
		}
	}
	used := map[string]bool{}
	for _, s := range slices.Sorted(maps.Keys(have)) {
		if want[s] {
			continue
		}
		key := s
		if beyond[key] == "" {
			key = strings.SplitN(s, ".", 2)[0] + ".*"
		}
		if beyond[key] == "" {
			t.Errorf("the schema has %q and the contract does not", s)
		}
		used[key] = true
	}
	for s := range beyond {
		if !used[s] {
			t.Errorf("%q is said to go beyond the contract, and does not", s)
		}
	}
	t.Logf("%d signatures of the contract, %d of them open", len(want), len(open))
}

// TestContractNotices holds the comparison itself against schemas with a mistake.
func TestContractNotices(t *testing.T) {
	api, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	right := signatures(t, api.SDL())
	for from, to := range map[string]string{
		"  version: Int!\n":                            "  version: Int\n",
		"project(id: ID!)":                             "project(id: String!)",
		"type Project implements Node":                 "type Project",
		"edges: [ProjectEdge]\n":                       "edges: [ProjectEdge!]\n",
		"projectId: String!\n  version: Int!":          "projectId: ID!\n  version: Int!",
		"US_WEST_2":                                    "US_EAST_1",
		"input: PushInput!":                            "input: PushInput",
		"  warnings: [String!]!\n  exposure: Exposure": "  warnings: [String!]\n  exposure: Exposure",
	} {
		wrong := strings.Replace(api.SDL(), from, to, 1)
		if wrong == api.SDL() {
			t.Errorf("the schema has no %q", from)
			continue
		}
		if maps.Equal(signatures(t, wrong), right) {
			t.Errorf("nobody notices that %q became %q", from, to)
		}
	}
}

func lines(t *testing.T, file string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out[line] = true
		}
	}
	return out
}

// signatures are a schema's elements, one text each.
func signatures(t *testing.T, sdl string) map[string]bool {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: sdl})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, d := range schema.Types {
		if d.BuiltIn {
			continue
		}
		kind := map[ast.DefinitionKind]string{ast.Object: "type", ast.Interface: "interface", ast.InputObject: "input", ast.Enum: "enum", ast.Scalar: "scalar"}[d.Kind]
		out[kind+" "+d.Name] = true
		for _, i := range d.Interfaces {
			out[d.Name+" implements "+i] = true
		}
		for _, v := range d.EnumValues {
			out[d.Name+"."+v.Name] = true
		}
		for _, f := range d.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				out[d.Name+"."+f.Name+arguments(f)+": "+f.Type.String()] = true
			}
		}
	}
	return out
}

func arguments(f *ast.FieldDefinition) string {
	var list []string
	for _, a := range f.Arguments {
		list = append(list, a.Name+": "+a.Type.String())
	}
	slices.Sort(list)
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// contract reads testdata/contract.txt and applies the rules at the head of
// platform §15.
func contract(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("testdata/contract.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := &listing{all: map[string]bool{}}
	for line := range strings.Lines(string(text)) {
		head, tail, _ := strings.Cut(strings.TrimSpace(line), " = ")
		words := strings.Fields(head)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if err := c.line(words, tail); err != nil {
			t.Fatalf("%q: %s", line, err)
		}
	}
	return c.all
}

type listing struct{ all map[string]bool }

func (c *listing) add(format string, args ...any) { c.all[fmt.Sprintf(format, args...)] = true }

func (c *listing) line(words []string, tail string) error {
	switch words[0] {
	case "connections":
		for _, x := range words[1:] {
			edge := x + "Edge"
			c.add("type %sConnection", x)
			c.add("%sConnection.pageInfo: PageInfo!", x)
			c.add("%sConnection.edges: [%s]", x, edge)
			c.edge(edge, x)
		}
		c.edge("ClientEdge", "Customer")
	case "enum":
		c.add("enum %s", words[1])
		for _, v := range strings.Fields(tail) {
			c.add("%s.%s", words[1], v)
		}
	case "type", "interface":
		c.add("%s %s", words[0], words[1])
		for _, i := range words[2:] {
			if i != ":" {
				c.add("%s implements %s", words[1], strings.TrimSuffix(i, ","))
			}
		}
		return c.fields(words[1], tail)
	case "input":
		c.add("input %s", words[1])
		if !strings.HasSuffix(words[1], "Embed") && !strings.HasSuffix(words[1], "MetaInput") { // parts of inputs
			c.add("%s.clientMutationId: String", words[1])
		}
		return c.fields(words[1], tail)
	case "payload":
		c.payload(words[1])
		return c.fields(words[1], tail)
	default:
		return fmt.Errorf("unknown word %q", words[0])
	}
	return nil
}

func (c *listing) edge(name, node string) {
	c.add("type %s", name)
	c.add("%s.node: %s!", name, node)
	c.add("%s.cursor: String!", name)
}

// payload adds the type and the mutation that answers it.
func (c *listing) payload(name string) {
	c.add("type %s", name)
	c.add("%s.clientMutationId: String", name)
	stem := strings.TrimSuffix(name, "Payload")
	field := strings.ToLower(stem[:1]) + stem[1:]
	if crm, ok := strings.CutPrefix(stem, "UpdateCrm"); ok {
		c.add("Mutation.%s(input: Crm%sInput!): %s!", field, crm, name)
		return
	}
	c.add("Mutation.%s(input: %sInput!): %s", field, stem, name)
}

var fieldText = regexp.MustCompile(`^([a-zA-Z0-9]+)(?:\((.*)\))?: (\S+)$`)

func (c *listing) fields(owner, text string) error {
	for _, f := range splitOutside(text) {
		switch f {
		case "V":
			f = "viewer: Viewer!"
		case "P":
			f = "project: Project!"
		case "U":
			f = "user: Customer!"
		}
		m := fieldText.FindStringSubmatch(f)
		if m == nil {
			return fmt.Errorf("%q is no field", f)
		}
		name, args, typ := m[1], m[2], m[3]
		if args == "…" {
			args = "after: String, before: String, first: Int, last: Int"
		}
		if args != "" {
			sorted := strings.Split(args, ", ")
			slices.Sort(sorted)
			args = "(" + strings.Join(sorted, ", ") + ")"
		}
		c.add("%s.%s%s: %s", owner, name, args, typ)
	}
	return nil
}

// splitOutside splits at commas that stand outside of parentheses.
func splitOutside(text string) []string {
	var out []string
	depth, from := 0, 0
	for i, r := range text {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			out = append(out, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(text[from:]))
}

// TestIntrospectionIsTheSchema compares what the executor says of itself with the
// schema that documents are validated against.
func TestIntrospectionIsTheSchema(t *testing.T) {
	api, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	const question = `{ __schema { types { kind name interfaces { name } enumValues { name } inputFields { name type { ...T } } fields { name type { ...T } args { name type { ...T } } } } } }
		fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`
	status, body := api.run(t.Context(), request{id: "r", query: question})
	text, err := json.Marshal(body)
	if status != 200 || err != nil {
		t.Fatal(status, err)
	}
	type typeRef struct {
		Kind, Name string
		OfType     *typeRef
	}
	var name func(r *typeRef) string
	name = func(r *typeRef) string {
		switch r.Kind {
		case "NON_NULL":
			return name(r.OfType) + "!"
		case "LIST":
			return "[" + name(r.OfType) + "]"
		}
		return r.Name
	}
	type value struct {
		Name string
		Type typeRef
		Args []struct {
			Name string
			Type typeRef
		}
	}
	var answer struct {
		Data struct {
			Schema struct {
				Types []struct {
					Kind, Name             string
					Interfaces, EnumValues []struct{ Name string }
					InputFields, Fields    []value
				}
			} `json:"__schema"`
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, d := range answer.Data.Schema.Types {
		if strings.HasPrefix(d.Name, "__") || slices.Contains([]string{"ID", "String", "Int", "Float", "Boolean"}, d.Name) {
			continue
		}
		kind := map[string]string{"OBJECT": "type", "INTERFACE": "interface", "INPUT_OBJECT": "input", "ENUM": "enum", "SCALAR": "scalar"}[d.Kind]
		got[kind+" "+d.Name] = true
		for _, i := range d.Interfaces {
			got[d.Name+" implements "+i.Name] = true
		}
		for _, v := range d.EnumValues {
			got[d.Name+"."+v.Name] = true
		}
		for _, f := range append(d.InputFields, d.Fields...) {
			var args []string
			for _, a := range f.Args {
				args = append(args, a.Name+": "+name(&a.Type))
			}
			slices.Sort(args)
			list := ""
			if len(args) > 0 {
				list = "(" + strings.Join(args, ", ") + ")"
			}
			got[d.Name+"."+f.Name+list+": "+name(&f.Type)] = true
		}
	}
	if diff := cmp.Diff(signatures(t, api.SDL()), got); diff != "" {
		t.Errorf("(-schema +introspection):\n%s", diff)
	}
}
