package payin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// setting is one thing a merchant can configure. It holds for orders made from then on.
type setting struct {
	names     []string // the first is PayIn's full name, which begins with its category; the others are served as well
	stored    string   // the key on record; other APIs of the same merchant have settings of their own
	kind      kind
	low, high int64
	preset    int64
	off       bool   // a switch that is off unless it is switched on
	about     string // one sentence for people
	readOnly  bool   // it is the operator's: a merchant can read it only
}

// kind is what a setting's value is.
type kind string

const (
	ofNumber kind = "number"  // whole
	ofURL    kind = "string"  // a redirect URL, or null
	ofSwitch kind = "boolean" // on unless switched off, or off
)

// The settings, with PayIn's own defaults and ranges.
var (
	windowSetting = called("orders", "payment_window_minutes", setting{kind: ofNumber, low: 1, high: 60, preset: 10,
		about: "How many minutes a payer has to send the payment."})
	graceSetting = called("orders", "grace_period_minutes", setting{kind: ofNumber, low: 0, high: 30, preset: 5,
		about: "How many minutes after the payment window a payment still counts."})
	maxSetting = called("orders", "max_total_timeout_minutes", setting{kind: ofNumber, low: 5, high: maxMinutes, preset: 60,
		about: "How many minutes the payment window and the grace period may be together."})
	// waitSetting is ours: off, an order expires at the end of its grace period whatever is on its way.
	waitSetting = called("orders", "wait_for_seen", setting{kind: ofSwitch,
		about: "Whether an order waits past its grace period for the confirmation of money that was sent in time."})
	cooldownSetting = called("address_pool", "cooldown_minutes", setting{kind: ofNumber, low: 0, high: maxMinutes, preset: 30,
		about: "How many minutes an address rests after its order ended and no payment can be meant for it any more."})
	lowSetting = called("address_pool", "low_threshold", setting{kind: ofNumber, low: 0, high: maxThreshold, preset: 100,
		about: "Below how many free addresses alert.address_pool_low is told. 0: never."})
	ordersSetting = called("services", "orders_enabled", setting{kind: ofSwitch,
		about: "Whether orders can be created."})
	depositsSetting = called("services", "deposits_enabled", setting{kind: ofSwitch,
		about: "Whether deposit references can be created and bound."})
	intervalSetting = called("delayed_confirmation", "check_interval", setting{kind: ofNumber, low: 1, high: 300, readOnly: true,
		about: "Always null: confirmations are counted with every block of a network, not at intervals."})
	successSetting = called("redirect", "default_order_success_url", setting{kind: ofURL,
		about: "Where the payer of a completed order goes whose order names no successUrl."})
	cancelSetting = called("redirect", "default_order_cancel_url", setting{kind: ofURL,
		about: "Where the payer of an expired order goes whose order names no cancelUrl."})
	depositURLSetting = called("redirect", "deposit_success_url", setting{kind: ofURL,
		about: "Where the payer of a deposit goes when it is completed."})
	// scheduleSetting is ours: on, webhooks are tried again as PayIn documents it and no more.
	scheduleSetting = called("webhooks", "vendor_schedule_only", setting{kind: ofSwitch, off: true,
		about: "Whether webhooks are tried again only as PayIn documents it: five times in 31 seconds, and never after a 4xx."})

	settings = []setting{windowSetting, graceSetting, maxSetting, waitSetting, cooldownSetting, lowSetting, ordersSetting, depositsSetting,
		intervalSetting, successSetting, cancelSetting, depositURLSetting, scheduleSetting}
)

// maxThreshold is as many addresses as a pool has in PayIn's own server.
const maxThreshold = 10_000

// called gives a setting its full name and its short one.
func called(category, name string, s setting) setting {
	s.names = []string{category + "." + name, name}
	s.stored = Name + "." + s.names[0]
	return s
}

// category is the part of a setting's full name before the dot.
func (s setting) category() string {
	category, _, _ := strings.Cut(s.names[0], ".")
	return category
}

// cooldown is how long the instrument of an order made now rests after it.
func cooldown(all map[string]json.RawMessage) time.Duration {
	return minutes(cooldownSetting.number(all))
}

func (d *Dialect) listConfig(r *http.Request, s engine.Scope) (answer, error) {
	category, err := decodeCategory(r)
	if err != nil {
		return answer{}, err
	}
	all, err := d.engine.Settings(r.Context(), settingScope(s))
	if err != nil {
		return answer{}, err
	}
	return encodeSettings(category, all), nil
}

func (d *Dialect) getConfig(r *http.Request, s engine.Scope) (answer, error) {
	named, err := findSetting(r.PathValue("key"))
	if err != nil {
		return answer{}, err
	}
	all, err := d.engine.Settings(r.Context(), settingScope(s))
	if err != nil {
		return answer{}, err
	}
	return encodeSetting(r.PathValue("key"), named, all, ""), nil
}

func (d *Dialect) putConfig(r *http.Request, s engine.Scope) (answer, error) {
	all, err := d.engine.Settings(r.Context(), settingScope(s))
	if err != nil {
		return answer{}, err
	}
	named, value, err := decodeSetting(r, all)
	if err != nil {
		return answer{}, err
	}
	if err := d.by(r).SaveSetting(r.Context(), settingScope(s), named.stored, value); err != nil {
		return answer{}, err
	}
	return encodeSetting(r.PathValue("key"), named, with(all, named, value), "Configuration updated"), nil
}

// deleteConfig goes back to the default.
func (d *Dialect) deleteConfig(r *http.Request, s engine.Scope) (answer, error) {
	named, err := findSetting(r.PathValue("key"))
	if err != nil {
		return answer{}, err
	}
	all, err := d.engine.Settings(r.Context(), settingScope(s))
	if err != nil {
		return answer{}, err
	}
	if err := checkChange(named, all, nil); err != nil {
		return answer{}, err
	}
	if err := d.by(r).SaveSetting(r.Context(), settingScope(s), named.stored, nil); err != nil {
		return answer{}, err
	}
	return encodeSetting(r.PathValue("key"), named, with(all, named, nil), "Configuration reset to its default"), nil
}

// configRuntime is every value in effect.
func (d *Dialect) configRuntime(r *http.Request, s engine.Scope) (answer, error) {
	all, err := d.engine.Settings(r.Context(), settingScope(s))
	if err != nil {
		return answer{}, err
	}
	return encodeRuntime(all), nil
}

func (d *Dialect) listConfigMetadata(*http.Request, engine.Scope) (answer, error) {
	return encodeMetadata(), nil
}

func (d *Dialect) getConfigMetadata(r *http.Request, _ engine.Scope) (answer, error) {
	named, err := findSetting(r.PathValue("key"))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, oneMetadata{Success: true, Data: metadataOf(named)}}, nil
}

func settingScope(s engine.Scope) engine.SettingScope {
	return engine.SettingScope{Merchant: s.Merchant, Mode: s.Mode}
}

// in is the value in effect: the merchant's, else the default.
func (s setting) in(all map[string]json.RawMessage) json.RawMessage {
	if value, ok := all[s.stored]; ok {
		return value
	}
	return s.fallback()
}

func (s setting) fallback() json.RawMessage {
	switch {
	case s.kind == ofURL || s.readOnly:
		return json.RawMessage("null")
	case s.kind == ofSwitch:
		return json.RawMessage(strconv.FormatBool(!s.off))
	}
	return json.RawMessage(strconv.FormatInt(s.preset, 10))
}

// number is the value in effect of a setting that is a number.
func (s setting) number(all map[string]json.RawMessage) int64 {
	if value, ok := all[s.stored]; ok {
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return n
		}
	}
	return s.preset
}

// text is the value in effect of a URL; "" for none.
func (s setting) text(all map[string]json.RawMessage) string {
	value, ok := all[s.stored]
	if !ok {
		return ""
	}
	var text *string
	if json.Unmarshal(value, &text) != nil || text == nil {
		return ""
	}
	return *text
}

// on is the value in effect of a switch.
func (s setting) on(all map[string]json.RawMessage) bool {
	if value, ok := all[s.stored]; ok {
		return string(value) == "true"
	}
	return !s.off
}

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
	next[s.stored] = value
	if value == nil {
		delete(next, s.stored)
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
	if s.readOnly {
		return s, nil, checkChange(s, all, nil)
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
	return s, stored, checkChange(s, all, stored)
}

// checkChange refuses to change what is the operator's, and windows that would be longer than they may be. A nil
// value is the default.
func checkChange(s setting, all map[string]json.RawMessage, value json.RawMessage) error {
	if s.readOnly {
		return fault.New(fault.CodeForbidden, "The setting '"+s.names[0]+"' is the operator's and cannot be changed through this API")
	}
	next := windowsOf(with(all, s, value))
	if next != windowsOf(all) && next.window+next.grace > next.max {
		return fault.New(fault.CodeWindowTooLong, next.tooLong()).On("value")
	}
	return nil
}

func decodeCategory(r *http.Request) (string, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	var categories []string
	for _, s := range settings {
		if !slices.Contains(categories, s.category()) {
			categories = append(categories, s.category())
		}
	}
	return q.word("category", categories...), q.Err()
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
