package sqlitedb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"icehouse/dataplane/connector/database"
)

// Config says where projects are and how much may be open.
type Config struct {
	// Folder holds a folder for each project. It is made when it is missing.
	Folder string
	// MaxOpen is how many projects' files stay open when idle; 0 is 64.
	MaxOpen int
	// Readers is how many connections may read one file at once; 0 is 4.
	Readers int
	// Statements is how many prepared statements a connection keeps; 0 is 128.
	Statements int
	// BusyTimeout is how long to wait for another process that holds the file;
	// 0 is 5 seconds.
	BusyTimeout time.Duration
}

// Open makes the folder; files are opened when they are first used.
func Open(c Config) (*database.DB, error) {
	if c.Folder == "" {
		return nil, errors.New("open SQLite: no folder given")
	}
	folder, err := filepath.Abs(c.Folder)
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	c.Folder = folder
	c.MaxOpen = orDefault(c.MaxOpen, 64)
	c.Readers = orDefault(c.Readers, 4)
	c.Statements = orDefault(c.Statements, 128)
	c.BusyTimeout = orDefault(c.BusyTimeout, 5*time.Second)
	if _, err := engine(); err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	return database.Open(&driver{files: newFiles(c), relay: newRelay()}), nil
}

func orDefault[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}
