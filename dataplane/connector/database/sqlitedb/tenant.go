package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// Provision makes the project's folder and file.
func (d *driver) Provision(ctx context.Context, scope isolation.Scope) error {
	err := d.files.use(scope, true, func(f *file) error {
		if err := os.MkdirAll(d.files.folder(scope), 0o700); err != nil {
			return err
		}
		return f.write(ctx, true, func(c *conn) error {
			// A file is written with its first statement.
			return c.transact(ctx, "BEGIN IMMEDIATE", func() error { return c.exec(ctx, "PRAGMA user_version = 1") })
		})
	})
	return describe(err, 0)
}

// Drop removes the project's folder. Running calls end first; a folder that was
// moved away is no project any more, even if its removal stops half-way.
func (d *driver) Drop(ctx context.Context, scope isolation.Scope) error {
	err := d.files.leave(ctx, scope, func() error {
		gone := d.files.folder(scope) + ".dropped-" + tenancy.NewID()
		if err := os.Rename(d.files.folder(scope), gone); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		return os.RemoveAll(gone)
	})
	return describe(err, 0)
}

// Migrate runs DDL in one transaction.
func (d *driver) Migrate(ctx context.Context, scope isolation.Scope, ddl []string) error {
	err := d.files.use(scope, false, func(f *file) error {
		return f.write(ctx, false, func(c *conn) error {
			return c.transact(ctx, "BEGIN IMMEDIATE", func() error {
				for i, sql := range ddl {
					if err := c.exec(ctx, sql); err != nil && !columnExists(sql, err) {
						return describe(fmt.Errorf("%s: %w", sql, err), i)
					}
				}
				return nil
			})
		})
	})
	return describe(err, 0)
}

// columnExists says that a step was done before: the engine has no ADD COLUMN IF
// NOT EXISTS.
func columnExists(sql string, err error) bool {
	return strings.HasPrefix(sql, "ALTER TABLE ") && strings.Contains(sql, " ADD COLUMN ") &&
		strings.Contains(err.Error(), "duplicate column name")
}
