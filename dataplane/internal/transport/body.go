package transport

import (
	"bytes"
	"errors"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// body is a request's body being read. It is used again for other requests, so
// nothing that outlives the request may point into it.
type body struct {
	bytes.Buffer
	decoder jsontext.Decoder
}

var bodies = sync.Pool{New: func() any { return new(body) }}

// keptBody is the largest buffer that is kept for other requests.
const keptBody = 64 << 10

func (b *body) release() {
	if b.Cap() > keptBody {
		return
	}
	b.Reset()
	bodies.Put(b)
}

var errTooLarge = errors.New("the request body is too large")

// readBody reads at most limit bytes; errTooLarge when there are more.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) (*body, error) {
	b := bodies.Get().(*body)
	in := r.Body
	switch {
	case r.ContentLength > limit:
		w.Header().Set("Connection", "close") // the rest is not read
		b.release()
		return nil, errTooLarge
	case r.ContentLength < 0:
		in = http.MaxBytesReader(w, r.Body, limit)
	default:
		b.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(in); err != nil {
		b.release()
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, errTooLarge
		}
		return nil, err
	}
	return b, nil
}
