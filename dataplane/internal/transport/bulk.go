package transport

import (
	"context"
	"errors"
	"net/http"

	"icehouse/dataplane/internal/fault"
	"icehouse/dataplane/internal/response"
)

// BulkAction is what a request to a bulk sub-path does (data-api §9). Its value
// is the sub-path.
type BulkAction string

// The actions.
const (
	Import BulkAction = "import"
	Export BulkAction = "export"
)

// bulk answers an import or an export. Nothing is read from a caller who may not
// do this.
func (h *handler) bulk(w http.ResponseWriter, r *http.Request, action BulkAction, requestID string) {
	if !isJSON(r.Header.Get("Content-Type")) {
		plain(w, http.StatusUnsupportedMediaType, "The request's Content-Type must be application/json.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.options.Timeout)
	defer cancel()
	entry, share := h.enter(ctx, w, r, requestID, 1)
	if share == nil {
		return
	}
	defer share.Leave()
	limit := h.options.BodyBytes
	if action == Import {
		limit = h.options.ImportBytes
	}
	var b *body
	defer func() {
		if b != nil {
			b.release()
		}
	}()
	caller := h.caller(r, entry, h.api, requestID)
	answer, err := h.service.Bulk(ctx, caller, action, func() (_ []byte, err error) {
		if b, err = readBody(w, r, limit); err != nil {
			return nil, err
		}
		return b.Bytes(), nil
	})
	switch {
	case err == nil:
		write(w, answer.status(), answer.Body)
	case errors.Is(err, errTooLarge):
		write(w, http.StatusRequestEntityTooLarge, response.AppendEnvelope(nil, tooLarge(limit), requestID))
	case errors.Is(err, fault.ErrNotJSON):
		plain(w, http.StatusBadRequest, "The request body is not valid JSON.")
	default:
		plain(w, http.StatusBadRequest, "The request body could not be read.")
	}
}

func tooLarge(limit int64) *fault.Fault {
	return fault.New(fault.InputUnparsable, "The request body has more than %d bytes, which is the most allowed.", limit)
}
