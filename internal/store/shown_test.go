package store

import (
	"strings"
	"testing"
)

func TestShown(t *testing.T) {
	const secret = "f7c1be22"
	for database, want := range map[string]string{
		"/srv/till/till.db": "/srv/till/till.db",
		"postgres://till:" + secret + "@db.example/shop":                                   "postgres: shop on db.example:5432 as till",
		"postgres://till:a#" + secret + "@db.example/shop":                                 "postgres: shop on db.example:5432 as till",
		"postgresql://till@db.example:6432/shop?password=" + secret:                        "postgres: shop on db.example:6432 as till",
		"postgres://till:" + secret + "@/shop?host=/run/postgresql&sslmode=disable":        "postgres: shop on /run/postgresql as till",
		"postgres://till@db.example/shop?sslmode=disable&sslpassword=" + secret:            "postgres: shop on db.example:5432 as till",
		"postgres://till:" + secret + "@one.example:6432,two.example/shop?sslmode=disable": "postgres: shop on one.example:6432 as till",
		"postgres://till:" + secret + "@db.example:port/shop":                              "a PostgreSQL database",
	} {
		if got := Shown(database); got != want || strings.Contains(got, secret) {
			t.Errorf("%s is shown as %q, want %q", database, got, want)
		}
	}
}
