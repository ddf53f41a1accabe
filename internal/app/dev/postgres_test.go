package dev

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"till/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// A dev server on PostgreSQL takes an order; a second start on the same database and folder still has it.
func TestPostgres(t *testing.T) {
	url, data := pgtest.URL(t), t.TempDir()
	for i, want := range []int{http.StatusCreated, http.StatusConflict} {
		s, err := Start(context.Background(), Options{
			Addr: "127.0.0.1:0", Data: data, Postgres: url, BlockTime: time.Second, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		if s.Info.Database != url {
			t.Errorf("the database is %s", s.Info.Database)
		}
		body := `{"orderReference":"ONE","amount":"10.00","currency":"USDT","chainId":"` + network + `"}`
		r, err := http.NewRequest(http.MethodPost, s.Info.PayIn.BaseURL+"/api/v1/orders", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-API-Key", s.Info.PayIn.APIKey)
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.StatusCode != want {
			t.Errorf("start %d: status %d, want %d", i, got.StatusCode, want)
		}
		http.DefaultClient.CloseIdleConnections()
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(data); err != nil {
		t.Error(err)
	} else {
		for _, file := range left {
			if strings.HasSuffix(file.Name(), ".db") {
				t.Errorf("%s was made beside", file.Name())
			}
		}
	}
}
