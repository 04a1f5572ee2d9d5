package lambdafunc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"icehouse/dataplane/connector/function"
	"icehouse/dataplane/connector/function/nodecode"
	"icehouse/tenancy/isolation"
)

// What Lambda takes.
const (
	runtime = types.RuntimeNodejs22x
	// direct is how many bytes of an archive go with the request.
	direct = 50 << 20
	// environmentSize is how many bytes variables have, with their names, as JSON.
	environmentSize = 4 << 10
)

// variable has all that icehouse-lambda.mjs must know. Lambda has its own rules for
// names, and reserves some that functions use: AWS_ACCESS_KEY_ID.
const variable = "ICEHOUSE_FUNCTION"

const (
	activeTime  = 2 * time.Minute // for a function to become callable
	firstLook   = 50 * time.Millisecond
	longestLook = 2 * time.Second
)

func (d *driver) Deploy(ctx context.Context, scope isolation.Scope, c function.Code) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.calls.Done()
	name := d.name(scope, function.Version{Name: c.Name, Version: c.Version})
	there, err := d.await(ctx, name)
	if there {
		d.inventory.add(d.of(scope), name)
	}
	if there || err != nil && !errors.Is(err, errFailed) { // it is made once more
		return err
	}
	in, err := d.function(scope, c, name)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "icehouse-code-")
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(file.Close(), os.Remove(file.Name())) }()
	if err := archive(ctx, c, entry(c), file); err != nil {
		return err
	}
	clean, err := d.attach(ctx, file, in)
	defer clean()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	_, err = d.lambda.CreateFunction(limited, in)
	if _, other := errors.AsType[*types.ResourceConflictException](err); err != nil && !other { // another process was faster
		return notCreated(c, err)
	}
	d.inventory.add(d.of(scope), name)
	there, err = d.await(ctx, name)
	if err == nil && !there {
		err = fmt.Errorf("AWS Lambda has no function %s, which was just created", name)
	}
	return err
}

// entry is the path of the module with slashes.
func entry(c function.Code) string { return strings.ReplaceAll(c.Entry, `\`, "/") }

// function is what Lambda is told of a version, without its code.
func (d *driver) function(scope isolation.Scope, c function.Code, name string) (*lambda.CreateFunctionInput, error) {
	if !filepath.IsLocal(filepath.FromSlash(entry(c))) {
		return nil, nodecode.Unusable("the entry %s is no file in the bundle", strconv.Quote(c.Entry))
	}
	what, err := json.Marshal(map[string]any{"entry": entry(c), "environment": c.Environment, "longest": function.MaxValue})
	if err != nil {
		return nil, err
	}
	variables := map[string]string{variable: string(what)}
	if size, err := json.Marshal(variables); err != nil || len(size) > environmentSize {
		return nil, &function.Error{Kind: function.TooLarge, Cause: err,
			Text: fmt.Sprintf("the environment of the function %s has %d bytes as AWS Lambda counts them, of at most %d", c.Name, len(size), environmentSize)}
	}
	return &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(strings.ReplaceAll(d.Role, "{project}", scope.Namespace())), Runtime: runtime, Handler: aws.String(handler), PackageType: types.PackageTypeZip,
		MemorySize: aws.Int32(int32(d.Memory >> 20)), Timeout: aws.Int32(int32(function.DefaultTimeout / time.Second)),
		Description: aws.String(fmt.Sprintf("%s of project %s, version %s", c.Name, scope.Namespace(), c.Version)),
		Environment: &types.Environment{Variables: variables},
		// One for all: those of versions would stay when the versions are gone.
		LoggingConfig: &types.LoggingConfig{LogGroup: aws.String("/aws/lambda/" + d.Prefix)},
		Tags: map[string]string{
			"icehouse:installation": d.Prefix, "icehouse:project": scope.Namespace(), "icehouse:function": c.Name, "icehouse:version": c.Version,
		},
	}, nil
}

// attach puts an archive into a request, or where Lambda finds it. clean takes it away again.
func (d *driver) attach(ctx context.Context, file *os.File, in *lambda.CreateFunctionInput) (clean func(), err error) {
	clean = func() {}
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return clean, err
	}
	in.Code = new(types.FunctionCode)
	if size <= direct {
		in.Code.ZipFile, err = io.ReadAll(file)
		return clean, err
	}
	if d.Bucket == "" {
		return clean, &function.Error{Kind: function.TooLarge, Text: fmt.Sprintf("the bundle has %d bytes; more than %d need a bucket, which this installation does not have", size, direct)}
	}
	key := *in.FunctionName + ".zip"
	limited, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	if _, err := d.s3.PutObject(limited, &s3.PutObjectInput{Bucket: &d.Bucket, Key: &key, Body: file}); err != nil {
		return clean, fmt.Errorf("put the code of a function into the bucket %s: %w", d.Bucket, err)
	}
	in.Code.S3Bucket, in.Code.S3Key = &d.Bucket, &key
	return func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlTime)
		defer cancel()
		_, _ = d.s3.DeleteObject(limited, &s3.DeleteObjectInput{Bucket: &d.Bucket, Key: &key}) // the bucket's rule takes what is left
	}, nil
}

// notCreated is the error of a function that Lambda did not take. What its owner can mend
// is in the message only.
func notCreated(c function.Code, err error) error {
	fail := func(kind function.Kind, text string) error {
		return &function.Error{Kind: kind, Text: text, Cause: err}
	}
	if _, ok := errors.AsType[*types.CodeStorageExceededException](err); ok {
		return fail(function.Unavailable, "this installation has no space left in AWS Lambda for the code of functions")
	}
	if e, ok := errors.AsType[*types.InvalidParameterValueException](err); ok {
		switch text := aws.ToString(e.Message); {
		case strings.Contains(text, "Unzipped size"):
			return fail(function.TooLarge, "the bundle of the function "+c.Name+" is too large for AWS Lambda: "+text)
		case strings.Contains(text, "unzip"):
			return fail(function.Crashed, "the bundle of the function "+c.Name+" can't be unpacked by AWS Lambda: "+text)
		}
	}
	return fmt.Errorf("create the function in AWS Lambda: %w", err)
}

var errFailed = errors.New("AWS Lambda could not make a function")

// await waits until a function is callable; false: there is none. One that Lambda could
// not make is taken away.
func (d *driver) await(ctx context.Context, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, activeTime)
	defer cancel()
	for pause := firstLook; ; pause = min(2*pause, longestLook) {
		out, err := d.look(ctx, name)
		switch _, none := errors.AsType[*types.ResourceNotFoundException](err); {
		case none:
			return false, nil
		case err != nil:
			return false, fmt.Errorf("ask AWS Lambda for a function: %w", err)
		case out.State == types.StateFailed:
			if err := d.forget(ctx, name); err != nil {
				return false, err
			}
			return false, fmt.Errorf("%w: %s: %s", errFailed, name, aws.ToString(out.StateReason))
		case out.State != types.StatePending: // Inactive ones wake up when they are called
			return true, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false, fmt.Errorf("AWS Lambda has not made the function %s: %w", name, ctx.Err())
		}
	}
}

func (d *driver) look(ctx context.Context, name string) (*lambda.GetFunctionConfigurationOutput, error) {
	limited, cancel := context.WithTimeout(ctx, controlTime)
	defer cancel()
	return d.lambda.GetFunctionConfiguration(limited, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
}

// forget deletes a function, unless that has been done.
func (d *driver) forget(ctx context.Context, name string) error {
	limited, cancel := context.WithTimeout(ctx, controlTime)
	defer cancel()
	_, err := d.lambda.DeleteFunction(limited, &lambda.DeleteFunctionInput{FunctionName: &name})
	if _, gone := errors.AsType[*types.ResourceNotFoundException](err); err != nil && !gone {
		return fmt.Errorf("delete a function in AWS Lambda: %w", err)
	}
	return nil
}

func (d *driver) Remove(ctx context.Context, scope isolation.Scope, keep []function.Version) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.calls.Done()
	kept := map[string]bool{}
	for _, v := range keep {
		kept[d.name(scope, v)] = true
	}
	names, err := d.inventory.of(ctx, d, d.of(scope), len(keep) == 0)
	if err != nil {
		return err
	}
	for _, name := range names {
		if kept[name] {
			continue
		}
		if err := d.forget(ctx, name); err != nil {
			return err
		}
		d.inventory.remove(d.of(scope), name)
	}
	return nil
}
