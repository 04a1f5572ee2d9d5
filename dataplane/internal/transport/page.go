package transport

import (
	"html/template"
	"net/http"
)

// page is what a browser sees at an endpoint: how to query it.
func page(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	if r.Method == http.MethodHead {
		return
	}
	_ = pageTemplate.Execute(w, scheme+"://"+r.Host+r.URL.Path) // the client is gone when this fails
}

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>GraphQL endpoint</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:4rem auto;padding:0 1rem}pre{background:#f3f4f6;padding:1rem;overflow:auto}</style>
<h1>GraphQL endpoint</h1>
<p>Send queries and mutations to this address with POST:</p>
<pre>curl {{.}} \
  -H 'Content-Type: application/json' \
  -d '{"query": "{ __schema { queryType { fields { name } } } }"}'</pre>
<p>The schema as an introspection result: GET <code>schema.json</code> below this address.</p>
</html>
`))
