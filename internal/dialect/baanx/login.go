package baanx

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

func (d *Dialect) loginRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/auth/login", client, d.login},
		{http.MethodPost, "/v1/auth/login/otp", client, d.sendOTP},
		{http.MethodPost, "/v1/auth/logout", user, d.logout},
	}
}

// How long things are good for.
const (
	accessLife  = 6 * time.Hour
	refreshLife = 184 * 24 * time.Hour
	codeLife    = 10 * time.Minute // of a login's code
	halfLife    = 10 * time.Minute // of what a login gives before its code
)

// sandboxCode is the code of every login in the sandbox, where nothing is sent to anybody.
const sandboxCode = "123456"

// login gives a user a token for his e-mail address and password. Where he needs a code too and sends none, the token
// opens nothing.
func (d *Dialect) login(r *http.Request, c caller) (answer, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return answer{}, err
	}
	email, err := required(body, "email", maxText)
	if err != nil {
		return answer{}, err
	}
	password, _, err := body.String("password", 1024)
	if err == nil && password == "" {
		err = fault.New(fault.CodeMissingField, "The field 'password' is required").On("password")
	}
	if err != nil {
		return answer{}, err
	}
	code, err := optional(body, "otpCode", 16)
	if err != nil {
		return answer{}, err
	}
	u, whole, err := d.prove(r.Context(), c, email, password, code)
	if err != nil {
		return answer{}, err
	}
	kind, lasts := kindLogin, accessLife
	if !whole {
		kind, lasts = kindHalf, halfLife
	}
	token, _, err := d.Grants.Give(r.Context(), auth.NewGrant{
		User: u.ID, Face: c.face(kind), Mode: string(c.scope.Mode), Prefix: prefixOf(c.region), Lasts: lasts, From: c.from,
	})
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: loginBody{
		AccessToken: token, UserID: u.ID, IsOtpRequired: !whole, PhoneNumber: textOrNull(maskPhone(u.Phone)), VerificationState: verifications[u.Verification],
	}}, nil
}

func prefixOf(region string) string {
	if region == unitedStates {
		return "US_"
	}
	return "INT_"
}

// prove finds the user of an e-mail address and a password. whole is false where he needs a code too and gave none.
// Who does not exist, has another password or is kept out is told alike.
//
// Errors: wrong_password, rate_limited, overloaded.
func (d *Dialect) prove(ctx context.Context, c caller, email, password, code string) (u *engine.User, whole bool, err error) {
	u, err = d.engine.UserByEmail(ctx, c.scope, c.region, email)
	if err != nil && !fault.Is(err, fault.CodeNotFound) {
		return nil, false, err
	}
	hash, account := "", "- "+hashOf(c.scope.Merchant, string(c.scope.Mode), c.region, strings.ToLower(email))
	if err == nil {
		account = u.ID
		if u.Active {
			hash = u.Password
		}
	}
	if err := d.Grants.Password(ctx, account, c.from.Address, password, hash); err != nil {
		return nil, false, wrongLogin(err)
	}
	if !u.OTP {
		return u, true, nil
	}
	if code == "" {
		return u, false, nil
	}
	return u, true, wrongLogin(d.checkCode(ctx, c, u, code))
}

func wrongLogin(err error) error {
	if fault.Is(err, fault.CodeWrongPassword) {
		return fault.New(fault.CodeWrongPassword, "Invalid email, password or code")
	}
	return err
}

// checkCode checks the code of a login; a right one is good once.
func (d *Dialect) checkCode(ctx context.Context, c caller, u *engine.User, code string) error {
	if c.scope.Mode == engine.Sandbox {
		return d.Grants.Attempt(ctx, u.ID+" code", c.from.Address, func() (bool, error) { return code == sandboxCode, nil })
	}
	return d.Grants.Attempt(ctx, u.ID+" code", c.from.Address, func() (right bool, err error) {
		_, err = d.engine.ChangeUser(ctx, c.scope, u.ID, func(u *engine.User) error {
			right = u.Code != "" && d.Now().Before(u.CodeUntil) && d.isCode(u, code)
			if right {
				u.Code, u.CodeUntil = "", time.Time{}
			}
			return nil
		})
		return right, err
	})
}

// codeMAC is what is kept of a code.
func codeMAC(key []byte, user, code string) string {
	return hex.EncodeToString(mac(key, "code/"+user+"/"+code))
}

func (d *Dialect) isCode(u *engine.User, code string) (is bool) {
	for _, key := range d.SignKeys {
		is = is || hmac.Equal([]byte(u.Code), []byte(codeMAC(key, u.ID, code)))
	}
	return is
}

// sendOTP sends a user the code of his login, or another one. It says the same of a user who is not there, and takes as long: who he is
// is looked up when the answer is out. How often it may be asked slows down as failed logins do.
func (d *Dialect) sendOTP(r *http.Request, c caller) (answer, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return answer{}, err
	}
	id, err := required(body, "userId", 64)
	if err != nil {
		return answer{}, err
	}
	if c.scope.Mode != engine.Sandbox && d.SendCode == nil { // whoever is asked for: the refusal says nothing of him
		return answer{}, errNoCodes
	}
	err = d.Grants.Attempt(r.Context(), hashOf(id)+" sends", c.from.Address, func() (bool, error) { return false, nil })
	if err != nil && !fault.Is(err, fault.CodeWrongPassword) {
		return answer{}, err
	}
	if c.scope.Mode != engine.Sandbox && !d.Later(func(ctx context.Context) error { return d.sendCodeTo(ctx, c.scope, c.region, id) }) {
		return answer{}, fault.New(fault.CodeOverloaded, "Too many codes are being sent").Retry(10 * time.Second)
	}
	return answer{status: http.StatusOK, body: successBody{true}}, nil
}

// sendCodeTo sends a new code to a user who logs in with one there; to nobody else.
func (d *Dialect) sendCodeTo(ctx context.Context, s engine.Scope, region, id string) error {
	u, err := d.engine.User(ctx, s, id)
	if fault.Is(err, fault.CodeNotFound) {
		return nil
	}
	if err != nil || !u.Active || !u.OTP || u.Region != region {
		return err
	}
	return d.newCode(ctx, u)
}

var errNoCodes = fault.New(fault.CodeNotConfigured, "No codes can be sent at the moment")

// newCode makes a code of six digits and sends it.
func (d *Dialect) newCode(ctx context.Context, u *engine.User) error {
	if d.SendCode == nil {
		return errNoCodes
	}
	n := new(big.Int).SetBytes(d.draw(16)) // so many bits that no code is likelier than another
	code := fmt.Sprintf("%06d", n.Mod(n, big.NewInt(1_000_000)).Int64())
	_, err := d.engine.ChangeUser(ctx, u.Scope, u.ID, func(u *engine.User) error {
		u.Code, u.CodeUntil = codeMAC(d.SignKeys[0], u.ID, code), d.Now().Add(codeLife)
		return nil
	})
	if err != nil {
		return err
	}
	return d.SendCode(ctx, u, code)
}

// logout ends the token that it is asked with.
func (d *Dialect) logout(r *http.Request, c caller) (answer, error) {
	if c.session.ID == "" {
		return answer{}, fault.New(fault.CodeForbidden, "This token is ended by who issued it")
	}
	if _, err := d.Grants.Take(r.Context(), bearerOf(r)); err != nil {
		if fault.Is(err, fault.CodeUnauthorized) {
			return answer{}, notAuthenticated()
		}
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: successBody{true}}, nil
}
