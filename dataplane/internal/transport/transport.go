// Package transport is HTTP for the APIs of projects.
//
// In: requests below /simple/v1/<id or alias> and /relay/v1/<id or alias>
// (data-api §5). Out: bodies and statuses exactly as clients of 2017 know them. It
// reads and bounds bodies, gives each request an id and a time, and leaves the
// answer to a Service. Callers: the data plane mounts Handler; cmd serves it.
package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"icehouse/dataplane/coercion"
	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/operation"
	"icehouse/dataplane/internal/response"
	"icehouse/tenancy"
	"icehouse/tenancy/clientaddress"
	"icehouse/tenancy/directory"
	"icehouse/tenancy/quota"
)

// Service answers requests. The data plane's pipeline implements it.
type Service interface {
	// Project finds a project by id or alias.
	Project(ctx context.Context, idOrAlias string) (directory.Entry, error)
	// Admit lets so many requests of a project begin, until the share is left, or says
	// why not. No request waits for it.
	Admit(e directory.Entry, requests int) (*quota.Share, *Refusal)
	// Execute answers one request. It never fails: failures are answers.
	Execute(ctx context.Context, c Caller, r operation.Request) Answer
	// Bulk answers an import or an export. It calls body once, and only for a
	// caller who may do this. The error is body's, or fault.ErrNotJSON.
	Bulk(ctx context.Context, c Caller, a BulkAction, body func() ([]byte, error)) (Answer, error)
}

// Refusal is why a request is not begun.
type Refusal struct {
	Fault *fault.Fault
	After time.Duration // when it may be tried again; 0: not by itself
}

// Answer is the body that answers a request.
type Answer struct {
	Body []byte
	// Broken says that something unexpected failed before execution, which is
	// the one case with a status of its own (data-api §5.3).
	Broken bool
}

func (a Answer) status() int {
	if a.Broken {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// API is one of the APIs of a project: a part of its address and of request ids.
type API string

// The APIs.
const (
	Simple API = "simple"
	Relay  API = "relay"
	// Permissions asks what permission queries ask, for admins (data-api §6.6). Its
	// address is below that of the others.
	Permissions API = "permissions"
)

// Caller is who asks for what project.
type Caller struct {
	Project   directory.Entry
	API       API
	RequestID string
	Token     string // the bearer token, unchecked; "" when there is none
	// Explain asks for an explanation beside the answer, and As to be answered as
	// somebody else: anonymous, or a node's id, with its type and a slash before it
	// where that is not User. Both are for admins.
	Explain bool
	As      string
	// Address is the client's (clientaddress); Source what it says it is
	// (x-graphcool-source).
	Address, Source string
	Header          http.Header // of the request; not to be changed
}

// Options bound requests.
type Options struct {
	BodyBytes   int64         // of a GraphQL request or an export
	ImportBytes int64         // of an import
	Timeout     time.Duration // of a request
	Region      string        // the first part of request ids
	Proxies     int           // before this process (clientaddress)
	BatchSize   int           // requests of one batch that run at the same time
}

// Handler serves the Simple and the Relay API of all projects.
func Handler(service Service, o Options, log *slog.Logger) http.Handler {
	r := chi.NewRouter()
	r.Use(cors)
	for _, api := range []API{Simple, Relay} {
		h := &handler{api: api, service: service, options: o, log: log}
		for _, path := range []string{"/{project}", "/{project}/*"} {
			path = "/" + string(api) + "/v1" + path
			r.Options(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
			r.Get(path, h.get)
			r.Head(path, h.get)
			r.Post(path, h.post)
		}
	}
	return r
}

// handler serves one API.
type handler struct {
	api     API
	service Service
	options Options
	log     *slog.Logger
}

// cors lets every origin in (data-api §5.5).
func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if origin := r.Header.Get("Origin"); origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Expose-Headers", "Request-Id, Retry-After")
			h.Add("Vary", "Origin")
			if r.Method == http.MethodOptions {
				h.Set("Access-Control-Allow-Methods", "GET, POST, HEAD, OPTIONS")
				h.Set("Access-Control-Max-Age", "1800")
				if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
					h.Set("Access-Control-Allow-Headers", headers)
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (h *handler) requestID() string {
	var buf [64]byte
	id := append(append(buf[:0], h.options.Region...), ':')
	return string(tenancy.AppendID(append(append(id, h.api...), ':')))
}

// special are the sub-paths that are no GraphQL requests.
func special(r *http.Request) string {
	switch sub := chi.URLParam(r, "*"); sub {
	case string(Import), string(Export), string(Permissions):
		return sub
	default:
		return ""
	}
}

func (h *handler) post(w http.ResponseWriter, r *http.Request) {
	requestID := h.requestID()
	w.Header().Set("Request-Id", requestID)
	api := h.api
	switch sub := special(r); sub {
	case string(Import), string(Export):
		h.bulk(w, r, BulkAction(sub), requestID)
		return
	case string(Permissions):
		api = Permissions
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		plain(w, http.StatusUnsupportedMediaType, "The request's Content-Type must be application/json.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.options.Timeout)
	defer cancel()
	b, err := readBody(w, r, h.options.BodyBytes)
	switch {
	case errors.Is(err, errTooLarge):
		write(w, http.StatusRequestEntityTooLarge, response.AppendEnvelope(nil, tooLarge(h.options.BodyBytes), requestID))
		return
	case err != nil:
		plain(w, http.StatusBadRequest, "The request body could not be read.")
		return
	}
	defer b.release()
	text := b.Bytes()
	b.decoder.Reset(&b.Buffer, coercion.Lenient)
	one, batch, err := readCall(&b.decoder, text)
	if err != nil {
		var f *fault.Fault
		if errors.As(err, &f) {
			write(w, http.StatusOK, response.AppendEnvelope(nil, f, requestID))
			return
		}
		plain(w, http.StatusBadRequest, "The request body is not valid JSON.")
		return
	}
	entry, share := h.enter(ctx, w, r, requestID, max(1, len(batch)))
	if share == nil {
		return
	}
	defer share.Leave()
	caller := h.caller(r, entry, api, requestID)
	if batch != nil {
		write(w, http.StatusOK, h.batch(ctx, caller, batch))
		return
	}
	answer := h.one(ctx, caller, one)
	write(w, answer.status(), answer.Body)
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

func (h *handler) one(ctx context.Context, c Caller, e element) Answer {
	if e.fault != nil {
		return Answer{Body: response.AppendEnvelope(nil, e.fault, c.RequestID)}
	}
	answer, err := h.execute(ctx, c, e)
	if err != nil {
		h.log.ErrorContext(ctx, "request panicked", "error", err, "requestId", c.RequestID)
		return Answer{Body: response.AppendEnvelope(nil, fault.Of(err), c.RequestID), Broken: true}
	}
	return answer
}

// execute returns an error only where Execute panics.
func (h *handler) execute(ctx context.Context, c Caller, e element) (answer Answer, err error) {
	defer fault.Recover(&err)
	return h.service.Execute(ctx, c, e.request), nil
}

// batch answers all elements, some at the same time, in their order.
func (h *handler) batch(ctx context.Context, c Caller, elements []element) []byte {
	answers := make([][]byte, len(elements))
	var group errgroup.Group
	group.SetLimit(max(1, h.options.BatchSize))
	for i, e := range elements {
		group.Go(func() error {
			answers[i] = h.one(ctx, c, e).Body
			return nil
		})
	}
	_ = group.Wait() // answers are never errors
	out := []byte{'['}
	for i, answer := range answers {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, answer...)
	}
	return append(out, ']')
}

// enter finds the project of requests and begins them. Without a share it has answered.
func (h *handler) enter(ctx context.Context, w http.ResponseWriter, r *http.Request, requestID string, requests int) (directory.Entry, *quota.Share) {
	entry, f := h.project(ctx, r, requestID)
	if f != nil {
		h.refuse(w, f, requestID)
		return entry, nil
	}
	share, refused := h.service.Admit(entry, requests)
	switch {
	case refused == nil:
		return entry, share
	case refused.After > 0: // data-api §5.4
		w.Header().Set("Retry-After", strconv.FormatInt(int64((refused.After+time.Second-1)/time.Second), 10))
		write(w, http.StatusTooManyRequests, response.AppendEnvelope(nil, refused.Fault, requestID))
	default:
		h.refuse(w, refused.Fault, requestID)
	}
	return entry, nil
}

func (h *handler) project(ctx context.Context, r *http.Request, requestID string) (directory.Entry, *fault.Fault) {
	id := chi.URLParam(r, "project")
	entry, err := h.service.Project(ctx, id)
	switch {
	case err == nil:
		return entry, nil
	case errors.Is(err, tenancy.ErrUnknownProject):
		return entry, fault.New(fault.UnknownProject, "Project not found: '%s'", id)
	case errors.Is(err, context.DeadlineExceeded):
		return entry, fault.New(fault.TookTooLong, "Your request took too long.")
	default:
		h.log.ErrorContext(ctx, "find project", "error", err, "requestId", requestID)
		return entry, fault.Internal(err)
	}
}

func (h *handler) refuse(w http.ResponseWriter, f *fault.Fault, requestID string) {
	status := http.StatusOK
	if f.Code == 0 {
		status = http.StatusInternalServerError
	}
	write(w, status, response.AppendEnvelope(nil, f, requestID))
}

func (h *handler) get(w http.ResponseWriter, r *http.Request) {
	requestID := h.requestID()
	w.Header().Set("Request-Id", requestID)
	ctx, cancel := context.WithTimeout(r.Context(), h.options.Timeout)
	defer cancel()
	if chi.URLParam(r, "*") != "schema.json" {
		page(w, r)
		return
	}
	entry, share := h.enter(ctx, w, r, requestID, 1)
	if share == nil {
		return
	}
	defer share.Leave()
	answer := h.service.Execute(ctx, h.caller(r, entry, h.api, requestID), operation.Request{Query: introspection})
	write(w, answer.status(), answer.Body)
}

// caller is who sends a request.
func (h *handler) caller(r *http.Request, entry directory.Entry, api API, requestID string) Caller {
	return Caller{
		Project: entry, API: api, RequestID: requestID, Token: bearer(r),
		Explain: r.Header.Get("X-Icehouse-Explain") == "1", As: r.Header.Get("X-Icehouse-As"),
		Address: clientaddress.Of(r, h.options.Proxies), Source: r.Header.Get("X-Graphcool-Source"), Header: r.Header,
	}
}

// bearer reads the token. The word Bearer is case sensitive (data-api §5.2).
func bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(token)
}

var jsonType = []string{"application/json"}

func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if status != http.StatusOK { // saying what goes without saying costs a copy of the header
		w.WriteHeader(status)
	}
	_, _ = w.Write(body) // the client is gone when this fails
}

func plain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
