package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAtRoot(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(r.URL.EscapedPath() + "?" + r.URL.RawQuery))
	})
	h := atRoot(echo, map[string]string{"payin.example.com": "payin"})
	for _, c := range []struct{ host, path, want string }{
		{"payin.example.com", "/api/v1/orders?page=2", "/payin/api/v1/orders?page=2"},
		{"PayIn.Example.com.:8443", "/api/v1/orders", "/payin/api/v1/orders?"},
		{"payin.example.com", "/api/v1/orders/by-reference/a%2Fb", "/payin/api/v1/orders/by-reference/a%2Fb?"},
		{"payin.example.com", "/payin/api/v1/orders", "/payin/api/v1/orders?"},
		{"payin.example.com", "/pay/order/ord_1", "/payin/pay/order/ord_1?"},
		{"payin.example.com", "/assets/style.css", "/assets/style.css?"},
		{"payin.example.com", "/operator/v1/orders", "/payin/operator/v1/orders?"},
		{"till.example.com", "/operator/v1/orders", "/operator/v1/orders?"},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s%s: %s, want %s", c.host, c.path, got, c.want)
		}
	}
}

func TestHostNames(t *testing.T) {
	for text, good := range map[string]bool{
		"payin.example.com": true, "localhost": true, "10.0.0.1": true, "": false, "https://payin.example.com": false,
		"payin.example.com/api": false, "payin.example.com:443": false, "PayIn.example.com": false, "payin.example.com.": false, "a b": false,
	} {
		if isHostName(text) != good {
			t.Errorf("%q: %t", text, !good)
		}
	}
}
