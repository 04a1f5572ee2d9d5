package ndf

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"
)

// Export writes all that a service holds into a new archive. note is told how far
// it is. Nothing has the archive's name when it fails.
func Export(ctx context.Context, s *Service, path string, note func(format string, args ...any)) (err error) {
	w, err := newWriter(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.abandon()
		}
	}()
	for _, kind := range Kinds {
		w.begin(kind)
		count := 0
		err := s.exportAll(ctx, kind, func(elements []jsontext.Value) error {
			for _, e := range elements {
				if err := w.add(e); err != nil {
					return err
				}
			}
			if count += len(elements); len(elements) > 0 {
				note("%s: %d exported", kind, count)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
	}
	return w.finish()
}
