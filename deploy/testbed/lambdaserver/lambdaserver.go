//go:build unix

// Package lambdaserver is AWS Lambda for tests: its API, and functions that really run, in
// Node on this machine.
//
// In: requests of an AWS client, with the code of functions as zip archives. Out: the
// answers of Lambda; a bucket of S3 that holds larger archives. Callers: tests of what
// deploys to Lambda.
//
// It has CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions (50 on a
// page), Invoke (RequestResponse) and DeleteFunction, with their errors; of S3 PutObject
// and DeleteObject. A function is Pending for a while, then Active, or Failed if a test
// wants that. It has sandboxes: processes of one call at a time that are kept for the next
// call, with a temporary folder and a limit of memory and time. They ask for calls at
// the Runtime API, as runtime.mjs does, which imitates AWS's own client for Node. What they say comes
// back as the log's tail, between START, END and REPORT.
//
// Not as in AWS:
//   - The other calls: versions and aliases, updates of code and configuration, URLs,
//     layers, event sources, asynchronous and streamed invocations.
//   - Signatures are not verified: a request must have one, of the right service.
//   - A call ends when its client goes. In AWS it runs to its end.
//   - A sandbox that is frozen between calls is a group of stopped processes; the clock and
//     the network go on.
//   - What a module does while it is loaded belongs to the first call: it has no 10 seconds
//     of its own, and is not tried a second time when it fails.
//   - A sandbox is a process of the test's user: it may read and write what that user may.
//   - The version of Node is that of this machine. Roles, VPCs, KMS, X-Ray and CloudWatch
//     are not there; a deleted function is gone at once.
//
// Its parts:
//
//	lambdaserver.go  functions and their API     sandbox.go  a process and its calls
//	archive.go       an archive becomes files    output.go   what a process says
//	runtime.mjs      what a process runs
package lambdaserver

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What Lambda allows.
const (
	maxPayload     = 6291456
	maxResponse    = 6291556
	maxDirect      = 50 << 20 // bytes of an archive in the request
	maxUnzipped    = 262144000
	maxEnvironment = 4096
	pageSize       = 50
	warm           = 8 // sandboxes that wait for calls
	together       = 4 // sandboxes that start at the same time
)

// Settings are what a test changes of a Server.
type Settings struct {
	// Pending is for how long a function is Pending.
	Pending time.Duration
	// Fails lets functions end as Failed.
	Fails bool
	// Throttled is how many of the next invocations are refused.
	Throttled int
	// Broken is how many of the next requests are answered with status 500.
	Broken int
	// Lost is how many of the next invocations run without an answer.
	Lost int
}

// Server is a region of an account.
type Server struct {
	t    testing.TB
	http *httptest.Server
	dir  string
	node string

	mu        sync.Mutex
	settings  Settings
	functions map[string]*lambda
	objects   map[string][]byte // of buckets
	waiting   map[string]*sandbox
	idle      []*sandbox // the oldest first
	calls     map[string]int
	running   sync.WaitGroup
	closed    bool
	starting  int
	changed   *sync.Cond // a sandbox waits, or has started
}

// lambda is a function.
type lambda struct {
	configuration
	tags    map[string]string
	active  time.Time
	folder  string
	users   int // sandboxes
	deleted bool
}

type configuration struct {
	FunctionName, FunctionArn, Runtime, Role, Handler, Description string
	MemorySize, Timeout                                            int
	CodeSize                                                       int
	CodeSha256                                                     string
	LastModified, Version, PackageType                             string
	State, StateReason, StateReasonCode                            string `json:",omitempty"`
	LastUpdateStatus                                               string
	Environment                                                    *environment    `json:",omitempty"`
	LoggingConfig                                                  json.RawMessage `json:",omitempty"`
}

type environment struct{ Variables map[string]string }

// Role is one that functions may have; others begin with it and a hyphen.
const Role = "arn:aws:iam::111122223333:role/functions"

// Bucket is there.
const Bucket = "bundles"

const region = "eu-west-1"

// Start starts a server.
func Start(t testing.TB) *Server {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("functions need Node.js: %v", err)
	}
	s := &Server{t: t, node: node, dir: t.TempDir(), settings: Settings{Pending: 100 * time.Millisecond},
		functions: map[string]*lambda{}, objects: map[string][]byte{}, waiting: map[string]*sandbox{}, calls: map[string]int{}}
	s.changed = sync.NewCond(&s.mu)
	if err := os.WriteFile(filepath.Join(s.dir, "runtime.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	const functions = "/2015-03-31/functions"
	mux.HandleFunc("POST "+functions, s.action("CreateFunction", s.create))
	mux.HandleFunc("GET "+functions+"/{$}", s.action("ListFunctions", s.list))
	mux.HandleFunc("GET "+functions, s.action("ListFunctions", s.list))
	mux.HandleFunc("GET "+functions+"/{name}", s.action("GetFunction", s.get))
	mux.HandleFunc("GET "+functions+"/{name}/configuration", s.action("GetFunctionConfiguration", s.getConfiguration))
	mux.HandleFunc("DELETE "+functions+"/{name}", s.action("DeleteFunction", s.delete))
	mux.HandleFunc("POST "+functions+"/{name}/invocations", s.action("Invoke", s.invoke))
	mux.HandleFunc("PUT /{bucket}/{key...}", s.put)
	mux.HandleFunc("DELETE /{bucket}/{key...}", s.remove)
	mux.HandleFunc("GET /{sandbox}/2018-06-01/runtime/invocation/next", s.next)
	mux.HandleFunc("POST /{sandbox}/2018-06-01/runtime/invocation/{id}/{how}", s.done)
	mux.HandleFunc("POST /{sandbox}/2018-06-01/runtime/init/error", s.done)
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.close)
	return s
}

// Environment are the variables that lead an AWS client to the server.
func (s *Server) Environment() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": s.http.URL, "AWS_REGION": region, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key",
		"AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	}
}

// Lead leads the AWS clients of this process to the server.
func (s *Server) Lead() {
	s.t.Helper()
	for name, value := range s.Environment() {
		s.t.Setenv(name, value)
	}
}

// Change changes settings.
func (s *Server) Change(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}

// Names are those of all functions.
func (s *Server) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.functions))
}

// Roles are those that functions have.
func (s *Server) Roles() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		out = append(out, s.functions[name].Role)
	}
	return out
}

// Objects are the keys in all buckets.
func (s *Server) Objects() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// Calls is how often an action was asked for.
func (s *Server) Calls(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[action]
}

// Add adds functions that nobody deployed here.
func (s *Server) Add(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		s.functions[name] = &lambda{configuration: configuration{FunctionName: name, FunctionArn: arn(name), Version: "$LATEST"}}
	}
}

func (s *Server) close() {
	s.mu.Lock()
	s.closed = true
	var all []*sandbox
	for _, b := range s.waiting {
		all = append(all, b)
	}
	s.mu.Unlock()
	for _, b := range all {
		b.kill()
	}
	s.running.Wait()
	s.http.CloseClientConnections()
	s.http.Close()
}

// failure is an error of the API.
type failure struct {
	status  int
	kind    string
	message string
}

func fail(status int, kind, message string, args ...any) *failure {
	return &failure{status, kind, fmt.Sprintf(message, args...)}
}

func (s *Server) action(name string, do func(http.ResponseWriter, *http.Request) *failure) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls[name]++
		broken := s.settings.Broken > 0
		if broken {
			s.settings.Broken--
		}
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Requestid", requestID())
		var f *failure
		switch authorization := r.Header.Get("Authorization"); {
		case !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=") || !strings.Contains(authorization, "/"+region+"/lambda/aws4_request"):
			f = fail(http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
		case broken:
			f = fail(http.StatusInternalServerError, "ServiceException", "The service encountered an internal error.")
		default:
			f = do(w, r)
		}
		if f == nil {
			return
		}
		w.Header().Set("X-Amzn-Errortype", f.kind)
		w.WriteHeader(f.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "Message": f.message, "message": f.message})
	}
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func arn(name string) string { return "arn:aws:lambda:" + region + ":111122223333:function:" + name }

func notFound(name string) *failure {
	return fail(http.StatusNotFound, "ResourceNotFoundException", "Function not found: %s", arn(name))
}

func invalid(message string, args ...any) *failure {
	return fail(http.StatusBadRequest, "InvalidParameterValueException", message, args...)
}

var (
	namePattern     = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	variablePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
	handlerPattern  = regexp.MustCompile(`^[^\s]{1,128}$`)
)

var reserved = []string{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
	"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}

type createRequest struct {
	configuration
	Code struct {
		ZipFile         []byte
		S3Bucket, S3Key string
	}
	Tags map[string]string
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) *failure {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 70167211))
	var in createRequest
	if err != nil {
		return fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Request must be smaller than 70167211 bytes for the CreateFunction operation")
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return fail(http.StatusBadRequest, "InvalidRequestContentException", "%v", err)
	}
	if f := check(&in); f != nil {
		return f
	}
	code := in.Code.ZipFile
	if code == nil {
		s.mu.Lock()
		object, ok := s.objects[in.Code.S3Bucket+"/"+in.Code.S3Key]
		s.mu.Unlock()
		if !ok {
			return invalid("Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")
		}
		code = object
	}
	folder, err := os.MkdirTemp(s.dir, "function-")
	if err != nil {
		return fail(http.StatusInternalServerError, "ServiceException", "%v", err)
	}
	if f := unzip(code, folder); f != nil {
		_ = os.RemoveAll(folder)
		return f
	}
	sum := sha256.Sum256(code)
	f := &lambda{configuration: in.configuration, tags: in.Tags, folder: folder}
	f.FunctionArn, f.Version, f.PackageType, f.CodeSize = arn(f.FunctionName), "$LATEST", "Zip", len(code)
	f.CodeSha256, f.LastModified, f.LastUpdateStatus = base64.StdEncoding.EncodeToString(sum[:]), time.Now().UTC().Format("2006-01-02T15:04:05.000-0700"), "Successful"
	s.mu.Lock()
	if s.functions[f.FunctionName] != nil {
		s.mu.Unlock()
		_ = os.RemoveAll(folder)
		return fail(http.StatusConflict, "ResourceConflictException", "Function already exist: %s", f.FunctionName)
	}
	f.active = time.Now().Add(s.settings.Pending)
	if s.settings.Fails {
		f.StateReasonCode = "InternalError"
	}
	s.functions[f.FunctionName] = f
	shown := f.now()
	s.mu.Unlock()
	return answer(w, http.StatusCreated, shown)
}

// check looks at what Lambda looks at.
func check(in *createRequest) *failure {
	switch {
	case !namePattern.MatchString(in.FunctionName):
		return fail(http.StatusBadRequest, "ValidationException", "1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint", in.FunctionName)
	case !handlerPattern.MatchString(in.Handler):
		return fail(http.StatusBadRequest, "ValidationException", "1 validation error detected: Value '%s' at 'handler' failed to satisfy constraint", in.Handler)
	case in.Role != Role && !strings.HasPrefix(in.Role, Role+"-"):
		return invalid("The role defined for the function cannot be assumed by Lambda.")
	case in.MemorySize < 128 || in.MemorySize > 10240 || in.Timeout < 1 || in.Timeout > 900 || len(in.Description) > 256 || len(in.Tags) > 50:
		return fail(http.StatusBadRequest, "ValidationException", "1 validation error detected: a value is out of its bounds")
	case !strings.HasPrefix(in.Runtime, "nodejs"):
		return invalid("Value %s at 'runtime' failed to satisfy constraint", in.Runtime)
	case len(in.Code.ZipFile) > maxDirect:
		return fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Request must be smaller than 52428800 bytes for the CreateFunction operation")
	case in.Environment == nil:
		return nil
	}
	for name := range in.Environment.Variables {
		if slices.Contains(reserved, name) {
			return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", name)
		}
		if !variablePattern.MatchString(name) {
			return fail(http.StatusBadRequest, "ValidationException", "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint")
		}
	}
	if text, _ := json.Marshal(in.Environment.Variables); len(text) > maxEnvironment {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.")
	}
	return nil
}

// now is a function as it is at this moment.
func (f *lambda) now() configuration {
	c := f.configuration
	switch {
	case time.Now().Before(f.active):
		c.State, c.StateReason, c.StateReasonCode = "Pending", "The function is being created.", "Creating"
	case f.StateReasonCode != "":
		c.State, c.StateReason = "Failed", "The function could not be created."
	default:
		c.State = "Active"
	}
	return c
}

func answer(w http.ResponseWriter, status int, value any) *failure {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may be gone
	return nil
}

// find finds a function by its name.
func (s *Server) find(r *http.Request) (*lambda, configuration, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[r.PathValue("name")]
	if f == nil {
		return nil, configuration{}, notFound(r.PathValue("name"))
	}
	return f, f.now(), nil
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) *failure {
	f, shown, missing := s.find(r)
	if missing != nil {
		return missing
	}
	return answer(w, http.StatusOK, map[string]any{"Configuration": shown, "Tags": f.tags, "Code": map[string]string{"RepositoryType": "S3"}})
}

func (s *Server) getConfiguration(w http.ResponseWriter, r *http.Request) *failure {
	_, shown, missing := s.find(r)
	if missing != nil {
		return missing
	}
	return answer(w, http.StatusOK, shown)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) *failure {
	size := pageSize
	if n, err := strconv.Atoi(r.URL.Query().Get("MaxItems")); err == nil {
		size = min(n, pageSize)
	}
	s.mu.Lock()
	names := slices.Sorted(maps.Keys(s.functions))
	from, _ := slices.BinarySearch(names, r.URL.Query().Get("Marker"))
	names = names[from:]
	out := map[string]any{}
	if len(names) > size {
		out["NextMarker"] = names[size]
		names = names[:size]
	}
	page := make([]configuration, 0, size)
	for _, name := range names {
		c := s.functions[name].now()
		c.State = ""
		page = append(page, c)
	}
	s.mu.Unlock()
	out["Functions"] = page
	return answer(w, http.StatusOK, out)
}

func (s *Server) delete(w http.ResponseWriter, r *http.Request) *failure {
	name := r.PathValue("name")
	s.mu.Lock()
	f := s.functions[name]
	if f == nil {
		s.mu.Unlock()
		return notFound(name)
	}
	delete(s.functions, name)
	f.deleted = true
	var ending []*sandbox
	s.idle = slices.DeleteFunc(s.idle, func(b *sandbox) bool {
		if b.of == f {
			ending = append(ending, b)
		}
		return b.of == f
	})
	unused := f.users == 0
	s.mu.Unlock()
	for _, b := range ending {
		b.kill()
	}
	if unused {
		_ = os.RemoveAll(f.folder)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) invoke(w http.ResponseWriter, r *http.Request) *failure {
	f, shown, missing := s.find(r)
	if missing != nil {
		return missing
	}
	event, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	switch {
	case err != nil:
		if _, large := errors.AsType[*http.MaxBytesError](err); !large {
			return fail(http.StatusBadRequest, "InvalidRequestContentException", "%v", err)
		}
		return fail(http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", maxPayload)
	case len(event) == 0:
		event = []byte("{}")
	case !json.Valid(event):
		return fail(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json")
	}
	if shown.State != "Active" {
		return fail(http.StatusConflict, "ResourceConflictException", "The operation cannot be performed at this time. The function is currently in the following state: %s", shown.State)
	}
	s.mu.Lock()
	throttled, lost := s.settings.Throttled > 0, s.settings.Lost > 0
	switch {
	case throttled:
		s.settings.Throttled--
	case lost:
		s.settings.Lost--
	}
	s.mu.Unlock()
	if throttled {
		w.Header().Set("Retry-After", "0")
		return fail(http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
	}
	result, err := s.run(r.Context(), f, event)
	if err != nil {
		return fail(http.StatusInternalServerError, "ServiceException", "%v", err)
	}
	if lost {
		panic(http.ErrAbortHandler)
	}
	if result.failed {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(result.log))
	}
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	w.WriteHeader(http.StatusOK)
	_, _ = io.Copy(w, bytes.NewReader(result.payload)) // the client may be gone
	return nil
}

func (s *Server) put(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.PathValue("bucket") != Bucket || !strings.Contains(r.Header.Get("Authorization"), "/"+region+"/s3/aws4_request") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[Bucket+"/"+r.PathValue("key")] = body
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, r.PathValue("bucket")+"/"+r.PathValue("key"))
	w.WriteHeader(http.StatusNoContent)
}
