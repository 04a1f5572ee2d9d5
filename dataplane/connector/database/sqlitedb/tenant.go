package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"icehouse/dataplane/connector/database"
	"icehouse/dataplane/dialect"
	"icehouse/tenancy"
	"icehouse/tenancy/isolation"
)

// fileMark says that a file is a project's: the letters ICEH.
const fileMark = 0x49434548

// Provision makes the project's folder and file.
func (d *driver) Provision(ctx context.Context, scope isolation.Scope) error {
	err := d.files.use(scope, true, func(f *file) error {
		if err := os.MkdirAll(d.files.folder(scope), 0o700); err != nil {
			return err
		}
		return f.write(ctx, true, func(c *conn) error {
			// A file is written with its first statement.
			return c.transact(ctx, "BEGIN IMMEDIATE", func() error { return c.exec(ctx, fmt.Sprintf("PRAGMA application_id = %d", fileMark)) })
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
	err := d.change(ctx, scope, func(f *file, c *conn) error {
		if err := d.endStreams(ctx, scope, f, c); err != nil {
			return err
		}
		for i, sql := range ddl {
			if err := c.exec(ctx, sql); err != nil && !done(sql, err) {
				return describe(fmt.Errorf("%s: %w", sql, err), i)
			}
		}
		return nil
	})
	return describe(err, 0)
}

// Advance implements database.Driver. The file's user_version is the release.
func (d *driver) Advance(ctx context.Context, scope isolation.Scope, release int64, statements []dialect.Statement, handlers []database.Handler) error {
	err := d.files.use(scope, false, func(f *file) error {
		return f.write(ctx, false, func(c *conn) error {
			return c.transact(ctx, "BEGIN IMMEDIATE", func() error {
				at, err := c.statement(ctx, database.Statement{Statement: dialect.Statement{SQL: "SELECT user_version FROM pragma_user_version", Returns: true}})
				if err != nil {
					return err
				}
				if n, err := strconv.ParseInt(string(at), 10, 64); err != nil || n >= release {
					return err
				}
				if len(statements) > 0 {
					if err := d.endStreams(ctx, scope, f, c); err != nil {
						return err
					}
				}
				if err := d.unfit(ctx, f, c, handlers); err != nil {
					return err
				}
				if err := c.quietly(ctx, f, func() error { return c.steps(ctx, statements) }); err != nil {
					return err
				}
				if err := d.handle(ctx, scope, f, c, handlers); err != nil {
					return err
				}
				return c.exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", release))
			})
		})
	})
	return describe(err, 0)
}

// steps runs the statements of a change.
func (c *conn) steps(ctx context.Context, statements []dialect.Statement) error {
	for i, s := range statements {
		if err := c.step(ctx, s); err != nil {
			err = describe(fmt.Errorf("%s: %w", s.SQL, err), i)
			var e *database.Error
			if errors.As(err, &e) {
				e.Step = i
			}
			return err
		}
	}
	return nil
}

// done says that a step was done before: the engine can't say IF NOT EXISTS of a
// column.
func done(sql string, err error) bool {
	if !strings.HasPrefix(sql, "ALTER TABLE ") {
		return false
	}
	text := err.Error()
	return strings.Contains(sql, " ADD COLUMN ") && strings.Contains(text, "duplicate column name") ||
		strings.Contains(sql, " DROP ") && strings.Contains(text, "no such c") // column, constraint
}
