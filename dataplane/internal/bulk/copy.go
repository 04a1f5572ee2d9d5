package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"icehouse/dataplane/internal/fault"
)

// ErrMoved says that the nodes of a project changed while they were copied.
var ErrMoved = errors.New("the nodes changed while they were copied")

// Copy stores all nodes and edges of a project in another one, which has the same
// types and no nodes. It is an export and an import in one: ids and times stay. It
// is no transaction: what was stored stays when it fails.
func Copy(ctx context.Context, from, to *Project, limit int, now time.Time) error {
	for _, kind := range []string{"nodes", "lists", "relations"} {
		for at := (cursor{}); at != finished; {
			next, err := copyPart(ctx, from, to, kind, at, limit, now)
			if err != nil {
				return err
			}
			at = next
		}
	}
	return nil
}

func copyPart(ctx context.Context, from, to *Project, kind string, at cursor, limit int, now time.Time) (cursor, error) {
	ask, err := json.Marshal(map[string]any{"fileType": kind, "cursor": at})
	if err != nil {
		return at, fault.Internal(err)
	}
	chunk, err := from.Export(ctx, ask, limit)
	if err != nil {
		return at, err
	}
	var got struct {
		Out    struct{ JSONElements json.RawMessage }
		Cursor cursor
	}
	if err := json.Unmarshal(chunk, &got); err != nil {
		return at, fault.Internal(err)
	}
	document := fmt.Appendf(nil, `{"valueType":%q,"values":%s}`, kind, got.Out.JSONElements)
	answer, err := to.Import(ctx, document, now, new(Progress))
	if err != nil {
		return at, err
	}
	if string(answer) != "[]" {
		return at, ErrMoved
	}
	return got.Cursor, nil
}
