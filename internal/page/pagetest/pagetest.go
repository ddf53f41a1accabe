// Package pagetest looks at pages in a real browser: Debian's Chromium, driven over the DevTools protocol. A
// test opens a [Tab] the way some reader would (phone or desktop, light or dark, with or without JavaScript),
// goes somewhere, reads, presses, takes pictures, and lets axe-core look for what keeps people out. Whatever
// the page writes to the console as an error, broken content security policy included, fails the test.
//
// A package that uses it needs
//
//	func TestMain(m *testing.M) { os.Exit(pagetest.Run(m)) }
//
// Neither Chromium nor axe-core is part of the program: scripts/need installs them. Without them tests fail;
// they are never skipped.
package pagetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp" // MIT
)

// patience is how long anything on a page may take, on a machine of two processors that does other things too. Nothing
// waits longer than it must: what is waited for is looked at again and again.
const patience = time.Minute

// startsIn is how long the browser may take until it says where it is reached: its files may have to be read from a cold disk first.
const startsIn = 3 * time.Minute

// turn is which test has windows. Others wait: several that draw and are looked through by axe-core at the same time
// take each other's processors, until a step of one of them is out of patience.
var turn struct {
	sync.Mutex
	holder string // the test's name; "" for nobody
	tabs   int    // its open windows, and its subtests'
	over   chan struct{}
}

// takeTurn waits until no other test has a window. A test that has one may open more, and so may its subtests.
func takeTurn(t *testing.T) {
	turn.Lock()
	defer turn.Unlock()
	for turn.tabs > 0 && t.Name() != turn.holder && !strings.HasPrefix(t.Name(), turn.holder+"/") {
		over := turn.over
		turn.Unlock()
		<-over
		turn.Lock()
	}
	if turn.tabs++; turn.tabs == 1 {
		turn.holder, turn.over = t.Name(), make(chan struct{})
	}
	t.Cleanup(func() {
		turn.Lock()
		defer turn.Unlock()
		if turn.tabs--; turn.tabs == 0 {
			close(turn.over)
		}
	})
}

// browser is the one of this package's tests.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// Run runs a package's tests and then stops the browser, if any test started it. Its result is for os.Exit.
func Run(m *testing.M) int {
	code := m.Run()
	Stop()
	return code
}

// Stop stops the browser, for a TestMain that has more to do than [Run]. No test may run any more.
func Stop() {
	if browser.stop != nil {
		browser.stop()
	}
}

func start() (context.Context, error) {
	browser.once.Do(func() {
		profile, err := os.MkdirTemp("", "till-browser-")
		if err != nil {
			browser.err = err
			return
		}
		options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
			chromedp.ExecPath("chromium"), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(startsIn),
			// There is no network but this machine's; without these the browser keeps trying to reach it.
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true),
			chromedp.Flag("disable-features", "Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider"),
		)
		allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, endBrowser := chromedp.NewContext(allocator)
		browser.ctx, browser.err = ctx, chromedp.Do(ctx)
		browser.stop = func() {
			closing, cancel := context.WithTimeout(ctx, 10*time.Second)
			chromedp.Cancel(closing) // asks it to close; the rest makes sure of it
			cancel()
			endBrowser()
			endAllocator()
			os.RemoveAll(profile)
		}
	})
	return browser.ctx, browser.err
}

// Look is how a reader looks at pages. The zero Look is a desktop, light, in English, with JavaScript.
type Look struct {
	Phone    bool
	Dark     bool
	NoScript bool
	Language string   // of Accept-Language
	Blocked  []string // URL patterns that never answer, as "http://127.0.0.1:*/events": see Network.BlockPattern
}

// Name is the look as a part of a file's name.
func (l Look) Name() string {
	name := "desktop"
	if l.Phone {
		name = "phone"
	}
	if l.Dark {
		name += "-dark"
	}
	if l.NoScript {
		name += "-noscript"
	}
	if l.Language != "" {
		name += "-" + l.Language
	}
	return name
}

// Looks is every combination of screen and colours.
func Looks() []Look {
	return []Look{{}, {Dark: true}, {Phone: true}, {Phone: true, Dark: true}}
}

// Tab is one reader's window, with storage of its own. Not for several goroutines. What goes wrong in it fails
// the test.
type Tab struct {
	*testing.T
	Look Look

	ctx     context.Context
	mu      sync.Mutex
	errors  []string
	allowed []string
	seen    sync.WaitGroup
}

// Open opens a window, when no other test of the package has one. It is closed at the end of the test, and then every error on its console is one of the
// test.
func Open(t *testing.T, l Look) *Tab {
	t.Helper()
	takeTurn(t)
	parent, err := start()
	if err != nil {
		t.Fatalf("the browser did not start: %v (scripts/need installs it)", err)
	}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	tab := &Tab{T: t, Look: l, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		cancel()
		t.Fatalf("no window: %v", err)
	}
	console := chromedp.Console(ctx)
	tab.seen.Go(func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Type == "assert" {
				tab.mu.Lock()
				tab.errors = append(tab.errors, fmt.Sprintf("%s (%s)", m.Text, m.URL))
				tab.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		tab.seen.Wait()
		tab.checkConsole()
	})
	tab.dress()
	return tab
}

// dress makes the window the reader's.
func (tab *Tab) dress() {
	tab.Helper()
	l, colours := tab.Look, "light"
	if l.Dark {
		colours = "dark"
	}
	viewport := chromedp.EmulateViewport(1280, 900)
	if l.Phone {
		viewport = chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	tab.do("the look", viewport)
	call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: colours}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	call(tab, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "UTC"})
	call(tab, network.Enable, network.EnableParams{})
	if l.NoScript {
		call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	}
	if l.Language != "" {
		call(tab, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": l.Language}})
	}
	if len(l.Blocked) > 0 {
		var patterns []*network.BlockPattern
		for _, p := range l.Blocked {
			patterns = append(patterns, &network.BlockPattern{URLPattern: p, Block: true})
		}
		call(tab, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: patterns})
	}
}

// Allow says that console errors with this text are expected.
func (tab *Tab) Allow(text string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.allowed = append(tab.allowed, text)
}

func (tab *Tab) checkConsole() {
	tab.Helper()
	for _, e := range tab.errors {
		if !slices.ContainsFunc(tab.allowed, func(ok string) bool { return strings.Contains(e, ok) }) {
			tab.Errorf("the console says: %s", e)
		}
	}
}

// Go goes to a URL and returns the status of the answer.
func (tab *Tab) Go(url string) int {
	tab.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
	if err != nil {
		tab.Fatalf("%s: %v", url, err)
	}
	return int(answer.Status)
}

// URL is where the window is.
func (tab *Tab) URL() string {
	tab.Helper()
	return run(tab, "the address", chromedp.Location())
}

// Title is the title of the page.
func (tab *Tab) Title() string {
	tab.Helper()
	return run(tab, "the title", chromedp.Title())
}

// Text is the text of the first element that fits, as a reader sees it. One that does not come fails the test.
func (tab *Tab) Text(selector string) string {
	tab.Helper()
	return run(tab, selector, chromedp.Text(chromedp.CSS(selector)))
}

// HTML is what is in the first element that fits.
func (tab *Tab) HTML(selector string) string {
	tab.Helper()
	return run(tab, selector, chromedp.InnerHTML(chromedp.CSS(selector)))
}

// Has says whether an element is there now.
func (tab *Tab) Has(selector string) bool {
	tab.Helper()
	nodes := run(tab, selector, chromedp.Nodes(chromedp.CSS(selector), chromedp.AtLeast(0)))
	return len(nodes) > 0
}

// Attribute is an attribute of the first element that fits; "" when it has none.
func (tab *Tab) Attribute(selector, name string) string {
	tab.Helper()
	return run(tab, selector, chromedp.AttributeValue(chromedp.CSS(selector), name)).Value
}

// Click presses the first element that fits.
func (tab *Tab) Click(selector string) {
	tab.Helper()
	tab.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type types into a field, behind what is there.
func (tab *Tab) Type(selector, text string) {
	tab.Helper()
	tab.do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Choose chooses a file of this machine in a field for files.
func (tab *Tab) Choose(selector, path string) {
	tab.Helper()
	tab.do("choose a file in "+selector, chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}

// Until waits until something holds, and fails the test when it does not in time.
func (tab *Tab) Until(what string, holds func() bool) {
	tab.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
		if time.Now().After(deadline) {
			tab.Fatalf("%s: not within %s; the window is at %s and shows\n%s", what, patience, tab.URL(), tab.Text("body"))
		}
	}
}

// UntilText waits until the page shows a text.
func (tab *Tab) UntilText(selector, text string) {
	tab.Helper()
	tab.Until(fmt.Sprintf("%q in %s", text, selector), func() bool { return strings.Contains(tab.Text(selector), text) })
}

// Picture takes a picture of the whole page. It is put into the folder TILL_PICTURES names, to be looked at, or
// else into one that goes with the test. Pages must fit: one that can be scrolled sideways fails the test.
func (tab *Tab) Picture(name string) {
	tab.Helper()
	png := run(tab, "a picture", chromedp.FullScreenshot(100))
	dir := os.Getenv("TILL_PICTURES")
	if dir == "" {
		dir = tab.TempDir()
	}
	if err := os.WriteFile(filepath.Join(dir, name+"-"+tab.Look.Name()+".png"), png, 0o600); err != nil {
		tab.Fatal(err)
	}
	if !tab.Look.NoScript {
		if over := Eval[int](tab, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
			tab.Errorf("%s is %d px wider than the screen", name, over)
		}
	}
}

// Axe lets axe-core look at the page by the rules of WCAG 2.2 A and AA and its best practices. Every violation
// fails the test.
func (tab *Tab) Axe() {
	tab.Helper()
	source, err := axe()
	if err != nil {
		tab.Fatalf("axe-core: %v (scripts/need installs it)", err)
	}
	tab.do("axe-core", chromedp.Evaluate[chromedp.Void](source))
	type violation struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []struct {
			HTML    string `json:"html"`
			Summary string `json:"failureSummary"`
		} `json:"nodes"`
	}
	type result struct {
		Violations []violation `json:"violations"`
		Passes     int         `json:"passes"`
	}
	got := run(tab, "axe-core", chromedp.Evaluate[result](
		`axe.run().then(r => ({violations: r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => ({html: n.html, failureSummary: n.failureSummary}))})), passes: r.passes.length}))`,
		chromedp.EvalAwaitPromise))
	if got.Passes == 0 {
		tab.Error("axe-core looked at nothing")
	}
	for _, v := range got.Violations {
		for _, n := range v.Nodes {
			tab.Errorf("axe-core, %s: %s (%s)\n%s\n%s", tab.Look.Name(), v.ID, v.Help, n.HTML, n.Summary)
		}
	}
}

// axe is the source of axe-core, of the npm package of that name.
var axe = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("npm", "root", "-g").Output()
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "axe-core", "axe.min.js"))
	return string(source), err
})

// Eval evaluates JavaScript in the page.
func Eval[T any](tab *Tab, script string) T {
	tab.Helper()
	return run(tab, script, chromedp.Evaluate[T](script))
}

// InFrame evaluates JavaScript in the document that the page's only frame shows, of whatever origin. It sees the document
// and nothing of the frame's own scripts. ready is false while there is no frame, or its document is being replaced.
func InFrame[T any](tab *Tab, script string) (got T, ready bool) {
	tab.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	tree, err := chromedp.Call(ctx, cdppage.GetFrameTree, cdp.Empty{})
	if err != nil {
		tab.Fatalf("the frames: %v", err)
	}
	if len(tree.FrameTree.ChildFrames) == 0 {
		return got, false
	}
	world, err := chromedp.Call(ctx, cdppage.CreateIsolatedWorld, cdppage.CreateIsolatedWorldParams{FrameID: tree.FrameTree.ChildFrames[0].Frame.ID})
	if err != nil {
		return got, false
	}
	got, err = chromedp.Run(ctx, chromedp.Evaluate[T](script, func(p *runtime.EvaluateParams) { p.ContextID = world.ExecutionContextID }))
	if err != nil && ctx.Err() == nil && !replaced(err) {
		return got, false // the element is not there yet
	}
	return got, err == nil
}

// UntilFrame waits until a script in the frame's document says true.
func (tab *Tab) UntilFrame(what, script string) {
	tab.Helper()
	tab.Until(what, func() bool {
		holds, ready := InFrame[bool](tab, script)
		return ready && holds
	})
}

// ClickInFrame presses the first element of the frame's document that fits, as soon as it is there.
func (tab *Tab) ClickInFrame(selector string) {
	tab.Helper()
	tab.UntilFrame("press "+selector, fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (!e || document.readyState === "loading") return false; e.click(); return true; })()`, selector))
}

func call[P, R any](tab *Tab, command cdp.Command[P, R], params P) {
	tab.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		tab.Fatalf("%s: %v", command.Method, err)
	}
}

func (tab *Tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	tab.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		tab.Fatalf("%s: %v", what, err)
	}
}

func run[T any](tab *Tab, what string, a chromedp.Action[T]) T {
	tab.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, a)
	for err != nil && replaced(err) && ctx.Err() == nil {
		got, err = chromedp.Run(ctx, a)
	}
	if err != nil {
		tab.Fatalf("%s: %v", what, err)
	}
	return got
}

// replaced says that the element, or the whole page, was replaced between finding and reading it.
func replaced(err error) bool {
	text := err.Error()
	return strings.Contains(text, "No node with given id") || strings.Contains(text, "Cannot find context with specified id") ||
		strings.Contains(text, "Inspected target navigated")
}
