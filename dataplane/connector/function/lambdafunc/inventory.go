package lambdafunc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// age is for how long a listing is used. What another process deploys meanwhile is seen
// with the next one.
const age = time.Hour

// inventory is which functions this installation has in Lambda. Lambda can only list all
// functions of an account, 50 at a time, which each deploy would have to wait for.
type inventory struct {
	mu       sync.Mutex
	at       time.Time
	projects map[string]map[string]bool // the names, by what they begin with
}

// of is the names of a project's functions; anew, if whoever asks will not ask again.
func (i *inventory) of(ctx context.Context, d *driver, project string, anew bool) ([]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if anew || i.at.IsZero() || time.Since(i.at) > age {
		at := time.Now()
		projects, err := d.list(ctx)
		if err != nil {
			return nil, err
		}
		i.at, i.projects = at, projects
	}
	return slices.Sorted(maps.Keys(i.projects[project])), nil
}

func (i *inventory) add(project, name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.at.IsZero() {
		return
	}
	if i.projects[project] == nil {
		i.projects[project] = map[string]bool{}
	}
	i.projects[project][name] = true
}

func (i *inventory) remove(project, name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.projects[project], name)
	if len(i.projects[project]) == 0 {
		delete(i.projects, project)
	}
}

// list asks Lambda for all functions of the installation.
func (d *driver) list(ctx context.Context) (map[string]map[string]bool, error) {
	projects := map[string]map[string]bool{}
	pages := lambda.NewListFunctionsPaginator(d.lambda, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		limited, cancel := context.WithTimeout(ctx, controlTime)
		page, err := pages.NextPage(limited)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("list the functions in AWS Lambda: %w", err)
		}
		for _, f := range page.Functions {
			name := aws.ToString(f.FunctionName)
			rest, ours := strings.CutPrefix(name, d.Prefix+"-")
			project, hash, whole := strings.Cut(rest, "-")
			// Of an installation whose prefix begins with this one, more follows.
			if !ours || !whole || len(hash) != hashed || strings.Contains(hash, "-") {
				continue
			}
			project = d.Prefix + "-" + project + "-"
			if projects[project] == nil {
				projects[project] = map[string]bool{}
			}
			projects[project][name] = true
		}
	}
	return projects, nil
}
