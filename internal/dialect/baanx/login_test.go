package baanx

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/secrets"
)

func (k *kit) loginAs(email, pass, more string) reply {
	k.Helper()
	return k.do(request{method: "POST", path: "/v1/auth/login", client: shopClient, body: fmt.Sprintf(`{"email":%q,"password":%q%s}`, email, pass, more)})
}

func (k *kit) opens(token string) bool {
	k.Helper()
	return k.do(request{method: "GET", path: "/v1/user", client: shopClient, token: token}).status == 200
}

func TestLogin(t *testing.T) { // case 42
	k := newKit(t)
	got := parse[loginBody](k, k.loginAs("ANA@example.com", password, ""))
	if got.UserID != "user-ana" || got.IsOtpRequired || got.VerificationState != "VERIFIED" || *got.PhoneNumber != "+445****225" || !strings.HasPrefix(got.AccessToken, "INT_") || !k.opens(got.AccessToken) {
		t.Errorf("%+v", got)
	}
	k.clock.Move(accessLife - time.Second)
	if !k.opens(got.AccessToken) {
		t.Error("a token ends before its time")
	}
	k.clock.Move(2 * time.Second)
	if k.opens(got.AccessToken) {
		t.Error("a token does not end")
	}
	k.user("off", func(u *engine.User) { u.Active = false })
	k.user("foreign", func(u *engine.User) { u.Password = "" })
	want := k.loginAs("ana@example.com", password+"x", "")
	k.refused("a wrong password", want, 401, "Invalid email, password or code")
	for _, email := range []string{"nobody@example.com", "off@example.com", "foreign@example.com"} {
		if got := k.loginAs(email, password, ""); got.status != 401 || got.body != want.body {
			t.Errorf("%s: %d %s", email, got.status, got.body)
		}
	}
	k.refused("no password", k.loginAs("ana@example.com", "", ""), 422, "password")
}

// Who guesses is slowed, and who is kept out by that is told how long.
func TestLoginIsSlowed(t *testing.T) {
	k := newKit(t)
	k.user("bob", func(*engine.User) {})
	for range 5 {
		k.refused("a guess", k.loginAs("bob@example.com", "a wrong password", ""), 401, "")
	}
	got := k.loginAs("bob@example.com", password, "")
	k.refused("the sixth", got, 429, "")
	if got.header.Get("Retry-After") == "" {
		t.Error("nobody says how long")
	}
	k.clock.Move(time.Minute)
	if got := k.loginAs("bob@example.com", password, ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A token without its code opens nothing.
func TestOTP(t *testing.T) {
	k := newKit(t)
	k.user("bob", func(u *engine.User) { u.OTP = true })
	half := parse[loginBody](k, k.loginAs("bob@example.com", password, ""))
	if !half.IsOtpRequired || k.opens(half.AccessToken) {
		t.Errorf("%+v", half)
	}
	k.refused("an order with half a login", k.do(request{method: "POST", path: "/v1/order", body: ask, client: shopClient, token: half.AccessToken}), 401, "Not authenticated")
	send := func(id string) reply {
		return k.do(request{method: "POST", path: "/v1/auth/login/otp", client: shopClient, body: `{"userId":"` + id + `"}`})
	}
	if got := send(half.UserID); got.status != 200 || k.errands() != 0 || len(k.sent) != 0 {
		t.Errorf("%d %s %v", got.status, got.body, k.sent)
	}
	if got := send("nobody"); got.status != 200 {
		t.Errorf("who is not there is told: %d %s", got.status, got.body)
	}
	k.refused("a wrong code", k.loginAs("bob@example.com", password, `,"otpCode":"000000"`), 401, "")
	if got := parse[loginBody](k, k.loginAs("bob@example.com", password, `,"otpCode":"`+sandboxCode+`"`)); got.IsOtpRequired || !k.opens(got.AccessToken) {
		t.Errorf("%+v", got)
	}
}

// Live codes are sent, good once, and for ten minutes.
func TestLiveOTP(t *testing.T) {
	k := newKit(t)
	k.user("bob", func(u *engine.User) {
		u.OTP, u.Scope = true, engine.Scope{Merchant: "shop", Mode: engine.Live, Dialect: Name}
	})
	login := func(more string) reply {
		return k.do(request{method: "POST", path: "/v1/auth/login", client: liveClient, body: `{"email":"bob@example.com","password":"` + password + `"` + more + `}`})
	}
	send := func() {
		k.do(request{method: "POST", path: "/v1/auth/login/otp", client: liveClient, body: `{"userId":"user-bob"}`})
		k.errands()
	}
	send()
	code := k.sent["user-bob"]
	if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
		t.Fatalf("the code is %q", code)
	}
	u, err := k.engine.User(context.Background(), engine.Scope{}, "user-bob")
	k.must(err)
	if strings.Contains(u.Code, code) {
		t.Error("a code is on record in clear")
	}
	k.refused("the sandbox's code", login(`,"otpCode":"`+sandboxCode+`"`), 401, "")
	if got := login(`,"otpCode":"` + code + `"`); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("the same again", login(`,"otpCode":"`+code+`"`), 401, "")
	send()
	k.clock.Move(codeLife)
	k.refused("too late", login(`,"otpCode":"`+k.sent["user-bob"]+`"`), 401, "")
	k.dialect.SendCode = nil
	k.refused("nobody sends", k.do(request{method: "POST", path: "/v1/auth/login/otp", client: liveClient, body: `{"userId":"user-bob"}`}), 503, "")
	k.refused("nobody sends, to nobody", k.do(request{method: "POST", path: "/v1/auth/login/otp", client: liveClient, body: `{"userId":"user-none"}`}), 503, "")
}

// Whether somebody is a user is not told by how long the answer takes: the same is done for everybody before it, and who he is is looked up behind it.
func TestCodesAreSentBehindTheAnswer(t *testing.T) {
	k := newKit(t)
	live := func(name string, change func(*engine.User)) {
		k.user(name, func(u *engine.User) {
			u.OTP, u.Scope = true, engine.Scope{Merchant: "shop", Mode: engine.Live, Dialect: Name}
			change(u)
		})
	}
	live("bob", func(*engine.User) {})
	live("eve", func(u *engine.User) { u.Active = false })
	live("joe", func(u *engine.User) { u.OTP = false })
	for _, id := range []string{"user-bob", "user-none", "user-eve", "user-joe", "user-ana"} {
		got := k.do(request{method: "POST", path: "/v1/auth/login/otp", client: liveClient, body: `{"userId":"` + id + `"}`})
		if got.status != 200 || strings.TrimSpace(got.body) != `{"success":true}` {
			t.Errorf("%s: %d %s", id, got.status, got.body)
		}
		if len(k.later) != 1 || len(k.sent) != 0 {
			t.Errorf("%s: %d errands wait, and %v was sent before the answer", id, len(k.later), k.sent)
		}
		if u, err := k.engine.User(context.Background(), engine.Scope{}, id); err == nil && u.Code != "" {
			t.Errorf("%s: his code is made before the answer", id)
		}
		k.errands()
		if _, sent := k.sent[id]; sent != (id == "user-bob") || len(k.sent) > 1 {
			t.Errorf("%s: behind the answer %v was sent", id, k.sent)
		}
		delete(k.sent, id)
	}
	k.dialect.Later = func(func(ctx context.Context) error) bool { return false }
	for _, id := range []string{"user-bob", "user-none"} {
		k.refused("too many wait", k.do(request{method: "POST", path: "/v1/auth/login/otp", client: liveClient, body: `{"userId":"` + id + `"}`}), 503, "")
	}
}

func TestLogout(t *testing.T) {
	k := newKit(t)
	other := k.login("ana")
	if got := k.post("/v1/auth/logout", ""); got.status != 200 || strings.TrimSpace(got.body) != `{"success":true}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	if k.opens(k.token) || !k.opens(other) {
		t.Error("not that token has ended, or more")
	}
	k.refused("again", k.post("/v1/auth/logout", ""), 401, "Not authenticated")
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // of RFC 7636, appendix B

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// begin is where an authorization begins.
func begin(path string, change ...string) string {
	query := url.Values{"response_type": {"code"}, "client_id": {shopClient}, "redirect_uri": {back}, "state": {"xyz"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}, "mode": {"api"}}
	for i := 0; i < len(change); i += 2 {
		query.Del(change[i])
		if change[i+1] != "" {
			query.Set(change[i], change[i+1])
		}
	}
	return path + "?" + query.Encode()
}

const initiatePath = "/v1/auth/oauth/authorize/initiate"

// code is one for ana.
func (k *kit) code(path string) string {
	k.Helper()
	begun := parse[initiatedBody](k, k.do(request{method: "GET", path: path}))
	got := parse[authorizedBody](k, k.post("/v1/auth/oauth/authorize", `{"token":"`+begun.Token+`"}`))
	if got.Code == "" {
		k.Fatal("no code")
	}
	return got.Code
}

func (k *kit) change(code string, more ...string) reply {
	k.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}, "code_verifier": {verifier}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return k.do(request{method: "POST", path: "/v1/auth/oauth/token", client: shopClient, body: form.Encode(), header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
}

// The whole of it: begin, consent, code, tokens, refresh, revoke.
func TestOAuth(t *testing.T) {
	k := newKit(t)
	begun := parse[initiatedBody](k, k.do(request{method: "GET", path: begin(initiatePath)}))
	if !strings.HasPrefix(begun.URL, "https://pay.example.com/baanx/v1/auth/oauth/authorize/consent?token=") {
		t.Errorf("the page is at %s", begun.URL)
	}
	if got := k.do(request{method: "GET", path: begin(initiatePath, "mode", "")}); got.status != 302 || !strings.HasPrefix(got.header.Get("Location"), "https://pay.example.com/") {
		t.Errorf("%d %v", got.status, got.header)
	}
	allowed := parse[authorizedBody](k, k.post("/v1/auth/oauth/authorize", `{"token":"`+begun.Token+`"}`))
	if *allowed.State != "xyz" || allowed.URL != back+"?code="+url.QueryEscape(allowed.Code)+"&state=xyz" {
		t.Errorf("%+v", allowed)
	}
	got := k.do(request{method: "POST", path: "/v1/auth/oauth/token", client: shopClient,
		body: `{"grant_type":"authorization_code","code":"` + allowed.Code + `","redirect_uri":"` + back + `","code_verifier":"` + verifier + `"}`})
	tokens := parse[tokenBody](k, got)
	if tokens.ExpiresIn != 21600 || tokens.RefreshExpires != 15897600 || tokens.TokenType != "Bearer" || !k.opens(tokens.AccessToken) || k.opens(tokens.RefreshToken) {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("an access token allows nothing", k.do(request{method: "POST", path: "/v1/auth/oauth/authorize", client: shopClient, token: tokens.AccessToken, body: `{"token":"` + begun.Token + `"}`}), 401, "")

	refresh := func(token, client string) reply {
		return k.do(request{method: "POST", path: "/v1/auth/oauth/token", client: client, body: `{"grant_type":"refresh_token","refresh_token":"` + token + `"}`})
	}
	k.refused("another application refreshes", refresh(tokens.RefreshToken, otherClient), 400, "")
	next := parse[tokenBody](k, refresh(tokens.RefreshToken, shopClient))
	if !k.opens(next.AccessToken) {
		t.Errorf("%+v", next)
	}
	if got := k.do(request{method: "DELETE", path: "/v1/auth/oauth/revoke", client: shopClient, token: next.AccessToken}); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if k.opens(next.AccessToken) || k.opens(tokens.AccessToken) || !k.opens(k.token) {
		t.Error("not what was given has ended, or the login too")
	}
	k.refused("refresh after revoking", refresh(next.RefreshToken, shopClient), 400, "")
}

func TestOAuthRefusals(t *testing.T) {
	k := newKit(t)
	for what, test := range map[string]struct {
		change []string
		status int
		word   string
	}{
		"no response_type":       {[]string{"response_type", ""}, 400, "response_type"},
		"another response_type":  {[]string{"response_type", "token"}, 400, "response_type"},
		"no client":              {[]string{"client_id", ""}, 400, "client_id"},
		"an unknown client":      {[]string{"client_id", "nobody"}, 498, "Invalid client key"},
		"no redirect":            {[]string{"redirect_uri", ""}, 400, "redirect_uri"},
		"another redirect":       {[]string{"redirect_uri", back + "/more"}, 400, "redirect_uri"},
		"a redirect elsewhere":   {[]string{"redirect_uri", "https://evil.example/back"}, 400, "redirect_uri"},
		"no challenge":           {[]string{"code_challenge", ""}, 400, "Missing required parameter: code_challenge"},
		"a short challenge":      {[]string{"code_challenge", "abc"}, 400, "code_challenge"},
		"a plain challenge":      {[]string{"code_challenge_method", "plain"}, 400, "S256"},
		"no method of challenge": {[]string{"code_challenge_method", ""}, 400, "code_challenge_method"},
		"a scope":                {[]string{"scope", "everything"}, 400, "scope"},
	} {
		k.refused(what, k.do(request{method: "GET", path: begin(initiatePath, test.change...)}), test.status, test.word)
	}
	for what, more := range map[string][]string{
		"another verifier": {"code_verifier", strings.Repeat("a", 43)},
		"a short verifier": {"code_verifier", "short"},
		"another redirect": {"redirect_uri", "com.shop.app:/back?from=till"},
		"no code":          {"code", ""},
		"another grant":    {"grant_type", "password"},
		"a forged code":    {"code", "eyJhbGciOiJub25lIn0.e30."},
	} {
		k.refused(what, k.change(k.code(begin(initiatePath)), more...), 400, "")
	}
	code := k.code(begin(initiatePath))
	k.clock.Move(grantLife + time.Second)
	k.refused("too late", k.change(code), 400, "over")
	begun := parse[initiatedBody](k, k.do(request{method: "GET", path: begin(initiatePath)}))
	k.clock.Move(sessionLife)
	k.refused("a session that is over", k.post("/v1/auth/oauth/authorize", `{"token":"`+begun.Token+`"}`), 400, "over")
	k.refused("another application's session", k.do(request{method: "POST", path: "/v1/auth/oauth/authorize", client: otherClient, token: k.login("ana"), body: `{"token":"` + begun.Token + `"}`}), 401, "")
}

// A code or a refresh token that comes twice was stolen: what the same consent gave ends, and nothing else.
func TestReuseEndsWhatWasGiven(t *testing.T) { // case 64
	k := newKit(t)
	refresh := func(token string) reply {
		return k.do(request{method: "POST", path: "/v1/auth/oauth/token", client: shopClient, body: `{"grant_type":"refresh_token","refresh_token":"` + token + `"}`})
	}
	other := parse[tokenBody](k, k.change(k.code(begin(initiatePath))))
	still := func(what string) {
		t.Helper()
		if !k.opens(other.AccessToken) || !k.opens(k.token) {
			t.Errorf("%s: the tokens of another consent, or of the login, ended too", what)
		}
	}

	code := k.code(begin(initiatePath))
	first := parse[tokenBody](k, k.change(code))
	k.refused("a code with another verifier proves nothing", k.change(code, "code_verifier", strings.Repeat("a", 43)), 400, "")
	if !k.opens(first.AccessToken) {
		t.Error("who cannot prove that a code is his ends tokens")
	}
	k.refused("the code again", k.change(code), 400, "over")
	if k.opens(first.AccessToken) {
		t.Error("the access token of a code that came twice is good")
	}
	k.refused("its refresh token", refresh(first.RefreshToken), 400, "over")
	still("a code")

	second := parse[tokenBody](k, k.change(k.code(begin(initiatePath))))
	third := parse[tokenBody](k, refresh(second.RefreshToken))
	if !k.opens(second.AccessToken) || !k.opens(third.AccessToken) {
		t.Error("a refresh ends an access token")
	}
	k.refused("a refresh token again", refresh(second.RefreshToken), 400, "over")
	if k.opens(second.AccessToken) || k.opens(third.AccessToken) {
		t.Error("the access tokens of a refresh token that came twice are good")
	}
	k.refused("the newest refresh token", refresh(third.RefreshToken), 400, "over")
	k.refused("a forged one", refresh(other.RefreshToken+"A"), 400, "over")
	still("a refresh token")
	if got := refresh(other.RefreshToken); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Of many who change a code, or a refresh token, at once one gets tokens.
func TestGrantsAreGoodOnce(t *testing.T) {
	k := newKit(t)
	race := func(ask func() reply) (good int) {
		t.Helper()
		replies := make([]reply, 16)
		var all sync.WaitGroup
		for i := range replies {
			all.Go(func() { replies[i] = ask() })
		}
		all.Wait()
		for _, got := range replies {
			switch got.status {
			case 200:
				good++
			case 400:
			default:
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		return good
	}
	code := k.code(begin(initiatePath))
	if good := race(func() reply { return k.change(code) }); good != 1 {
		t.Errorf("a code gave tokens %d times", good)
	}
	tokens := parse[tokenBody](k, k.change(k.code(begin(initiatePath))))
	if good := race(func() reply {
		return k.do(request{method: "POST", path: "/v1/auth/oauth/token", client: shopClient, body: `{"grant_type":"refresh_token","refresh_token":"` + tokens.RefreshToken + `"}`})
	}); good != 1 {
		t.Errorf("a refresh token gave tokens %d times", good)
	}
}

// The state comes back as it was given: whatever is in it, and not where there was none.
func TestStateComesBack(t *testing.T) {
	k := newKit(t)
	for _, state := range []string{"a b&code=x#y", "%2e", "é"} {
		begun := parse[initiatedBody](k, k.do(request{method: "GET", path: begin(initiatePath, "state", state)}))
		got := parse[authorizedBody](k, k.post("/v1/auth/oauth/authorize", `{"token":"`+begun.Token+`"}`))
		to, err := url.Parse(got.URL)
		if err != nil || to.Query().Get("state") != state || to.Query().Get("code") != got.Code || len(to.Query()["code"]) != 1 || *got.State != state {
			t.Errorf("%q: %s %v", state, got.URL, err)
		}
	}
	begun := parse[initiatedBody](k, k.do(request{method: "GET", path: begin(initiatePath, "state", "")}))
	if got := parse[authorizedBody](k, k.post("/v1/auth/oauth/authorize", `{"token":"`+begun.Token+`"}`)); got.State != nil || strings.Contains(got.URL, "state") {
		t.Errorf("%+v", got)
	}
	k.refused("two redirects", k.do(request{method: "GET", path: begin(initiatePath) + "&redirect_uri=https%3A%2F%2Fevil.example"}), 400, "twice")
}

// An application with a secret shows it.
func TestApplicationSecret(t *testing.T) {
	k := newKit(t)
	ask := func(header http.Header) reply {
		return k.do(request{method: "POST", path: "/v1/auth/oauth/token", client: secretClient, body: `{"grant_type":"refresh_token","refresh_token":"x"}`, header: header})
	}
	k.refused("none", ask(nil), 401, "secret")
	k.refused("a wrong one", ask(http.Header{"X-Secret-Key": {"s3cre"}}), 401, "secret")
	k.refused("the right one", ask(http.Header{"X-Secret-Key": {"s3cret"}}), 400, "refresh token")
}

// Newer paths give a refresh token only where it is asked for.
func TestNewerOAuth(t *testing.T) {
	k := newKit(t)
	without := parse[tokenBody](k, k.change(k.code(begin("/v1/auth/oauth2/authorize", "scope", "openid profile"))))
	if without.RefreshToken != "" || without.Scope != "openid profile" {
		t.Errorf("%+v", without)
	}
	with := parse[tokenBody](k, k.change(k.code(begin("/v1/auth/oauth2/authorize", "scope", "openid offline_access"))))
	if with.RefreshToken == "" {
		t.Errorf("%+v", with)
	}
	end := func(token string) reply {
		return k.do(request{method: "POST", path: "/v1/auth/oauth2/revoke", client: shopClient, body: `{"token":"` + token + `","token_hint":"access_token"}`})
	}
	if got := end(without.AccessToken); got.status != 200 || k.opens(without.AccessToken) || !k.opens(with.AccessToken) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := end(with.RefreshToken); got.status != 200 || k.opens(with.AccessToken) || !k.opens(k.token) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := end("nobody's"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// The page where a user consents: one form, and a way back with a code or without.
func TestConsentPage(t *testing.T) {
	k := newKit(t)
	k.user("bob", func(u *engine.User) { u.OTP = true })
	begun := parse[initiatedBody](k, k.do(request{method: "GET", path: begin(initiatePath, "redirect_uri", "com.shop.app:/back?from=till")}))
	path := strings.TrimPrefix(begun.URL, "https://pay.example.com/baanx")
	shown := k.do(request{method: "GET", path: path})
	if shown.status != 200 || !strings.Contains(shown.body, "Allow The Shop to act for you?") || shown.header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%d %s", shown.status, shown.body)
	}
	send := func(pairs ...string) reply {
		form := url.Values{"token": {begun.Token}, "answer": {"allow"}, "email": {"bob@example.com"}, "password": {password}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return k.do(request{method: "POST", path: consentPath, body: form.Encode(), header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
	}
	if got := send("answer", "deny"); got.status != 200 || !strings.Contains(got.body, `href="com.shop.app:/back?error=access_denied&amp;from=till&amp;state=xyz"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := send("password", "a wrong password"); got.status != 403 || strings.Contains(got.body, "a wrong password") || !strings.Contains(got.body, `role="alert"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := send(); got.status != 200 || !strings.Contains(got.body, `name="code"`) || strings.Contains(got.body, "back?code") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := send("code", sandboxCode); got.status != 200 || !strings.Contains(got.body, "com.shop.app:/back?code=") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := send("token", begun.Token+"x"); got.status != 410 {
		t.Errorf("%d %s", got.status, got.body)
	}
	cross := k.do(request{method: "POST", path: consentPath, body: "token=" + begun.Token, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"cross-site"}}})
	if cross.status != 403 {
		t.Errorf("another site's form: %d", cross.status)
	}
	k.clock.Move(sessionLife)
	if got := k.do(request{method: "GET", path: path}); got.status != 410 {
		t.Errorf("%d", got.status)
	}
}

// Where no codes can be sent, the page says that the fault is ours, and no code is on record that nobody got.
func TestConsentWhereNobodySends(t *testing.T) {
	k := newKit(t)
	live := engine.Scope{Merchant: "shop", Mode: engine.Live, Dialect: Name}
	k.user("bob", func(u *engine.User) { u.OTP, u.Scope = true, live })
	k.dialect.SendCode = nil
	begun := parse[initiatedBody](k, k.do(request{method: "GET", client: liveClient, path: begin(initiatePath, "client_id", liveClient)}))
	form := url.Values{"token": {begun.Token}, "answer": {"allow"}, "email": {"bob@example.com"}, "password": {password}}
	got := k.do(request{method: "POST", path: consentPath, body: form.Encode(), header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
	u, err := k.engine.User(context.Background(), live, "user-bob")
	k.must(err)
	if got.status != http.StatusInternalServerError || u.Code != "" {
		t.Errorf("%d, and the code on record is %q", got.status, u.Code)
	}
}

// Nobody is asked for his password, or sent anywhere, for an application that was revoked meanwhile or that gave the
// address up.
func TestConsentForWhoIsGone(t *testing.T) {
	for what, change := range map[string]func(k *kit) error{
		"a revoked application": func(k *kit) error {
			return k.engine.SaveKey(context.Background(), engine.Key{ID: "key_" + shopClient, Name: "Shop", Hash: secrets.Hash(shopClient), Scope: scope})
		},
		"a redirect that was given up": func(k *kit) error {
			_, err := k.engine.SaveApplication(context.Background(), engine.Application{Key: "key_" + shopClient, Name: "The Shop", RedirectURIs: []string{back + "/new"}})
			return err
		},
	} {
		k := newKit(t)
		begun := parse[initiatedBody](k, k.do(request{method: "GET", path: begin(initiatePath)}))
		k.must(change(k))
		k.clock.Move(time.Second) // keys are remembered for a moment
		path := strings.TrimPrefix(begun.URL, "https://pay.example.com/baanx")
		if got := k.do(request{method: "GET", path: path}); got.status != http.StatusGone {
			t.Errorf("%s: the page is shown: %d", what, got.status)
		}
		for _, said := range []string{"allow", "deny"} {
			form := url.Values{"token": {begun.Token}, "answer": {said}, "email": {"ana@example.com"}, "password": {password}}
			got := k.do(request{method: "POST", path: consentPath, body: form.Encode(), header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
			if got.status != http.StatusGone || strings.Contains(got.body, "shop.example") {
				t.Errorf("%s: %s: %d", what, said, got.status)
			}
		}
		if got := k.post("/v1/auth/oauth/authorize", `{"token":"`+begun.Token+`"}`); got.status == 200 {
			t.Errorf("%s: a code is given: %s", what, got.body)
		}
	}
}

// Tokens of an external issuer open what ours do; who comes for the first time is kept.
func TestIssuer(t *testing.T) {
	k := newKit(t)
	k.dialect.Issuer = func(_ context.Context, token string) (Identity, error) {
		switch token {
		case "a.b.new":
			return Identity{Subject: "https://id.example new", Country: "US", VerifiedUser: true}, nil
		case "a.b.ana":
			return Identity{Subject: "https://id.example ana", Email: "ana@example.com"}, nil
		}
		return Identity{}, fault.New(fault.CodeUnauthorized, "no")
	}
	for range 2 {
		got := k.do(request{method: "GET", path: "/v1/user", client: shopClient, token: "a.b.new"})
		if u := parse[userBody](k, got); got.status != 200 || u.VerificationState != "VERIFIED" || *u.CountryOfResidence != "US" {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if got := k.do(request{method: "POST", path: "/v1/order", body: ask, client: shopClient, token: "a.b.new"}); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if u := parse[userBody](k, k.do(request{method: "GET", path: "/v1/user", client: shopClient, token: "a.b.ana"})); u.ID != "user-ana" {
		t.Errorf("%+v", u)
	}
	k.refused("a token that is not the issuer's", k.do(request{method: "GET", path: "/v1/user", client: shopClient, token: "a.b.c"}), 401, "")
	k.refused("no login", k.do(request{method: "POST", path: "/v1/auth/oauth/authorize", client: shopClient, token: "a.b.ana", body: `{}`}), 401, "")
	_, total, err := k.engine.Users(context.Background(), engine.UserFilter{Scope: scope, Limit: 10})
	k.must(err)
	if total != 2 {
		t.Errorf("%d users", total)
	}
}
