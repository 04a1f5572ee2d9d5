package managementapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"

	"icehouse/dataplane/coercion"
	"icehouse/tenancy"
	"icehouse/tenancy/clientaddress"
)

// request is one request as it came in.
type request struct {
	id            string
	query         string
	operationName string
	variables     *coercion.Given
	token         string
	address       string // of whoever sent it
}

// page answers browsers.
const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Icehouse system API</title>
<h1>Icehouse system API</h1>
<p>Send GraphQL here: <code>POST /system</code> with <code>{"query": "...", "variables": {...}}</code> and the header
<code>Authorization: Bearer &lt;platform token&gt;</code>. Any GraphQL client can read the schema by introspection.</p>
</html>
`

// ServeHTTP answers POST with the result of an operation, GET with a small page,
// and OPTIONS for browsers of any origin.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := "local:system:" + tenancy.NewID()
	h := w.Header()
	h.Set("Request-Id", id)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Request-Id")
	switch r.Method {
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "*, Authorization, Content-Type")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			h.Set("Access-Control-Allow-Headers", asked)
		}
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusOK)
	case http.MethodGet, http.MethodHead:
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page)
	case http.MethodPost:
		a.post(w, r, id)
	default:
		h.Set("Allow", "GET, POST, OPTIONS")
		answer(w, http.StatusMethodNotAllowed, map[string]any{"error": "use POST"})
	}
}

func (a *API) post(w http.ResponseWriter, r *http.Request, id string) {
	// A body that comes slowly counts into the time, too.
	ctx, cancel := context.WithTimeout(r.Context(), a.Limits.Timeout)
	defer cancel()
	req, status, text := a.read(w, r)
	if text != "" {
		answer(w, status, map[string]any{"error": text})
		return
	}
	req.id = id
	status, body := a.safely(ctx, req)
	answer(w, status, body)
}

// safely answers 500 where run panics: one request must not end another's
// connection, nor leave its sender without a request id.
func (a *API) safely(ctx context.Context, req request) (status int, body any) {
	defer func() {
		if r := recover(); r != nil {
			a.Logger.ErrorContext(ctx, "request panicked", "request", req.id, "panic", r, "stack", string(debug.Stack()))
			status, body = http.StatusInternalServerError, map[string]any{"requestId": req.id, "error": internalError + req.id}
		}
	}()
	return a.run(ctx, req)
}

// answer writes JSON. An error of the write means that the client is gone.
func answer(w http.ResponseWriter, status int, body any) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		status = http.StatusInternalServerError
		out.Reset()
		out.WriteString(`{"error":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

// read takes the request apart; text says what is wrong with it.
func (a *API) read(w http.ResponseWriter, r *http.Request) (req request, status int, text string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.Limits.Body))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return req, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has more than %d bytes", a.Limits.Body)
	}
	if err != nil {
		return req, http.StatusBadRequest, "the request could not be read"
	}
	var fields struct {
		Query         *string         `json:"query"`
		OperationName *string         `json:"operationName"`
		Variables     json.RawMessage `json:"variables"`
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		return req, http.StatusBadRequest, `the request must be a JSON object with the key "query"`
	}
	if fields.Query == nil {
		return req, http.StatusBadRequest, `the request has no key "query"`
	}
	req.query = *fields.Query
	if fields.OperationName != nil {
		req.operationName = *fields.OperationName
	}
	if req.variables, err = variables(fields.Variables); err != nil {
		return req, http.StatusBadRequest, err.Error()
	}
	req.token, req.address = bearer(r), clientaddress.Of(r, a.Proxies)
	return req, http.StatusOK, ""
}

// variables reads an object, or the text of one; the empty text is none.
func variables(raw json.RawMessage) (*coercion.Given, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, errors.New("the variables are not JSON")
		}
		raw = []byte(strings.TrimSpace(text))
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	given, err := coercion.ReadVariables(string(raw))
	if err != nil || given == nil {
		return nil, errors.New("the variables are not a JSON object")
	}
	return given, nil
}

// bearer is the token of the Authorization header, or of the session cookie.
func bearer(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(token)
	}
	if cookie, err := r.Cookie("session"); err == nil {
		return cookie.Value
	}
	return ""
}
