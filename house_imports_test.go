package icehouse_test

import (
	"path"
	"strings"
	"testing"
)

// doors are the packages of the data plane that other rooms may use.
var doors = []string{
	"dataplane/coercion", "dataplane/datamodel", "dataplane/relational", "dataplane/dialect", "dataplane/compiledschema",
	"dataplane/connector", "dataplane/event", "dataplane/outbox",
}

// rule says what the packages of a folder may import of the house, beside the
// folder itself. The rule of the innermost folder counts.
type rule struct {
	folder  string
	may     []string
	because string
}

var rules = []rule{
	{"tenancy", nil, "the foundation imports no room: every room stands on it"},

	{"dataplane/coercion", nil, "values are turned into their scalar's form before anything else is known"},
	{"dataplane/datamodel", []string{"dataplane/coercion", "tenancy"}, "the data model is pure: a text in, types out"},
	{"dataplane/relational", []string{"dataplane/datamodel", "tenancy"}, "tables follow from the model and know no engine"},
	{"dataplane/dialect", []string{"dataplane/relational", "dataplane/datamodel", "tenancy"}, "a dialect renders what relational says; it reaches no database"},
	{"dataplane/connector", []string{"dataplane/dialect", "dataplane/relational", "dataplane/datamodel", "tenancy"}, "a socket runs statements for a tenant; it knows neither requests nor deploys"},
	{"dataplane/invalidation", []string{"dataplane/connector/queue", "tenancy"}, "what changed is told by id; whoever hears it looks for themselves"},
	{"dataplane/event", []string{"dataplane/connector", "tenancy"}, "an envelope knows what is in it and what carries it"},
	{"dataplane/outbox", []string{"dataplane/event", "dataplane/connector", "tenancy"}, "a relay brings from one connector to another what it need not understand"},
	{"dataplane/compiledschema", []string{"dataplane/coercion", "dataplane/datamodel", "dataplane/relational", "tenancy"}, "the same compiled schema is checked at deploy and served: it knows no request"},

	// The stages of a request. Each may use what stands above it.
	{"dataplane/internal/fault", nil, "every stage may fail"},
	{"dataplane/internal/operation", []string{"dataplane/internal/fault", "dataplane/coercion", "dataplane/compiledschema", "dataplane/datamodel", "tenancy"}, "an operation is understood before it is planned"},
	{"dataplane/internal/planner", append([]string{"dataplane/internal/fault", "dataplane/internal/operation", "tenancy"}, doors...), "a plan is made of an operation and runs nothing"},
	{"dataplane/internal/response", append([]string{"dataplane/internal/fault", "dataplane/internal/operation", "dataplane/internal/planner", "tenancy"}, doors...), "an answer is shaped by its plan"},
	{"dataplane/internal/executor", append([]string{"dataplane/internal/fault", "dataplane/internal/operation", "dataplane/internal/planner", "dataplane/internal/response", "tenancy"}, doors...), "the executor runs plans and makes none"},
	{"dataplane/internal/bulk", append([]string{"dataplane/internal/fault", "tenancy"}, doors...), "bulk data passes by operations and plans"},
	{"dataplane/internal/eventquery", append([]string{"dataplane/internal/fault", "dataplane/internal/operation", "dataplane/internal/planner", "dataplane/internal/response",
		"dataplane/internal/executor", "tenancy"}, doors...), "an event is answered by the stages of a request, whoever is told"},
	{"dataplane/internal/eventhandler", append([]string{"dataplane/internal/fault", "dataplane/internal/operation", "dataplane/internal/planner", "dataplane/internal/eventquery", "dataplane/internal/executor", "dataplane/internal/functionhook", "tenancy"}, doors...),
		"a function is told what a query answers, and called as for a request"},
	{"dataplane/internal/eventgateway", append([]string{"dataplane/internal/fault", "dataplane/internal/operation", "dataplane/internal/planner", "dataplane/internal/response",
		"dataplane/internal/executor", "dataplane/internal/eventquery", "dataplane/internal/subscription", "tenancy"}, doors...), "an event is answered by the stages of a request, and told in no protocol's words"},
	{"dataplane/internal", append([]string{"tenancy"}, doors...), "a new stage says in this table which stages stand above it"},
	{"dataplane/internal/transport", []string{"dataplane/internal/fault", "dataplane/internal/operation", "dataplane/internal/response", "dataplane/coercion", "tenancy"}, "transport speaks HTTP; it sees the work only through what it asks for, with values as coercion reads them, and what it gets"},
	{"dataplane/internal/subscription", []string{"dataplane/coercion", "tenancy"}, "the protocols of subscriptions see the events only through what they ask for, with values as coercion reads them"},
	{"dataplane", append([]string{"dataplane/internal", "tenancy"}, doors...), "the data plane does not know who manages it"},

	{"controlplane/store/postgresstore", []string{"controlplane/store", "dataplane/connector/database/postgresurl", "migrations", "tenancy"}, "a server is reached in the same way whatever it keeps"},
	{"controlplane/store", []string{"migrations", "tenancy"}, "stores keep what they are given; they don't know what it means"},
	{"controlplane", append([]string{"migrations", "tenancy"}, doors...), "the control plane uses the data plane's open doors only; the two are wired in cmd"},
	{"billing", []string{"tenancy"}, "billing meets the others only in cmd and on the queue"},
	{"migrations", nil, "files only"},
	{"web", nil, "files only"},
	{"deploy", nil, "what starts services for tests knows none of our code"},

	{"cmd/icehouse/internal/config", nil, "configuration is read before anything exists that it could be for"},
	{"cmd/icehouse/internal/rungroup", nil, "starting and stopping is the same for everything"},
	{"cmd", []string{"cmd", "controlplane", "dataplane", "billing", "tenancy", "migrations", "web"}, "the roof may see every room"},
}

func ruleFor(folder string) *rule {
	var best *rule
	for i := range rules {
		if r := &rules[i]; within(folder, r.folder) && (best == nil || len(r.folder) > len(best.folder)) {
			best = r
		}
	}
	return best
}

func TestWhoMayImportWhom(t *testing.T) {
	files, _ := house(t)
	for _, f := range files {
		for _, name := range f.imports() {
			imported, ours := strings.CutPrefix(name, module+"/")
			if !ours {
				continue
			}
			if within(imported, "cmd") && !within(f.pkg, "cmd") {
				t.Errorf("%s imports %s: the roof is imported by nobody", f.path, name)
				continue
			}
			if f.test {
				continue // tests may stand on the products that they run against
			}
			r := ruleFor(f.pkg)
			if r == nil {
				t.Errorf("%s: no rule says what %s may import", f.path, f.pkg)
			} else if !within(imported, r.folder) && !withinAny(imported, r.may) {
				t.Errorf("%s imports %s: %s", f.path, name, r.because)
			}
		}
	}
}

// products are packages that only their owners may know; cmd chooses among
// them. sqlstore is the common part of two of them, and no more to be seen.
var products = map[string][]string{
	"dataplane/dialect/postgres":               {"dataplane/connector/database/postgresdb"},
	"dataplane/dialect/sqlite":                 {"dataplane/connector/database/sqlitedb"},
	"dataplane/connector/database/postgresdb":  nil,
	"dataplane/connector/database/postgresurl": {"dataplane/connector/database/postgresdb", "controlplane/store/postgresstore"},
	"dataplane/connector/database/sqlitedb":    nil,
	"dataplane/connector/function/lambdafunc":  nil,
	"dataplane/connector/function/nodecode":    {"dataplane/connector/function/lambdafunc", "dataplane/connector/function/nodefunc"},
	"dataplane/connector/function/nodefunc":    nil,
	"dataplane/connector/queue/memqueue":       nil,
	"dataplane/connector/queue/rabbitqueue":    nil,
	"tenancy/secret/keyfile":                   nil,
	"tenancy/secret/kmskeys":                   nil,
	"controlplane/store/postgresstore":         nil,
	"controlplane/store/sqlitestore":           nil,
	"controlplane/store/sqlstore":              {"controlplane/store/postgresstore", "controlplane/store/sqlitestore"},
}

func TestProductsAreChosenInCmd(t *testing.T) {
	files, _ := house(t)
	for _, f := range files {
		for _, name := range f.imports() {
			product, ours := strings.CutPrefix(name, module+"/")
			if !ours || f.test || within(f.pkg, "cmd") {
				continue
			}
			for folder, users := range products {
				if within(product, folder) && !within(f.pkg, folder) && !withinAny(f.pkg, users) {
					t.Errorf("%s imports %s: products are exchangeable, so only cmd knows which one it is", f.path, name)
				}
			}
		}
	}
}

// libraries are those that would leak a choice if they were used everywhere.
var libraries = []rule{
	{"github.com/jackc/pgx/v5", []string{"dataplane/connector/database/postgresdb", "dataplane/connector/database/postgresurl", "controlplane/store/postgresstore", "deploy/testbed", "deploy/bench"}, "one engine's driver stays behind its socket"},
	{"github.com/aws/aws-sdk-go-v2", []string{"dataplane/connector", "tenancy/secret/kmskeys"}, "a cloud's client stays behind a socket"},
	{"github.com/rabbitmq/amqp091-go", []string{"dataplane/connector/queue/rabbitqueue"}, "one broker's client stays behind its socket"},
	{"modernc.org/sqlite", []string{"dataplane/connector/database/sqlitedb", "controlplane/store/sqlitestore"}, "one engine's driver stays behind its socket"},
	{"github.com/golang-migrate/migrate/v4", []string{"controlplane/store", "migrations"}, "it changes platform tables only; the tables of projects are computed"},
	{"github.com/graphql-go/graphql", []string{"controlplane/managementapi"}, "project APIs run without a library's executor"},
	{"github.com/vektah/gqlparser/v2", []string{"dataplane", "controlplane", "cmd/icehouse/internal", "deploy/testbed"}, "GraphQL is read in the planes"},
	{"github.com/evanw/esbuild", []string{"cmd/icehouse/internal/bundle"}, "code is bundled in one place, before it is sent"},
	{"github.com/alecthomas/kong", []string{"cmd/icehouse/internal/cli"}, "only the command line parses arguments"},
	{"github.com/goccy/go-yaml", []string{"cmd/icehouse/internal/yamldoc", "controlplane/definition", "deploy/testbed"}, "YAML is read at the two ends of a deploy"},
	{"github.com/gorilla/websocket", []string{"dataplane/internal/subscription", "deploy/bench"}, "a connection of a client is held where its protocol is spoken"},
	{"github.com/golang-jwt/jwt/v5", []string{"tenancy/token"}, "tokens are made and read in one place"},
}

func TestLibrariesStayInTheirPlace(t *testing.T) {
	files, _ := house(t)
	for _, f := range files {
		if f.test {
			continue
		}
		for _, name := range f.imports() {
			for _, library := range libraries {
				if within(name, library.folder) && !withinAny(f.pkg, library.may) {
					t.Errorf("%s imports %s: %s", f.path, name, library.because)
				}
			}
			if first, _, _ := strings.Cut(name, "/"); f.pkg == "tenancy" && strings.Contains(first, ".") {
				t.Errorf("%s imports %s: the words of tenancy need the standard library only", f.path, name)
			}
		}
	}
}

func TestRulesGiveReasons(t *testing.T) {
	for i, r := range rules {
		for _, other := range rules[:i] {
			if r.folder == other.folder {
				t.Errorf("two rules for %s", r.folder)
			}
		}
		if r.because == "" || path.Clean(r.folder) != r.folder {
			t.Errorf("%s: a rule has a clean folder and a reason", r.folder)
		}
	}
}
