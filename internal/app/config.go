package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml" // MIT

	"till/internal/dialect/baanx"
	"till/internal/dialect/glomo"
	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/secrets"
	"till/internal/store"
	"till/internal/webhook"
)

// Template is a config file with every key, its default and what it means: what `till init` writes.
//
//go:embed till.toml
var Template string

// The environment variables that go before the config file.
const (
	envMasterKey = "TILL_MASTER_KEY"   // the master keys themselves, as in the file
	envDatabase  = "TILL_DATABASE_URL" // database.url
)

// File is what a config file says. till.toml explains every key.
type File struct {
	Server    ServerSection             `toml:"server"`
	Database  DatabaseSection           `toml:"database"`
	Secrets   SecretsSection            `toml:"secrets"`
	Audit     AuditSection              `toml:"audit"`
	Webhooks  WebhooksSection           `toml:"webhooks"`
	Notify    NotifySection             `toml:"notify"`
	Log       LogSection                `toml:"log"`
	Metrics   MetricsSection            `toml:"metrics"`
	Tracing   TracingSection            `toml:"tracing"`
	PayIn     PayInSection              `toml:"payin"`
	Glomo     GlomoSection              `toml:"glomo"`
	Baanx     BaanxSection              `toml:"baanx"`
	Networks  map[string]NetworkSection `toml:"networks"` // by the id merchants name
	Banks     map[string]BankSection    `toml:"banks"`    // accounts of the house, by an id of the operator's own
	Pools     map[string]PoolSection    `toml:"pools"`    // that addresses are derived for
	Gateways  map[string]GatewaySection `toml:"gateways"` // by an id of the operator's own
	PSP       map[string]PSPSection     `toml:"psp"`      // payment services, by an id of the operator's own
	Rates     RatesSection              `toml:"rates"`
	Screening ScreeningSection          `toml:"screening"`
	Documents DocumentsSection          `toml:"documents"`
	Pricing   []PricingSection          `toml:"pricing"` // the first that fits counts

	Methods map[string]map[string]MethodSection `toml:"methods"` // by code and country; beside those of the sandbox
}

// ServerSection is where the server listens and what stands in front of it.
type ServerSection struct {
	Addr             string   `toml:"addr"`
	PublicURL        string   `toml:"public_url"`
	TrustedProxies   []string `toml:"trusted_proxies"`
	TLSCert          string   `toml:"tls_cert"`
	TLSKey           string   `toml:"tls_key"`
	AllowNonLoopback bool     `toml:"allow_non_loopback"`
}

// DatabaseSection says where everything is kept.
type DatabaseSection struct {
	URL secrets.Text `toml:"url"` // of a server it holds a password
}

// SecretsSection says where the master key is.
type SecretsSection struct {
	MasterKeyFile string `toml:"master_key_file"`
}

// AuditSection says where proof of the books is put.
type AuditSection struct {
	Heads string `toml:"heads"`
}

// WebhooksSection loosens whom the server may call.
type WebhooksSection struct {
	AllowPrivate bool `toml:"allow_private"`
	AllowHTTP    bool `toml:"allow_http"`
}

// LogSection says what is logged.
type LogSection struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

// MetricsSection says whether /metrics is served.
type MetricsSection struct {
	Enabled bool         `toml:"enabled"`
	Token   secrets.Text `toml:"token"`
}

// TracingSection says where spans are sent.
type TracingSection struct {
	Endpoint string `toml:"endpoint"`
}

// PayInSection is what the PayIn API asks of the operator: host names of its own, and how often one key may call, 0 for
// no limit.
type PayInSection struct {
	Hosts     []string `toml:"hosts"`
	PerMinute int      `toml:"requests_per_minute"`
	PerHour   int      `toml:"requests_per_hour"`
	PerDay    int      `toml:"requests_per_day"`
}

// GlomoSection is what the Glomo API asks of the operator: host names of its own, and the currencies that orders are sold in.
type GlomoSection struct {
	Hosts      []string `toml:"hosts"`
	Currencies []string `toml:"currencies"` // none: those of the contract
}

// NetworkSection is one network. Name, ChainID, Mode and Tokens describe one of the operator's own; for one
// of the catalogue they may be repeated, but not contradicted, and Tokens are added to those it has.
type NetworkSection struct {
	Enabled       bool           `toml:"enabled"`
	RPC           []secrets.Text `toml:"rpc"` // URLs, which often hold an access key
	Confirmations int            `toml:"confirmations"`
	Poll          Duration       `toml:"poll"`
	Name          string         `toml:"name"`
	ChainID       uint64         `toml:"chain_id"`
	Mode          engine.Mode    `toml:"mode"`
	Tokens        []TokenSection `toml:"tokens"`

	Coin   string                  `toml:"coin"` // code of the native coin
	Sender SenderSection           `toml:"sender"`
	Limits map[string]LimitSection `toml:"limits"` // by the token's code
}

// TokenSection is one token contract.
type TokenSection struct {
	Code     string `toml:"code"`
	Decimals *int   `toml:"decimals"` // nil: not said, which is refused: a wrong guess is off by a power of ten
	Contract string `toml:"contract"`
}

// Duration is a time.Duration that is written with its unit ("4s") and never as a bare number.
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New(`want a number with a unit, like "4s"`)
	}
	*d = Duration(parsed)
	return nil
}

const (
	defaultPoll                 = Duration(4 * time.Second)
	minPoll                     = Duration(100 * time.Millisecond)
	maxPoll                     = Duration(10 * time.Minute)
	defaultMaxFee               = "100" // gwei
	defaultBump                 = Duration(2 * time.Minute)
	defaultConfirmations        = 12  // of a network the catalogue does not know
	maxConfirmations            = 256 // the watcher remembers the hashes of as many blocks
	maxChainID           uint64 = 1<<53 - 1
)

// Defaults is what an empty config file says.
func Defaults() File {
	f := File{
		Server:    ServerSection{Addr: "127.0.0.1:4488", TrustedProxies: []string{}},
		Database:  DatabaseSection{URL: "till.db"},
		Secrets:   SecretsSection{MasterKeyFile: "master.key"},
		Audit:     AuditSection{Heads: "heads"},
		Notify:    defaultNotify(),
		Log:       LogSection{Level: "info", Format: "text"},
		PayIn:     PayInSection{Hosts: []string{}},
		Glomo:     GlomoSection{Hosts: []string{}, Currencies: glomo.DefaultCurrencies},
		Baanx:     BaanxSection{Hosts: []string{}, PaidAt: paidAtISO},
		Networks:  map[string]NetworkSection{},
		Banks:     map[string]BankSection{},
		Pools:     map[string]PoolSection{},
		Gateways:  map[string]GatewaySection{},
		PSP:       map[string]PSPSection{},
		Rates:     defaultRates(),
		Screening: defaultScreening(), Documents: defaultDocuments(),
		Methods: map[string]map[string]MethodSection{},
	}
	for _, n := range Catalogue() {
		f.Networks[n.ID] = defaultNetwork(&n)
	}
	return f
}

// defaultNetwork is a network's section before the file is read; nil is a network of the operator's own.
func defaultNetwork(known *engine.Network) NetworkSection {
	s := NetworkSection{Enabled: true, RPC: []secrets.Text{}, Confirmations: defaultConfirmations, Poll: defaultPoll,
		Sender: SenderSection{MaxFee: defaultMaxFee, BumpAfter: defaultBump}}
	if known != nil {
		s.Coin = known.Coin.Code()
		s.Confirmations, s.Name, s.ChainID, s.Mode = known.Confirmations, known.Name, known.ChainID, known.Mode
	}
	return s
}

// LoadConfig reads a config file, checks every value of it and makes what [Start] needs. An empty path is
// the file till.toml of the working directory, or the defaults when there is none; paths in it are relative
// to its folder. env is os.Getenv. The log goes to logTo. The master key's file is made when there is
// neither such a file nor a database yet.
//
// Errors name the file, the line and the key, and never repeat a value that may be a secret.
func LoadConfig(path string, env func(string) string, logTo io.Writer) (Config, error) {
	f, cfg, err := loadFile(path, env, logTo)
	if err != nil {
		return Config{}, err
	}
	if cfg.Box, err = f.box(cfg, env); err != nil {
		return cfg, err
	}
	if err = f.openSenders(&cfg, env); err != nil {
		return cfg, err
	}
	if err = f.openPSPs(&cfg, env); err != nil {
		return cfg, err
	}
	return cfg, f.openGateways(&cfg, env)
}

// ReadConfig is LoadConfig for a command that seals and opens nothing: without the master key, whose file it
// neither makes nor reads.
func ReadConfig(path string, env func(string) string, logTo io.Writer) (Config, error) {
	_, cfg, err := loadFile(path, env, logTo)
	return cfg, err
}

func loadFile(path string, env func(string) string, logTo io.Writer) (File, Config, error) {
	text, path, err := readConfig(path)
	if err != nil {
		return File{}, Config{}, err
	}
	f, err := decode(text)
	if err != nil {
		return File{}, Config{}, fmt.Errorf("%s: %w", path, err)
	}
	if from := env(envDatabase); from != "" {
		f.Database.URL = secrets.Text(from)
		if _, err := f.Database.path(""); err != nil {
			return File{}, Config{}, fmt.Errorf("%s: %w", envDatabase, err)
		}
	}
	if from := env(envSMTPPassword); from != "" {
		f.Notify.SMTP.Password, f.Notify.SMTP.PasswordFile = secrets.Text(from), ""
	}
	if from := env(envWhatsAppToken); from != "" {
		f.Notify.WhatsApp.Token, f.Notify.WhatsApp.TokenFile = secrets.Text(from), ""
	}
	cfg, err := f.config(filepath.Dir(path), logTo)
	if wrong, ok := errors.AsType[*valueError](err); ok {
		return File{}, Config{}, fmt.Errorf("%s: %s", path, wrong.in(text))
	}
	return f, cfg, err
}

// readConfig returns the text of the file and its absolute path, where it is or would be.
func readConfig(path string) (text, at string, err error) {
	optional := path == ""
	if optional {
		path = "till.toml"
	}
	if at, err = filepath.Abs(path); err != nil {
		return "", "", err
	}
	raw, err := os.ReadFile(at)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return "", at, nil
	}
	return string(raw), at, err
}

// decode reads a config file over the defaults. It refuses every key that has no meaning, also one that
// differs from a known one by its case only.
func decode(text string) (File, error) {
	f := Defaults()
	var raw struct {
		File
		Networks map[string]toml.Primitive            `toml:"networks"`
		Banks    map[string]toml.Primitive            `toml:"banks"`
		Gateways map[string]toml.Primitive            `toml:"gateways"`
		PSP      map[string]toml.Primitive            `toml:"psp"`
		Methods  map[string]map[string]toml.Primitive `toml:"methods"`
	}
	raw.File = f
	md, err := toml.Decode(text, &raw)
	if err != nil {
		return File{}, readable(err)
	}
	for _, key := range md.Keys() {
		if !knownKeys[keyPattern(key)] {
			return File{}, errors.New((&valueError{key, "unknown key"}).in(text))
		}
	}
	f = raw.File
	f.Networks = Defaults().Networks
	for id, section := range raw.Networks {
		s, known := f.Networks[id]
		if !known {
			s = defaultNetwork(nil)
		}
		if err := md.PrimitiveDecode(section, &s); err != nil {
			return File{}, readable(err)
		}
		f.Networks[id] = s
	}
	f.Banks = map[string]BankSection{}
	for id, section := range raw.Banks {
		s := defaultBank()
		if err := md.PrimitiveDecode(section, &s); err != nil {
			return File{}, readable(err)
		}
		f.Banks[id] = s
	}
	f.Gateways = map[string]GatewaySection{}
	for id, section := range raw.Gateways {
		s := defaultGateway()
		if err := md.PrimitiveDecode(section, &s); err != nil {
			return File{}, readable(err)
		}
		f.Gateways[id] = s
	}
	f.PSP = map[string]PSPSection{}
	for id, section := range raw.PSP {
		s := defaultPSP()
		if err := md.PrimitiveDecode(section, &s); err != nil {
			return File{}, readable(err)
		}
		f.PSP[id] = s
	}
	f.Methods, err = decodeMethods(md, raw.Methods, f.Banks)
	return f, err
}

// decodeMethods reads the sections of methods over what the catalogue says of them.
func decodeMethods(md toml.MetaData, raw map[string]map[string]toml.Primitive, banks map[string]BankSection) (map[string]map[string]MethodSection, error) {
	all := map[string]map[string]MethodSection{}
	for code, countries := range raw {
		all[code] = map[string]MethodSection{}
		for country, section := range countries {
			var on struct{ Network string }
			if err := md.PrimitiveDecode(section, &on); err != nil {
				return nil, readable(err)
			}
			s := sectionOf(nil)
			for _, m := range MethodCatalogue() {
				if m.Code == code && m.Country == country {
					s = sectionOf(&m)
					if on.Network != "" && on.Network != m.Network {
						s = sectionElsewhere(m)
					}
				}
			}
			if _, is := banks[on.Network]; is {
				s.Window = bankWindow
			}
			if err := md.PrimitiveDecode(section, &s); err != nil {
				return nil, readable(err)
			}
			all[code][country] = s
		}
	}
	return all, nil
}

// readable takes the library's name off its errors, which say line and key.
func readable(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "toml: "))
}

// knownKeys is every key that a file may have, with the word of anyID for a network's or a bank's id, a pool's name, a method's code and country.
var knownKeys = keysOf(reflect.TypeFor[File](), nil, map[string]bool{})

const anyID = "ID"

func keysOf(t reflect.Type, prefix toml.Key, into map[string]bool) map[string]bool {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	into[prefix.String()] = true
	switch t.Kind() {
	case reflect.Map:
		keysOf(t.Elem(), append(slices.Clone(prefix), anyID), into)
	case reflect.Struct:
		for field := range t.Fields() {
			keysOf(field.Type, append(slices.Clone(prefix), field.Tag.Get("toml")), into)
		}
	}
	return into
}

func keyPattern(key toml.Key) string {
	ids := map[string]int{"networks": 1, "banks": 1, "pools": 1, "gateways": 1, "psp": 1, "methods": 2}[key[0]] // how many of its parts are names
	pattern := slices.Clone(key)
	for i := 1; i <= ids && i < len(key); i++ {
		pattern[i] = anyID
	}
	if len(key) > 3 && (key[0] == "networks" && key[2] == "limits" || key[0] == "banks" && key[2] == "virtual" || key[0] == "psp" && key[2] == "methods") {
		pattern[3] = anyID
	}
	if len(key) > 2 && key[0] == "screening" && key[1] == "two_persons" {
		pattern[2] = anyID
	}
	if len(key) > 2 && key[0] == baanx.Name && key[1] == "products" {
		for i := 2; i < len(key) && i < 4; i++ {
			pattern[i] = anyID
		}
	}
	return pattern.String()
}

// valueError is a value that has the right type and cannot be right.
type valueError struct {
	key     toml.Key
	problem string
}

func (e *valueError) Error() string { return e.key.String() + ": " + e.problem }

// in is the error with the line of a file's text that it is about. A value from elsewhere has no line.
func (e *valueError) in(text string) string {
	if line := lineOf(text, e.key); line > 0 {
		return fmt.Sprintf("line %d: %v", line, e)
	}
	return e.Error()
}

func wrong(key toml.Key, format string, args ...any) error {
	return &valueError{key, fmt.Sprintf(format, args...)}
}

// lineOf finds the line of a key, or else of the key it is part of; 0 when the text has neither. The
// library tells positions in its errors only, so it is made to give one.
func lineOf(text string, key toml.Key) int {
	var at map[string]toml.Primitive
	md, err := toml.Decode(text, &at)
	if err != nil {
		return 0
	}
	line := 0
	for _, part := range key {
		value, found := at[part]
		if !found {
			return line
		}
		if here, ok := errors.AsType[toml.ParseError](md.PrimitiveDecode(value, &refusal{})); ok && here.Position.Line > 0 {
			line = here.Position.Line
		}
		at = nil
		if md.PrimitiveDecode(value, &at) != nil {
			return line
		}
	}
	return line
}

type refusal struct{}

func (*refusal) UnmarshalTOML(any) error { return errors.New("refused") }

// config checks the values and makes of them what Start needs, all but the box.
func (f File) config(dir string, logTo io.Writer) (cfg Config, err error) {
	cfg.Dir = dir
	cfg.Guard = webhook.Guard{AllowPrivate: f.Webhooks.AllowPrivate, AllowHTTP: f.Webhooks.AllowHTTP}
	if f.Audit.Heads != "" {
		cfg.Heads = under(dir, f.Audit.Heads)
	}
	if cfg.Log, err = f.Log.logger(logTo); err != nil {
		return cfg, err
	}
	if err = f.Server.check(&cfg); err != nil {
		return cfg, err
	}
	if cfg.Metrics, err = f.Metrics.metrics(cfg); err != nil {
		return cfg, err
	}
	if cfg.Tracing, err = tracingURL(f.Tracing.Endpoint); err != nil {
		return cfg, wrong(toml.Key{"tracing", "endpoint"}, "%v", err)
	}
	if cfg.Senders, err = f.Notify.senders(dir); err != nil {
		return cfg, err
	}
	for _, code := range f.Glomo.Currencies {
		if _, err := money.Fiat(code); err != nil {
			return cfg, wrong(toml.Key{"glomo", "currencies"}, "there is no currency %q", code)
		}
	}
	cfg.Currencies = f.Glomo.Currencies
	if cfg.PayIn, err = f.PayIn.limits(); err != nil {
		return cfg, err
	}
	if cfg.Hosts, err = hosts(map[string][]string{payin.Name: f.PayIn.Hosts, glomo.Name: f.Glomo.Hosts, baanx.Name: f.Baanx.Hosts}); err != nil {
		return cfg, err
	}
	if cfg.Database, err = f.Database.path(dir); err != nil {
		return cfg, err
	}
	if cfg.Networks, err = networkList(f.Networks); err != nil {
		return cfg, err
	}
	if cfg.Banks, err = bankList(f.Banks, cfg.Networks, dir); err != nil {
		return cfg, err
	}
	if cfg.PSPs, err = pspList(f.PSP, takenNames(f), cfg.Guard); err != nil {
		return cfg, err
	}
	if cfg.Methods, err = methodList(f.Methods, cfg.Networks, cfg.Banks, cfg.PSPs); err != nil {
		return cfg, err
	}
	if cfg.Exchange, err = f.Rates.exchange(f.Pricing); err != nil {
		return cfg, err
	}
	if cfg.Rates, err = f.Rates.sources(dir, cfg.Guard); err != nil {
		return cfg, err
	}
	if cfg.Screening, err = f.Screening.screening(dir); err != nil {
		return cfg, err
	}
	if cfg.Files, err = f.Documents.files(dir); err != nil {
		return cfg, err
	}
	if cfg.Gateways, err = gatewayList(f.Gateways, cfg.Networks, cfg.Banks, cfg.Guard); err != nil {
		return cfg, err
	}
	if cfg.Baanx, err = f.Baanx.baanx(dir, cfg); err != nil {
		return cfg, err
	}
	cfg.Pools, err = poolList(f.Pools)
	return cfg, err
}

// metrics asks for a token where other machines reach the server: the numbers tell how business goes.
func (s MetricsSection) metrics(cfg Config) (Metrics, error) {
	host, _, _ := net.SplitHostPort(cfg.Addr)
	open := !loopback(host) || cfg.PublicURL != "" || len(cfg.TrustedProxies) > 0
	if s.Enabled && open && s.Token == "" {
		return Metrics{}, wrong(toml.Key{"metrics", "token"}, "is needed where others than this machine reach the server")
	}
	return Metrics{Enabled: s.Enabled, Token: s.Token}, nil
}

func (s PayInSection) limits() (payin.Limits, error) {
	for _, limit := range []struct {
		key string
		n   int
	}{{"requests_per_minute", s.PerMinute}, {"requests_per_hour", s.PerHour}, {"requests_per_day", s.PerDay}} {
		if limit.n < 0 {
			return payin.Limits{}, wrong(toml.Key{"payin", limit.key}, "is a number of requests, or 0 for no limit")
		}
	}
	return payin.Limits{PerMinute: s.PerMinute, PerHour: s.PerHour, PerDay: s.PerDay}, nil
}

// hosts are the host names at whose root an API is served, by the API.
func hosts(of map[string][]string) (map[string]string, error) {
	all := map[string]string{}
	for _, api := range slices.Sorted(maps.Keys(of)) {
		for _, host := range of[api] {
			if !isHostName(host) {
				return nil, wrong(toml.Key{api, "hosts"}, "%q is no host name in small letters, without scheme, port or path", host)
			}
			if other, taken := all[host]; taken && other != api {
				return nil, wrong(toml.Key{api, "hosts"}, "%q is another API's already", host)
			}
			all[host] = api
		}
	}
	return all, nil
}

func (s LogSection) logger(to io.Writer) (*slog.Logger, error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, known := levels[s.Level]
	if !known {
		return nil, wrong(toml.Key{"log", "level"}, "want debug, info, warn or error")
	}
	options := &slog.HandlerOptions{Level: level}
	switch s.Format {
	case "text":
		return slog.New(slog.NewTextHandler(to, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(to, options)), nil
	}
	return nil, wrong(toml.Key{"log", "format"}, "want text or json")
}

// check fills what the server listens with. Passwords and keys cross the connection, so that anything but
// loopback needs TLS, or the operator's word that something in front has it.
func (s ServerSection) check(cfg *Config) error {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return wrong(toml.Key{"server", "addr"}, "want HOST:PORT")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return wrong(toml.Key{"server", "addr"}, "the port is a number from 0 to 65535")
	}
	cfg.Addr = s.Addr
	if cfg.PublicURL, err = publicURL(s.PublicURL); err != nil {
		return wrong(toml.Key{"server", "public_url"}, "%v", err)
	}
	for _, text := range s.TrustedProxies {
		proxy, err := parsePrefix(text)
		if err != nil {
			return wrong(toml.Key{"server", "trusted_proxies"}, "%q: %v", text, err)
		}
		cfg.TrustedProxies = append(cfg.TrustedProxies, proxy)
	}
	switch {
	case s.TLSCert != "" && s.TLSKey != "":
		pair, err := tls.LoadX509KeyPair(under(cfg.Dir, s.TLSCert), under(cfg.Dir, s.TLSKey))
		if err != nil {
			return wrong(toml.Key{"server", "tls_cert"}, "with server.tls_key: %v", err)
		}
		cfg.TLS = &pair
	case s.TLSCert != "":
		return wrong(toml.Key{"server", "tls_key"}, "is missing beside server.tls_cert")
	case s.TLSKey != "":
		return wrong(toml.Key{"server", "tls_cert"}, "is missing beside server.tls_key")
	}
	if !loopback(host) && cfg.TLS == nil && !s.AllowNonLoopback {
		return wrong(toml.Key{"server", "addr"}, "%q is reachable from other machines, and keys would cross the network in the clear: "+
			"give server.tls_cert and server.tls_key, or set server.allow_non_loopback where a proxy in front speaks TLS", s.Addr)
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// publicURL checks an address that paths are put behind.
func publicURL(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", errors.New("want an http or https URL")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return "", errors.New("want scheme, host and perhaps a path, and nothing else")
	}
	return strings.TrimRight(text, "/"), nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, errors.New("want an address, or a network like 10.0.0.0/8")
	}
	if prefix.Bits() == 0 {
		return netip.Prefix{}, errors.New("everybody would be believed")
	}
	return prefix.Masked(), nil
}

// path is the database's file, or the URL of its server.
func (s DatabaseSection) path(dir string) (string, error) {
	key, text := toml.Key{"database", "url"}, s.URL.Reveal()
	switch {
	case text == "":
		return "", wrong(key, "is empty")
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return text, nil
	case strings.Contains(text, "://"):
		return "", wrong(key, "want the path of a SQLite file, or a postgres:// URL")
	case strings.HasSuffix(text, "/"):
		return "", wrong(key, "want a file, not a folder")
	}
	return under(dir, text), nil
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// box opens the master key. A new one is made only together with a new database: where there is a database
// already, it could open nothing that is in it.
func (f File) box(cfg Config, env func(string) string) (*secrets.Box, error) {
	if text := env(envMasterKey); text != "" {
		box, err := secrets.FromText(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", envMasterKey, err)
		}
		return box, nil
	}
	path := under(cfg.Dir, f.Secrets.MasterKeyFile)
	fresh, err := noDatabase(cfg.Database, path)
	if err != nil {
		return nil, err
	}
	box, err := secrets.Open(path, rand.Reader, fresh)
	if !fresh && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("secrets.master_key_file: %s is missing, and the database holds what only that key can open: put the file back", path)
	}
	if err != nil {
		return nil, fmt.Errorf("secrets.master_key_file: %w", err)
	}
	return box, nil
}

// noDatabase says whether nothing was kept yet, which a server is only asked where there is no key.
func noDatabase(database, keyFile string) (bool, error) {
	if !store.IsPostgres(database) {
		_, err := os.Stat(database)
		return errors.Is(err, fs.ErrNotExist), nil
	}
	if _, err := os.Stat(keyFile); err == nil {
		return false, nil
	}
	schema, err := store.SchemaOf(context.Background(), database)
	if err != nil {
		return false, fmt.Errorf("database.url: %w", err)
	}
	return schema.Version == 0, nil
}
