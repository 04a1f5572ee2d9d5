package ndf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Import is an archive on its way into a service.
type Import struct {
	Service *Service
	Archive *Archive
	State   string          // path of the file that says how far it came
	Stop    <-chan struct{} // closed: go no further than the file on its way
	Note    func(format string, args ...any)
}

// RefusedError is a file with elements that the service refused. It stored the
// others.
type RefusedError struct {
	File     string
	Problems []Problem
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("%s: the service refused %d elements and stored the others", e.File, len(e.Problems))
	for _, p := range e.Problems[:min(len(e.Problems), maxProblems)] {
		text += fmt.Sprintf("\n  element %d: %s", p.Index, p.Message)
	}
	if len(e.Problems) > maxProblems {
		text += "\n  and more"
	}
	return text
}

// ErrStopped says that an import ended between two files because it was told to.
var ErrStopped = errors.New("stopped")

// Run sends the files in order, those left out that an earlier run has sent. It
// ends at the first file with elements that are refused (a *RefusedError), and can
// be run again after every error.
func (im *Import) Run(ctx context.Context) error {
	state, err := loadState(im.State, im.Service.URL)
	if err != nil {
		return err
	}
	for n, f := range im.Archive.Files {
		document, err := f.Read()
		if err != nil {
			return err
		}
		sum := sha256.Sum256(document)
		hash := hex.EncodeToString(sum[:])
		place := fmt.Sprintf("[%d/%d] %s", n+1, len(im.Archive.Files), f.Name)
		switch sent, ok := state.Done[f.Name]; {
		case ok && sent != hash:
			return fmt.Errorf("%s was imported already, with other contents; remove %s to import all files again", f.Name, im.State)
		case ok:
			im.Note("%s: imported before", place)
			continue
		}
		select {
		case <-im.Stop:
			return ErrStopped
		default:
		}
		if err := im.send(ctx, state, f, document, place); err != nil {
			return err
		}
		state.Done[f.Name], state.Sending = hash, ""
		if err := state.save(im.State); err != nil {
			return err
		}
	}
	return state.remove(im.State)
}

// send imports one file, or what is left to import of one that was on its way.
func (im *Import) send(ctx context.Context, s *state, f File, document []byte, place string) error {
	var positions []int // of the elements that are sent, where not all are
	whole := true
	if s.Sending == f.Name {
		im.Note("%s: was on its way; looking for what arrived", place)
		rest, at, err := im.rest(ctx, f, document)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		document, positions, whole = rest, at, false
	}
	s.Sending = f.Name
	if err := s.save(im.State); err != nil {
		return err
	}
	problems, err := im.Service.importDocument(ctx, document)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	if len(problems) > 0 {
		for i, p := range problems {
			if !whole && p.Index >= 0 && p.Index < len(positions) {
				problems[i].Index = positions[p.Index]
			}
		}
		return &RefusedError{f.Name, problems}
	}
	count := len(positions)
	if whole {
		if err := elements(document, f.Kind, func(int, jsontext.Value) error { count++; return nil }); err != nil {
			return fmt.Errorf("%s %w", f.Name, err)
		}
	}
	im.Note("%s: %d imported", place, count)
	return nil
}
