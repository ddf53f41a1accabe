package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
)

// FormField is the name of the hidden field that carries a form's token.
const FormField = "form_token"

// FormToken proves that a form was made for a session. session is the session's secret (the value of its
// cookie, at least 128 random bits): the token is bound to it, needs no key of its own, and ends with it. Of a
// page without a session there is nothing to abuse; [Kit.Guard] alone protects its forms.
func FormToken(session string) string {
	mac := hmac.New(sha256.New, []byte(session))
	mac.Write([]byte("form token"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CheckForm says whether a posted form carries the token of the session. The caller has bounded the body.
func CheckForm(r *http.Request, session string) bool {
	return CheckToken(r.PostFormValue(FormField), session)
}

// CheckToken says whether a form's token is the session's.
func CheckToken(given, session string) bool {
	return session != "" && subtle.ConstantTimeCompare([]byte(given), []byte(FormToken(session))) == 1
}
