package postgresdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"icehouse/dataplane/dialect/postgres"
)

// installLock is the advisory lock of whoever makes the shared schema; any
// number that nobody else uses.
const installLock = 0x1cE405E

// install makes the shared functions, or makes them anew when this program or
// the server knows other characters than the last one did.
func (d *driver) install(ctx context.Context) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		mode := pgx.QueryExecModeExec // leaves nothing on the connection
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", mode, int64(installLock)); err != nil {
			return err
		}
		var name, encoding, version, installed string
		err := tx.QueryRow(ctx, `SELECT current_database(), current_setting('server_encoding'),
			coalesce((SELECT pg_collation_actual_version(oid) FROM pg_catalog.pg_collation WHERE collname = 'und-x-icu' LIMIT 1), ''),
			coalesce((SELECT obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $1), '')`,
			mode, postgres.SharedSchema).Scan(&name, &encoding, &version, &installed)
		if err != nil {
			return err
		}
		d.prefix = rolePrefix(name)
		switch {
		case encoding != "UTF8":
			return fmt.Errorf("database %s has encoding %s; Icehouse needs UTF8", name, encoding)
		case version == "":
			return errors.New("the server was built without ICU, which Icehouse needs to compare text")
		}
		mark := installMark(version)
		if installed == mark {
			return nil
		}
		lower, err := lowerDifferences(ctx, tx)
		if err != nil {
			return err
		}
		for _, sql := range append(postgres.Shared(lower),
			"COMMENT ON SCHEMA "+postgres.SharedSchema+" IS '"+mark+"'") {
			if _, err := tx.Exec(ctx, sql, mode); err != nil {
				return fmt.Errorf("make the shared functions: %w", err)
			}
		}
		return nil
	})
}

// installMark stands for all that the shared functions are made from.
func installMark(serverCollation string) string {
	sum := sha256.Sum256([]byte(strings.Join(append(postgres.Shared(nil), unicode.Version, serverCollation), "\n")))
	return "icehouse " + hex.EncodeToString(sum[:])
}

func lowerDifferences(ctx context.Context, tx pgx.Tx) (map[rune]string, error) {
	rows, err := tx.Query(ctx, postgres.LowerDifferences, pgx.QueryExecModeExec)
	if err != nil {
		return nil, err
	}
	lower := map[rune]string{}
	var r int32
	var text string
	_, err = pgx.ForEachRow(rows, []any{&r, &text}, func() error {
		lower[r] = text
		return nil
	})
	return lower, err
}
