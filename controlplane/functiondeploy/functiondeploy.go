// Package functiondeploy takes in the bundles of code functions (platform §2.12,
// §2.13).
//
// In: a project that asks for an upload URL, then a zip at that URL from whoever
// has it. Out: the bundle on disk, named by project and deploy, with the hash of
// its content. Callers: managementapi asks for URLs, cmd serves Uploads,
// deployment and functionport ask for Bundle when a deploy refers to an upload, and for
// the Code of functions when they make them callable. The bundles are kept as they came: what runs
// them unpacks them.
package functiondeploy

import (
	"archive/zip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"icehouse/tenancy"
)

// Options configure a Service.
type Options struct {
	BaseURL string // where clients reach Uploads, without /functions
	Dir     string // where bundles are kept
	Secret  []byte // signs upload URLs
	Limit   int64  // bytes of one upload; 0: 250 MB
	Now     func() time.Time
	Logger  *slog.Logger
}

// Service keeps bundles.
type Service struct {
	Options
	handlers sync.RWMutex // guards the files of Handlers
}

const (
	defaultLimit = 250 << 20
	maxEntries   = 200_000
	maxUnpacked  = 2 << 30
	lifetime     = time.Hour
	prefix       = "/functions/files/"
)

// New makes the directory that keeps bundles.
func New(o Options) (*Service, error) {
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the directory for bundles: %w", err)
	}
	return &Service{Options: o}, nil
}

// UploadURL makes a URL that takes one bundle of a project within the hour.
// Nobody can guess it: its last part ends with a signature of all before.
func (s *Service) UploadURL(project tenancy.ProjectID) string {
	deploy := tenancy.NewID() + "-" + strconv.FormatInt(s.Now().Add(lifetime).Unix(), 36)
	return s.BaseURL + prefix + string(project) + "/" + deploy + "-" + s.sign(string(project), deploy)
}

func (s *Service) sign(project, deploy string) string {
	mac := hmac.New(sha256.New, s.Secret)
	mac.Write([]byte("upload\n" + project + "\n" + deploy)) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

var (
	projectPattern = regexp.MustCompile(`^[a-z0-9]{2,25}$`)
	deployPattern  = regexp.MustCompile(`^(c[a-z0-9]{24})-([a-z0-9]{1,12})-([a-f0-9]{32})$`)
)

// check says whether a deploy's URL is ours, and whether it still takes an upload.
func (s *Service) check(project, deploy string) (ours, open bool) {
	parts := deployPattern.FindStringSubmatch(deploy)
	if parts == nil || !projectPattern.MatchString(project) {
		return false, false
	}
	if !hmac.Equal([]byte(parts[3]), []byte(s.sign(project, parts[1]+"-"+parts[2]))) {
		return false, false
	}
	until, err := strconv.ParseInt(parts[2], 36, 64)
	return true, err == nil && s.Now().Unix() <= until
}

// Bundle is the hash of the content of an uploaded bundle, by the URL it was
// uploaded to; false when there is none for this project.
func (s *Service) Bundle(_ context.Context, project tenancy.ProjectID, address string) (string, bool, error) {
	owner, deploy, ok := parts(address)
	if ours, _ := s.check(owner, deploy); !ok || !ours || owner != string(project) {
		return "", false, nil
	}
	hash, err := os.ReadFile(s.file(owner, deploy, ".sha256"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	return string(hash), err == nil, err
}

// parts takes project and deploy from an upload URL. Its host does not matter:
// the installation may be known under several.
func parts(address string) (project, deploy string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(u.Path, prefix)
	project, deploy, _ = strings.Cut(rest, "/")
	return project, deploy, ok
}

func (s *Service) file(project, deploy, suffix string) string {
	return filepath.Join(s.Dir, project, deploy+suffix)
}

// Remove forgets all bundles of a project.
func (s *Service) Remove(project tenancy.ProjectID) error {
	if !projectPattern.MatchString(string(project)) {
		return fmt.Errorf("project id %q has no bundles", project)
	}
	return os.RemoveAll(filepath.Join(s.Dir, string(project)))
}

// Uploads serves PUT and POST /functions/files/{project}/{deploy}.
func (s *Service) Uploads() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+prefix+"{project}/{deploy}", s.upload)
	mux.HandleFunc("POST "+prefix+"{project}/{deploy}", s.upload)
	return mux
}

// refusal is an upload that the client can mend.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func (s *Service) upload(w http.ResponseWriter, r *http.Request) {
	err := s.take(w, r)
	var refused *refusal
	var tooLarge *http.MaxBytesError
	status, answer := http.StatusOK, map[string]any{"success": true}
	switch {
	case err == nil:
	case errors.As(err, &refused):
		status, answer = refused.status, map[string]any{"success": false, "error": refused.text}
	case errors.As(err, &tooLarge):
		status, answer = http.StatusRequestEntityTooLarge, map[string]any{"success": false,
			"error": fmt.Sprintf("the bundle has more than %d bytes", s.Limit)}
	default:
		status, answer = http.StatusInternalServerError, map[string]any{"success": false, "error": "the bundle could not be stored"}
		s.Logger.ErrorContext(r.Context(), "upload of a bundle failed", "project", r.PathValue("project"), "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}

// take stores the body if it is a zip that stays within its folder.
func (s *Service) take(w http.ResponseWriter, r *http.Request) (err error) {
	project, deploy := r.PathValue("project"), r.PathValue("deploy")
	ours, open := s.check(project, deploy)
	switch {
	case !ours:
		return &refusal{http.StatusNotFound, "there is no such upload URL"}
	case !open:
		return &refusal{http.StatusGone, "the upload URL has expired; ask for a new one"}
	case r.ContentLength > s.Limit:
		return &http.MaxBytesError{Limit: s.Limit}
	}
	dir := filepath.Join(s.Dir, project)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".upload-*")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, temp.Close())
		if left := os.Remove(temp.Name()); !errors.Is(left, fs.ErrNotExist) {
			err = errors.Join(err, left)
		}
	}()
	size, err := io.Copy(temp, http.MaxBytesReader(w, r.Body, s.Limit))
	if err != nil {
		return err
	}
	hash, err := inspect(temp, size)
	if err != nil {
		return err
	}
	// A deploy may have used what is there: it never changes.
	if known, err := os.ReadFile(s.file(project, deploy, ".sha256")); err == nil {
		if string(known) == hash {
			return nil
		}
		return &refusal{http.StatusConflict, "another bundle was uploaded to this URL; ask for a new one"}
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), s.file(project, deploy, ".zip")); err != nil {
		return err
	}
	return os.WriteFile(s.file(project, deploy, ".sha256"), []byte(hash), 0o600)
}

// inspect reads the whole archive and hashes names and contents, so that equal
// code has an equal hash whenever it was packed.
func inspect(file io.ReaderAt, size int64) (string, error) {
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return "", &refusal{http.StatusBadRequest, "the bundle is not a zip archive"}
	}
	if len(archive.File) > maxEntries {
		return "", &refusal{http.StatusBadRequest, "the bundle has too many files"}
	}
	slices.SortFunc(archive.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	all := sha256.New()
	left := int64(maxUnpacked)
	for _, f := range archive.File {
		if !stays(f.Name) {
			return "", &refusal{http.StatusBadRequest, fmt.Sprintf("the bundle's entry %q leads out of its folder", f.Name)}
		}
		if f.FileInfo().IsDir() {
			continue
		}
		content, err := f.Open()
		if err != nil {
			return "", &refusal{http.StatusBadRequest, fmt.Sprintf("the bundle's entry %q can't be read", f.Name)}
		}
		one := sha256.New()
		n, err := io.Copy(one, io.LimitReader(content, left+1))
		_ = content.Close()
		if left -= n; left < 0 {
			return "", &refusal{http.StatusBadRequest, "the bundle is too large when unpacked"}
		}
		if err != nil {
			return "", &refusal{http.StatusBadRequest, fmt.Sprintf("the bundle's entry %q is damaged", f.Name)}
		}
		all.Write(fmt.Appendf(nil, "%d %s %x\n", len(f.Name), f.Name, one.Sum(nil)))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// stays says that a name can't leave the folder it is unpacked in.
func stays(name string) bool {
	clean := path.Clean(name)
	return name != "" && !strings.ContainsAny(name, "\\\x00") && !path.IsAbs(name) && clean != ".." && !strings.HasPrefix(clean, "../")
}
