package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"
)

// Backups of a SQLite database, and putting one in place. PostgreSQL has tools of its own for both.

// Backup writes a copy of the database as it is at one moment to a file that must not exist yet, while others go
// on writing, and checks the copy. Copying the file itself would miss what is still in the write-ahead log. The
// copy is its owner's only and on disk when this returns; after an error there is none.
func (s *Store) Backup(ctx context.Context, to string) error {
	conn, err := s.readers.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// The copy is another file; this one is open for reading only.
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = 0"); err != nil {
		return err
	}
	err = copyInto(ctx, conn, to)
	_, restored := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only = 1")
	return errors.Join(err, restored)
}

// Restore makes a new database at path of a backup, without changing the backup. It refuses where there is a
// database already, or what one left, and where a process has the path; a backup of a newer program; and a
// file that is damaged. After an error nothing is at path.
//
// Derived addresses that were free in the backup are archived in the new database: since then they may have been
// shown to a payer who has not paid yet, which no chain can tell. New ones are derived once the server has asked the
// chain where to go on.
func Restore(ctx context.Context, backup, path string) error {
	lock, err := lockOwner(path)
	if err != nil {
		return err
	}
	defer lock.release()
	for _, there := range []string{path, path + "-wal", path + "-shm"} {
		if _, err := os.Lstat(there); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("%s exists already", there), err)
		}
	}
	db, err := openBackup(ctx, backup)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a restore that was killed
		return err
	}
	if err := copyInto(ctx, conn, part); err != nil {
		return err
	}
	if err := archiveDerived(ctx, part); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return syncFile(filepath.Dir(path))
}

// archiveDerived archives the derived addresses of a database file that no order ever held. A schema from before
// holds had numbers is left as it is.
func archiveDerived(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", fileURI(path, "_pragma=synchronous(2)"))
	if err != nil {
		return err
	}
	defer db.Close()
	var knows int
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM pragma_table_info('holds') WHERE name = 'number'`).Scan(&knows); err != nil || knows == 0 {
		return err
	}
	_, err = db.ExecContext(ctx, `UPDATE instruments SET archived = 1, claim = '' WHERE derived = 1 AND archived = 0 AND rest_since = 0
		AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.number = instruments.number)`)
	return errors.Join(err, db.Close(), syncFile(path))
}

// openBackup opens a database file that is to be restored, once it is known to be one.
func openBackup(ctx context.Context, path string) (_ *sql.DB, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", fileURI(path, "mode=ro&_pragma=busy_timeout(5000)&_pragma=temp_store(2)"))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", path, orDamaged(err))
			db.Close()
		}
	}()
	version, err := schemaVersion(ctx, db)
	if err != nil {
		return nil, err
	}
	if known, err := newestSchema(sqliteFolder); err != nil || version > known {
		return nil, errors.Join(err, newerSchema(version, known))
	}
	return db, soundFile(ctx, db)
}

// copyInto writes what the connection sees into a new file, on disk when it returns, and reads the copy through.
func copyInto(ctx context.Context, conn *sql.Conn, to string) (err error) {
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // SQLite takes an empty file
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already", to)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	if err := file.Close(); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "VACUUM INTO $1", to); err != nil {
		return err
	}
	if err := syncFile(to); err != nil {
		return err
	}
	if err := syncFile(filepath.Dir(to)); err != nil {
		return err
	}
	return CheckFile(ctx, to)
}

// CheckFile asks SQLite whether a database file is sound: its pages, and that each index has every row once.
func CheckFile(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", fileURI(path, readerPragmas))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := soundFile(ctx, db); err != nil {
		return fmt.Errorf("%s: %w", path, orDamaged(err))
	}
	return nil
}

// orDamaged says in plain words that a file is so broken that SQLite cannot even read it through.
func orDamaged(err error) error {
	if primaryCode(err) == sqlite3.SQLITE_CORRUPT {
		return fmt.Errorf("the file is damaged: %w", err)
	}
	return err
}

func soundFile(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "PRAGMA integrity_check(20)")
	if err != nil {
		return err
	}
	defer rows.Close()
	var said []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		said = append(said, line)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(said) != 1 || said[0] != "ok" {
		return fmt.Errorf("the file is damaged: %s", strings.ReplaceAll(strings.Join(said, "; "), "\n", "; "))
	}
	return nil
}

// syncFile waits until a file or a folder is on disk.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
