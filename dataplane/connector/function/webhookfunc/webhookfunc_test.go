package webhookfunc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"icehouse/dataplane/connector/function"
	"icehouse/tenancy"
	"icehouse/tenancy/egress"
	"icehouse/tenancy/egress/signature"
	"icehouse/tenancy/isolation"
)

// received is what a webhook got.
type received struct {
	method, body string
	header       http.Header
}

// TestInvoke goes through platform §2.10.
func TestInvoke(t *testing.T) {
	var got received
	status, body := 200, `{"data":{}}`
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got = received{r.Method, string(text), r.Header}
		if status == 302 {
			w.Header().Set("Location", "http://127.0.0.1:1/")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer hook.Close()
	client := egress.New(egress.Policy{Loopback: true, Timeout: time.Second, ResponseBytes: 1000})
	defer client.Close()
	at := time.Unix(1700000000, 0)
	webhooks := New(client, func() time.Time { return at })
	scope, err := isolation.ForProject("cjproject", tenancy.DefaultPlacement)
	if err != nil {
		t.Fatal(err)
	}
	secret, text := signature.NewSecret()
	call := function.Call{Name: "f", Event: []byte(`{"data":{"n":"é"}}`), ID: "msg_1", Webhook: &function.Webhook{
		URL: hook.URL + "/x?y=1", Headers: map[string]string{"Authorization": "Bearer q", "content-type": "application/json; charset=utf-8"}, Secret: text,
	}}
	out, err := webhooks.Invoke(t.Context(), scope, call)
	if err != nil || string(out.Value) != body {
		t.Fatalf("%s, %v", out.Value, err)
	}
	want := http.Header{}
	signature.Sign(want, "msg_1", at, call.Event, secret)
	for name := range want {
		if got.header.Get(name) != want.Get(name) {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want.Get(name))
		}
	}
	if got.method != "POST" || got.body != string(call.Event) || got.header.Get("Authorization") != "Bearer q" || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%+v", got)
	}
	for _, c := range []struct {
		status int
		body   string
		value  string // "<nil>": none
		kind   function.Kind
	}{
		{201, "no JSON", "no JSON", 0},
		{200, "", "", 0},
		{204, "", "<nil>", 0},
		{302, "", "", function.BadStatus},
		{404, "gone", "", function.BadStatus},
		{500, "", "", function.BadStatus},
		{200, strings.Repeat("x", 1001), "", function.TooLarge},
	} {
		status, body = c.status, c.body
		out, err := webhooks.Invoke(t.Context(), scope, call)
		var e *function.Error
		switch errors.As(err, &e); {
		case c.kind != 0:
			if e == nil || e.Kind != c.kind || c.kind == function.BadStatus && (e.Status != c.status || string(e.Body) != c.body) {
				t.Errorf("%d: %+v", c.status, err)
			}
		case err != nil || (out.Value == nil) != (c.value == "<nil>") || out.Value != nil && string(out.Value) != c.value:
			t.Errorf("%d: %q, %v", c.status, out.Value, err)
		}
	}
	hook.Close()
	for _, url := range []string{hook.URL, "no url", "ftp://x", "http://10.0.0.1/"} {
		call.Webhook.URL = url
		var e *function.Error
		if _, err := webhooks.Invoke(t.Context(), scope, call); !errors.As(err, &e) || e.Kind != function.Unreachable || e.Text == "" {
			t.Errorf("%s: %v", url, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := webhooks.Invoke(ended, scope, call); err == nil {
		t.Error("an ended call")
	}
	if _, err := webhooks.Invoke(t.Context(), isolation.Scope{}, call); !errors.Is(err, tenancy.ErrZeroScope) {
		t.Error(err)
	}
}
