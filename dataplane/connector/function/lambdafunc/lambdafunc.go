// Package lambdafunc runs functions in AWS Lambda.
//
// In: bundles, which it hands to Lambda with a script that calls the function; events.
// Out: what the functions return and print. Callers: cmd opens it where processes of
// several roles, or several machines, share functions.
//
// Each version of each project's function is a function of Lambda of its own, whose name
// says whose it is. Nothing is kept here: what one process deploys all others invoke.
//
//	lambdafunc.go  opening, names, and a call    outcome.go   what came of a call
//	deploy.go      versions come and go          archive.go   the bundle for Lambda
//	inventory.go   which versions are there      icehouse-lambda.mjs  what Lambda calls
package lambdafunc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"icehouse/dataplane/connector/function"
	"icehouse/tenancy/isolation"
)

// Options say how functions run. Region, credentials and addresses come from where every
// client of AWS looks for them.
type Options struct {
	// Role is the ARN of what functions may do in AWS: write their logs. With {project} in
	// it, whose id stands there, each project has its own. Who only invokes needs none.
	Role string
	// Bucket is where archives of more than 50 MB are put until Lambda has them; "": they
	// are refused.
	Bucket string
	// Prefix begins the names of all functions of an installation; "": icehouse.
	Prefix string
	// Memory is how many bytes a function may have; 0: function.DefaultMemory.
	Memory int
}

const (
	// controlTime is what one call that changes or reads functions may take, and
	// uploadTime one that carries code.
	controlTime = 30 * time.Second
	uploadTime  = 5 * time.Minute
	// lateness is how much later than a function's time is up its answer, with the log,
	// may be here.
	lateness = 4 * time.Second
	// grace is how long Close waits for calls.
	grace = 5 * time.Second
	// attempts is how often such a call is made, when Lambda has too many of them or fails.
	attempts = 5
	// connections are kept to Lambda for the next calls.
	connections = 256
)

var prefixes = regexp.MustCompile(`^[a-z][a-z0-9-]{0,15}$`)

type driver struct {
	Options
	lambda *lambda.Client
	s3     *s3.Client
	ended  context.CancelFunc // ends all calls
	life   context.Context

	inventory inventory

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// Open prepares clients. AWS is asked when a function is needed.
func Open(ctx context.Context, o Options) (function.Driver, error) {
	if o.Prefix == "" {
		o.Prefix = "icehouse"
	}
	if !prefixes.MatchString(o.Prefix) {
		return nil, fmt.Errorf("the prefix %q of functions: want at most 16 lower-case letters, digits and hyphens, a letter first", o.Prefix)
	}
	if o.Memory == 0 {
		o.Memory = function.DefaultMemory
	}
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
	})
	c, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client), config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = attempts, 2*time.Second })
	}))
	if err != nil {
		return nil, fmt.Errorf("set up AWS Lambda: %w", err)
	}
	if c.Region == "" {
		return nil, errors.New("set up AWS Lambda: set AWS_REGION")
	}
	d := &driver{Options: o, lambda: lambda.NewFromConfig(c), s3: s3.NewFromConfig(c, func(o *s3.Options) {
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})}
	d.life, d.ended = context.WithCancel(context.Background())
	return d, nil
}

func (d *driver) Features() function.Features { return function.Features{Product: "lambda"} }

// name is what Lambda knows a version by: PREFIX-PROJECT-HASH, of at most 64 characters.
func (d *driver) name(scope isolation.Scope, v function.Version) string {
	sum := sha256.Sum256([]byte(v.Name + "/" + v.Version))
	return d.of(scope) + hex.EncodeToString(sum[:])[:hashed]
}

// hashed is how many characters of a hash are in a name.
const hashed = 20

// of begins the names of a project's functions.
func (d *driver) of(scope isolation.Scope) string { return d.Prefix + "-" + scope.Namespace() + "-" }

// again is for whom a call of a function may be made once more: for one that Lambda
// refused, or that never reached it. Of any other the function may have run.
var again = retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
	if _, throttled := errors.AsType[*types.TooManyRequestsException](err); throttled {
		return aws.TrueTernary
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return aws.TrueTernary
	}
	return aws.FalseTernary
})

func invoking(o *lambda.Options) {
	o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts, r.MaxBackoff = 4, 500*time.Millisecond
		r.Retryables = []retry.IsErrorRetryable{again}
		r.RateLimiter = ratelimit.None
	})
}

func (d *driver) Invoke(ctx context.Context, scope isolation.Scope, c function.Call) (function.Output, error) {
	if err := d.enter(); err != nil {
		return function.Output{}, err
	}
	defer d.calls.Done()
	limited, cancel := d.patient(ctx)
	defer cancel()
	name := d.name(scope, function.Version{Name: c.Name, Version: c.Version})
	out, err := d.lambda.Invoke(limited, &lambda.InvokeInput{
		FunctionName: &name, Payload: c.Event, InvocationType: types.InvocationTypeRequestResponse, LogType: types.LogTypeTail,
	}, invoking)
	switch {
	case err == nil:
		return d.outcome(out)
	case d.life.Err() != nil:
		return function.Output{}, closing()
	case ctx.Err() != nil:
		return function.Output{}, ctx.Err()
	default:
		return function.Output{}, refused(err)
	}
}

// patient is a context that goes on a little when a function's time is up: Lambda ends
// it, and says what it has logged.
func (d *driver) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	began := time.Now()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), function.DefaultTimeout+lateness)
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || time.Since(began) < function.DefaultTimeout-time.Second {
			cancel()
		}
	})
	stopToo := context.AfterFunc(d.life, cancel)
	return limited, func() { stop(); stopToo(); cancel() }
}

// enter counts a call, so that Close waits for it.
func (d *driver) enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return closing()
	}
	d.calls.Add(1)
	return nil
}

func closing() error {
	return &function.Error{Kind: function.Unavailable, Text: "the server that runs functions stops"}
}

// Close lets calls end for a while, then ends them. What runs in Lambda goes on.
func (d *driver) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	impatient := time.AfterFunc(grace, d.ended)
	defer impatient.Stop()
	d.calls.Wait()
	d.ended()
	return nil
}
