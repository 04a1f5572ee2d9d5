// Package repository brings modules and templates from git repositories (platform §9.4,
// §9.5).
//
// In: the name of a place, as GitHub's names are, and the address that stands for GitHub.
// Out: the files below the place, in memory. Callers: modules add and add-template.
//
// Nothing of a repository is checked out: git packs the files, and only those whose paths
// stay inside are read; links are not followed.
package repository

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
)

// Hub is where repositories lie unless the user names a mirror.
const Hub = "https://github.com"

// Limits of one download.
const (
	longest       = 2 * time.Minute
	largestClone  = 512 << 20 // bytes on disk, with what the download needs
	largestTotal  = 32 << 20  // bytes of the files that are taken
	mostFiles     = 2000
	watchInterval = 100 * time.Millisecond
)

// Place is a folder of a repository.
type Place struct {
	User, Repo string
	Sub        string // with slashes; "" for all of it
	Branch     string // "" for the default one
}

// templates are the short names (platform §9.5).
var templates = map[string]string{
	"auth0": "auth/auth0", "email-password": "auth/email-password", "facebook-auth": "auth/facebook", "github-auth": "auth/github",
	"google-auth": "auth/google", "fixer": "misc/fixer-wrapper", "mailgun": "messaging/mailgun", "pusher": "messaging/pusher",
	"ses": "messaging/ses", "twilio": "messaging/twilio",
}

var (
	word   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	branch = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/-]*$`)
)

// Parse reads the forms of platform §9.4 and §9.5: a short name, auth/x, messaging/x or
// misc/x of the templates, user/repo[/sub][#branch], or an address on GitHub or hub.
func Parse(text, hub string) (Place, error) {
	p, err := parse(strings.TrimSpace(text), hub)
	if err != nil {
		return Place{}, err
	}
	for _, part := range append([]string{p.User, p.Repo}, strings.FieldsFunc(p.Sub, func(r rune) bool { return r == '/' })...) {
		if !word.MatchString(part) {
			return Place{}, fmt.Errorf("%s: %q can't be a part of it; want user/repo, user/repo/path or an address on GitHub", text, part)
		}
	}
	if p.Branch != "" && !branch.MatchString(p.Branch) {
		return Place{}, fmt.Errorf("%s: %q can't be a branch", text, p.Branch)
	}
	return p, nil
}

func parse(text, hub string) (Place, error) {
	rest, isURL := text, false
	for _, start := range []string{strings.TrimRight(hub, "/") + "/", Hub + "/", "https://www.github.com/", "http://github.com/", "github.com/"} {
		if after, ok := strings.CutPrefix(rest, start); ok {
			rest, isURL = after, true
			break
		}
	}
	if !isURL && strings.Contains(rest, "://") {
		return Place{}, fmt.Errorf("%s: only addresses below %s are known; another server is chosen with --hub", text, hub)
	}
	rest, after, _ := strings.Cut(rest, "#")
	parts := strings.FieldsFunc(rest, func(r rune) bool { return r == '/' })
	switch {
	case len(parts) == 0:
		return Place{}, errors.New("no name")
	case !isURL && len(parts) == 1:
		sub, ok := templates[parts[0]]
		if !ok {
			return Place{}, fmt.Errorf("there is no template %q%s", parts[0], nearest(parts[0]))
		}
		return Place{"graphcool", "templates", sub, after}, nil
	case !isURL && len(parts) == 2 && slices.Contains([]string{"auth", "messaging", "misc"}, parts[0]):
		return Place{"graphcool", "templates", rest, after}, nil
	case len(parts) == 1:
		return Place{}, fmt.Errorf("%s: want user/repo", text)
	}
	p := Place{User: parts[0], Repo: strings.TrimSuffix(parts[1], ".git"), Sub: path.Join(parts[2:]...), Branch: after}
	switch {
	case isURL && len(parts) > 3 && (parts[2] == "tree" || parts[2] == "blob"):
		p.Branch, p.Sub = parts[3], path.Join(parts[4:]...)
	case p.Sub == "" && after != "": // user/repo#branch/path
		p.Branch, p.Sub, _ = strings.Cut(after, "/")
	}
	return p, nil
}

func nearest(wrong string) string {
	best := ""
	for name := range templates {
		d, b := levenshtein.ComputeDistance(wrong, name), levenshtein.ComputeDistance(wrong, best)
		if best == "" || d < b || d == b && name < best {
			best = name
		}
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// Name is the last part of the place.
func (p Place) Name() string {
	if p.Sub != "" {
		return path.Base(p.Sub)
	}
	return p.Repo
}

// Page is the place's address for people.
func (p Place) Page(hub string) string {
	page := strings.TrimRight(hub, "/") + "/" + p.User + "/" + p.Repo
	if p.Sub != "" || p.Branch != "" {
		ref := p.Branch
		if ref == "" {
			ref = "HEAD"
		}
		page += "/tree/" + path.Join(ref, p.Sub)
	}
	return page
}

func (p Place) String() string {
	text := path.Join(p.User, p.Repo, p.Sub)
	if p.Branch != "" {
		text += "#" + p.Branch
	}
	return text
}

// Fetch reads the files below a place, by their paths from there, with slashes.
func (p Place) Fetch(ctx context.Context, hub string) (map[string][]byte, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, errors.New("git is needed to download, and is not installed")
	}
	ctx, end := context.WithTimeout(ctx, longest)
	defer end()
	folder, err := os.MkdirTemp("", "icehouse-download-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }() // in the folder for such things
	args := []string{"clone", "--quiet", "--bare", "--depth=1", "--no-tags"}
	if p.Branch != "" {
		args = append(args, "--branch="+p.Branch)
	}
	clone := filepath.Join(folder, "clone")
	url := strings.TrimRight(hub, "/") + "/" + p.User + "/" + p.Repo
	if err := bounded(ctx, folder, append(args, "--", url, clone)); err != nil {
		return nil, fmt.Errorf("download %s from %s: %w", p, hub, err)
	}
	tree := "HEAD"
	if p.Sub != "" {
		tree += ":" + p.Sub
	}
	pack := git(ctx, "--git-dir="+clone, "archive", "--format=tar", tree)
	var said bytes.Buffer
	pack.Stderr = &said
	out, err := pack.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := pack.Start(); err != nil {
		return nil, err
	}
	files, err := read(out)
	if err != nil {
		end() // git may be in the middle of it
		_ = pack.Wait()
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	if err := pack.Wait(); err != nil || len(files) == 0 {
		return nil, fmt.Errorf("there is no %s at %s: %s", p, hub, cmpText(said.String(), "it has no files"))
	}
	return files, nil
}

func cmpText(text, none string) string {
	if text = strings.TrimSpace(text); text == "" {
		return none
	}
	return text
}

// git never asks a person, and speaks these protocols only.
func git(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "git", args...)
	c.Env = append(c.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:https:http:ssh", "GIT_LFS_SKIP_SMUDGE=1", "LC_ALL=C")
	c.WaitDelay = time.Second
	return c
}

// bounded runs git and stops it when the folder becomes too large.
func bounded(ctx context.Context, folder string, args []string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := git(ctx, args...)
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		return err
	}
	watched := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if size(folder) > largestClone {
					stop(fmt.Errorf("it is larger than %d MB", largestClone>>20))
				}
			}
		}
	}()
	err := c.Wait()
	close(done)
	<-watched
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.DeadlineExceeded) {
			return fmt.Errorf("it takes longer than %s", longest)
		}
		return cause
	}
	if err != nil {
		return errors.New(cmpText(said.String(), err.Error()))
	}
	return nil
}

func size(folder string) (total int64) {
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil // files come and go while git works
	})
	return total
}

// read takes the plain files of an archive.
func read(in io.Reader) (map[string][]byte, error) {
	files, left := map[string][]byte{}, int64(largestTotal)
	archive := tar.NewReader(in)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, in) // what pads it
			return files, err
		}
		if err != nil {
			return nil, err
		}
		switch h.Typeflag {
		case tar.TypeReg:
		case tar.TypeSymlink, tar.TypeLink:
			return nil, fmt.Errorf("%s is a link: links are not taken over", h.Name)
		default:
			continue
		}
		switch {
		case !filepath.IsLocal(filepath.FromSlash(h.Name)):
			return nil, fmt.Errorf("the file %s would not be inside the folder", h.Name)
		case len(files) == mostFiles:
			return nil, fmt.Errorf("it has more than %d files", mostFiles)
		case h.Size > left:
			return nil, fmt.Errorf("its files are larger than %d MB", largestTotal>>20)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		left -= int64(len(text))
		files[path.Clean(h.Name)] = text
	}
}
