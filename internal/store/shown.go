package store

import (
	"net"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Shown is the name of a database as a log and a terminal may show it: the path of a file, or user, host and name of
// a PostgreSQL database. Whatever else its URL holds, a password above all, is left out.
func Shown(database string) string {
	if !IsPostgres(database) {
		return database
	}
	cfg, err := pgx.ParseConfig(database)
	if err != nil {
		return "a PostgreSQL database"
	}
	host := cfg.Host
	if host == "" || host[0] != '/' { // a path is the folder of a socket
		host = net.JoinHostPort(host, strconv.Itoa(int(cfg.Port)))
	}
	return "postgres: " + cfg.Database + " on " + host + " as " + cfg.User
}
