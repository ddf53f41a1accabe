package payin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"till/internal/fault"
	"till/internal/web"
)

// setting is one thing a merchant can configure. It holds for orders made from then on.
type setting struct {
	names     []string // the first is PayIn's full name; the others are served as well
	kind      kind
	low, high int64
	preset    int64
}

// kind is what a setting's value is.
type kind string

const (
	ofMinutes kind = "number"  // whole minutes
	ofURL     kind = "string"  // a redirect URL, or null
	ofSwitch  kind = "boolean" // on unless switched off
)

// The settings, with PayIn's own defaults and ranges.
var (
	windowSetting  = setting{names: []string{"orders.payment_window_minutes", "payment_window_minutes"}, kind: ofMinutes, low: 1, high: 60, preset: 10}
	graceSetting   = setting{names: []string{"orders.grace_period_minutes", "grace_period_minutes"}, kind: ofMinutes, low: 0, high: 30, preset: 5}
	maxSetting     = setting{names: []string{"orders.max_total_timeout_minutes", "max_total_timeout_minutes"}, kind: ofMinutes, low: 5, high: maxMinutes, preset: 60}
	successSetting = setting{names: []string{"redirect.default_order_success_url", "default_order_success_url"}, kind: ofURL}
	cancelSetting  = setting{names: []string{"redirect.default_order_cancel_url", "default_order_cancel_url"}, kind: ofURL}

	// waitSetting is ours: off, an order expires at the end of its grace period whatever is on its way.
	waitSetting = setting{names: []string{"orders.wait_for_seen", "wait_for_seen"}, kind: ofSwitch}

	settings = []setting{windowSetting, graceSetting, maxSetting, waitSetting, successSetting, cancelSetting}
)

// stored is the key on record. Other APIs of the same merchant have settings of their own.
func (s setting) stored() string { return Name + "." + s.names[0] }

// in is the value in effect: the merchant's, else the default.
func (s setting) in(all map[string]json.RawMessage) json.RawMessage {
	if value, ok := all[s.stored()]; ok {
		return value
	}
	return s.fallback()
}

func (s setting) fallback() json.RawMessage {
	switch s.kind {
	case ofURL:
		return json.RawMessage("null")
	case ofSwitch:
		return json.RawMessage("true")
	}
	return json.RawMessage(strconv.FormatInt(s.preset, 10))
}

// number is the value in effect of a setting in minutes.
func (s setting) number(all map[string]json.RawMessage) int64 {
	n, err := strconv.ParseInt(string(s.in(all)), 10, 64)
	if err != nil {
		return s.preset
	}
	return n
}

// on is the value in effect of a switch.
func (s setting) on(all map[string]json.RawMessage) bool { return string(s.in(all)) == "true" }

func findSetting(key string) (setting, error) {
	for _, s := range settings {
		if slices.Contains(s.names, key) {
			return s, nil
		}
	}
	return setting{}, fault.New(fault.CodeNotFound, "Configuration key not found")
}

// with is the settings after a change. A nil value goes back to the default.
func with(all map[string]json.RawMessage, s setting, value json.RawMessage) map[string]json.RawMessage {
	next := maps.Clone(all)
	if next == nil {
		next = map[string]json.RawMessage{}
	}
	next[s.stored()] = value
	if value == nil {
		delete(next, s.stored())
	}
	return next
}

// windows are how long an order can be paid, in minutes.
type windows struct{ window, grace, max int64 }

func windowsOf(all map[string]json.RawMessage) windows {
	return windows{window: windowSetting.number(all), grace: graceSetting.number(all), max: maxSetting.number(all)}
}

// replace puts in what one order asks for itself.
func (w *windows) replace(a asked) {
	if a.window != nil {
		w.window = *a.window
	}
	if a.grace != nil {
		w.grace = *a.grace
	}
}

func (w windows) tooLong() string {
	return fmt.Sprintf("The payment window and grace period are %d minutes together, and may be at most %d", w.window+w.grace, w.max)
}

// decodeSetting reads PUT /config/{key}. A nil value is the default.
func decodeSetting(r *http.Request, all map[string]json.RawMessage) (setting, json.RawMessage, error) {
	s, err := findSetting(r.PathValue("key"))
	if err != nil {
		return s, nil, err
	}
	body, err := web.Decode(r, maxConfigBody)
	if err != nil {
		return s, nil, err
	}
	if !slices.Contains(body.Names(), "value") {
		return s, nil, fault.New(fault.CodeMissingField, "The field 'value' is required").On("value")
	}
	value, present := body.Get("value")
	switch {
	case s.kind == ofURL:
		return decodeURLSetting(s, value, present)
	case s.kind == ofSwitch:
		return decodeSwitch(s, value, present)
	case !present:
		return s, nil, fault.New(fault.CodeMissingField, "The field 'value' must be a number").On("value")
	}
	n, err := wholeNumber(value, s.low, s.high)
	if err != nil {
		return s, nil, err
	}
	stored := json.RawMessage(strconv.FormatInt(n, 10))
	if w := windowsOf(with(all, s, stored)); w.window+w.grace > w.max {
		return s, nil, fault.New(fault.CodeWindowTooLong, w.tooLong()).On("value")
	}
	return s, stored, nil
}

func decodeURLSetting(s setting, value web.Value, present bool) (setting, json.RawMessage, error) {
	if !present {
		return s, nil, nil
	}
	text, err := value.String(maxConfigBody)
	if err != nil {
		return s, nil, err
	}
	if err := checkRedirect(text, "value"); err != nil {
		return s, nil, err
	}
	return s, encode(text), nil
}

// decodeSwitch reads true or false; PayIn turns "true" into true.
func decodeSwitch(s setting, value web.Value, present bool) (setting, json.RawMessage, error) {
	if present {
		switch text := strings.Trim(string(value.Raw()), `"`); text {
		case "true", "false":
			return s, json.RawMessage(text), nil
		}
	}
	return s, nil, fault.New(fault.CodeWrongType, "The field 'value' must be true or false").On("value")
}

func encodeSetting(key string, s setting, all map[string]json.RawMessage, message string) answer {
	body := configBody{Success: true, Message: message, Data: settingBody{Key: key, Value: s.in(all), DefaultValue: s.fallback(), Type: string(s.kind)}}
	if s.kind == ofMinutes {
		body.Data.Min, body.Data.Max = &s.low, &s.high
	}
	return answer{http.StatusOK, body}
}
