package operator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

// An operator sees why a customer was not told, and has it sent again, once; who did it is on record.
func TestNotificationIsSentAgain(t *testing.T) {
	k := newKit(t)
	list := func(query string) (found []client.Notification) {
		t.Helper()
		w := call(k.handler, "GET", "/notifications"+query, tokenAll, "")
		var page client.NotificationPage
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d %s %v", w.Code, w.Body, err)
		}
		return page.Notifications
	}
	all := list("")
	if len(all) != 1 || all[0].ID != k.notification || all[0].Order != "ord_open" || all[0].Merchant != "m1" || all[0].Mode != "sandbox" || all[0].Customer != "ana" ||
		all[0].Channel != "email" || all[0].Subject != "asked" || all[0].State != "failed" || all[0].Attempts != 8 || all[0].Error != "450 later" || all[0].NextAt != nil || all[0].DoneAt == nil {
		t.Errorf("%+v", all)
	}
	for query, want := range map[string]int{"?state=failed&channel=email&merchant=m1&mode=sandbox&order=ord_open": 1, "?state=sent": 0, "?channel=app": 0, "?merchant=m2": 0, "?mode=live": 0, "?order=ord_late": 0, "?after=" + all[0].ID: 0} {
		if got := list(query); len(got) != want {
			t.Errorf("%s: %+v", query, got)
		}
	}
	wantProblem(t, call(k.handler, "GET", "/notifications?state=lost", tokenAll, ""), http.StatusBadRequest, fault.CodeInvalidValue, "state")
	wantProblem(t, call(k.handler, "GET", "/notifications?order=ord_none", tokenAll, ""), http.StatusNotFound, fault.CodeNotFound, "")
	again := "/notifications/" + k.notification + "/retry"
	wantProblem(t, call(k.handler, "POST", "/notifications/none/retry", tokenAll, ""), http.StatusNotFound, fault.CodeNotFound, "")
	if w := call(k.handler, "POST", again, tokenAll, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"pending"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantProblem(t, call(k.handler, "POST", again, tokenAll, ""), http.StatusConflict, fault.CodeOrderStateConflict, "")
	if got := list("")[0]; got.State != "pending" || got.Attempts != 0 || got.Error != "" || got.NextAt == nil || got.DoneAt != nil {
		t.Errorf("%+v", got)
	}
	var actions []engine.Action
	err := k.store.View(t.Context(), func(rd engine.Reader) error {
		unsealed, err := rd.Unsealed(100)
		actions = unsealed.Actions
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	retries := 0
	for _, a := range actions {
		if a.What == "notification.retry" && a.Who != "" {
			retries++
		}
	}
	if retries != 1 {
		t.Errorf("%d retries are on record", retries)
	}
}

func TestMerchantSettings(t *testing.T) {
	k := newKit(t)
	const path = "/merchants/m1/settings"
	// want is all settings there are, with the values of those that are set.
	want := func(method, path, body string, values map[string]string) {
		t.Helper()
		list := []string{}
		for _, key := range engine.SettingKeys() {
			one := `{"key":"` + key + `"`
			if value, set := values[key]; set {
				one += `,"value":` + strconv.Quote(value)
			}
			list = append(list, one+"}")
		}
		w := call(k.handler, method, path, tokenAll, body)
		if text := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || text != `{"merchant":"m1","mode":"sandbox","settings":[`+strings.Join(list, ",")+`]}` {
			t.Errorf("%s %s: %d %s", method, path, w.Code, text)
		}
	}
	const reminders = `{"after":["6h"]}`
	want("GET", path+"?mode=sandbox", "", nil)
	want("PUT", path+"/notify_urls", `{"mode":"sandbox","value":" true "}`, map[string]string{"notify_urls": "true"})
	want("PUT", path+"/reminders", `{"mode":"sandbox","value":"{\"after\": [\"6h\"]}"}`, map[string]string{"notify_urls": "true", "reminders": reminders})
	want("PUT", path+"/notify_urls", `{"mode":"sandbox"}`, map[string]string{"reminders": reminders})
	want("PUT", path+"/platform_id", `{"mode":"sandbox","value":"\"m1\""}`, map[string]string{"reminders": reminders, "platform_id": `"m1"`})
	for _, c := range []struct {
		method, path, body string
		status             int
		code               fault.Code
		param              string
	}{
		{"GET", path, "", http.StatusBadRequest, fault.CodeMissingField, "mode"},
		{"GET", "/merchants/m9/settings?mode=live", "", http.StatusNotFound, fault.CodeNotFound, "merchant"},
		{"PUT", "/merchants/m9/settings/notify_urls", `{"mode":"live","value":"true"}`, http.StatusNotFound, fault.CodeNotFound, "merchant"},
		{"PUT", path + "/platform_id", `{"mode":"sandbox","value":"\"m9\""}`, http.StatusBadRequest, fault.CodeInvalidValue, "platform_id"},
		{"PUT", path + "/another", `{"mode":"live","value":"true"}`, http.StatusNotFound, fault.CodeNotFound, "key"},
		{"PUT", path + "/notify_urls", `{"mode":"live","value":"yes"}`, http.StatusBadRequest, fault.CodeInvalidValue, "notify_urls"},
		{"PUT", path + "/reminders", `{"mode":"live","value":"{\"after\":[24]}"}`, http.StatusBadRequest, fault.CodeInvalidValue, "reminders"},
		{"PUT", path + "/notify_urls", `{"value":"true"}`, http.StatusBadRequest, fault.CodeMissingField, "mode"},
	} {
		wantProblem(t, call(k.handler, c.method, c.path, tokenAll, c.body), c.status, c.code, c.param)
	}
}
