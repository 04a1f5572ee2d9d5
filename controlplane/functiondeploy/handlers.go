package functiondeploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"icehouse/tenancy"
)

// Handler is a function that was deployed past the service definition.
type Handler struct {
	URL     string // of its bundle
	Hash    string
	Path    string // in the bundle
	Release int64  // of the project, when it was deployed
}

// maxHandlers is how many a project has at most.
const maxHandlers = 1000

// ErrTooManyHandlers says that a project has no room for another.
var ErrTooManyHandlers = fmt.Errorf("a project has at most %d functions beside its service definition", maxHandlers)

// Handler is what was deployed under a name.
func (s *Service) Handler(project tenancy.ProjectID, name string) (Handler, bool, error) {
	s.handlers.RLock()
	defer s.handlers.RUnlock()
	all, err := s.readHandlers(project)
	h, ok := all[name]
	return h, ok, err
}

// SetHandler remembers what was deployed under a name.
func (s *Service) SetHandler(project tenancy.ProjectID, name string, h Handler) error {
	s.handlers.Lock()
	defer s.handlers.Unlock()
	all, err := s.readHandlers(project)
	if err != nil {
		return err
	}
	if _, known := all[name]; !known && len(all) >= maxHandlers {
		return ErrTooManyHandlers
	}
	all[name] = h
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(s.handlersFile(project)), ".handlers-*")
	if err != nil {
		return err
	}
	_, err = fresh.Write(text)
	if err = errors.Join(err, fresh.Sync(), fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), s.handlersFile(project))
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	return nil
}

func (s *Service) handlersFile(project tenancy.ProjectID) string {
	return filepath.Join(s.Dir, string(project), "handlers.json")
}

func (s *Service) readHandlers(project tenancy.ProjectID) (map[string]Handler, error) {
	all := map[string]Handler{}
	text, err := os.ReadFile(s.handlersFile(project))
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}
