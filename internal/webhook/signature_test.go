package webhook

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/secrets"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A fixed message. The signature was computed once and is compared with three independent verifiers below.
const (
	vectorSecret    = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	vectorID        = "evt_01J0000000000000000000"
	vectorSecond    = 1_767_225_600
	vectorBody      = `{"type":"order.completed","data":{"amount":"12.50","note":"año <&>"}}`
	vectorSignature = "v1,wGhyt8V2IFL9O7wuNtPl/mDHa1mbxTKKQbBOeW61kcU="
)

// case 77
func TestSignatureVectorInThreeLanguages(t *testing.T) {
	header := StandardHeaders([]secrets.Text{vectorSecret}, vectorID, time.Unix(vectorSecond, 0), []byte(vectorBody))
	if got := header.Get(HeaderSignature); got != vectorSignature {
		t.Fatalf("signed %s, want %s", got, vectorSignature)
	}
	if header.Get(HeaderID) != vectorID || header.Get(HeaderTimestamp) != "1767225600" {
		t.Fatalf("headers %v", header)
	}

	verifier, err := standardwebhooks.NewWebhook(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.VerifyIgnoringTimestamp([]byte(vectorBody), header); err != nil {
		t.Fatalf("the specification's own verifier: %v", err)
	}
	if err := verifier.VerifyIgnoringTimestamp([]byte(vectorBody+" "), header); err == nil {
		t.Fatal("the specification's own verifier takes another body")
	}

	const python = `
import base64, hashlib, hmac, sys
secret, id, time = sys.argv[1:4]
key = base64.b64decode(secret.removeprefix("whsec_"))
message = (id + "." + time + ".").encode() + sys.stdin.buffer.read()
print("v1," + base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode())`
	const node = `
const [secret, id, time] = process.argv.slice(1);
const key = Buffer.from(secret.slice("whsec_".length), "base64");
const body = require("fs").readFileSync(0);
const mac = require("crypto").createHmac("sha256", key).update(id + "." + time + ".").update(body);
console.log("v1," + mac.digest("base64"));`
	for _, command := range [][]string{{"python3", "-c", python}, {"node", "-e", node, "--"}} {
		run := exec.Command(command[0], append(command[1:], vectorSecret, vectorID, header.Get(HeaderTimestamp))...)
		run.Stdin = strings.NewReader(vectorBody)
		out, err := run.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != vectorSignature {
			t.Errorf("%s says %s (%v), want %s", command[0], got, err, vectorSignature)
		}
	}
}

// case 76
func TestRotationSignsWithBothSecrets(t *testing.T) {
	at := time.Unix(vectorSecond, 0)
	body := []byte(vectorBody)
	header := StandardHeaders([]secrets.Text{"newsecret", vectorSecret}, vectorID, at, body)
	first, second, found := strings.Cut(header.Get(HeaderSignature), " ")
	if !found || !strings.HasPrefix(first, "v1,") || second != vectorSignature || first == second {
		t.Fatalf("signatures %q", header.Get(HeaderSignature))
	}
	for _, known := range []secrets.Text{"newsecret", vectorSecret} {
		if err := VerifyStandard([]secrets.Text{known}, header, body, at); err != nil {
			t.Errorf("a receiver with one of the two secrets: %v", err)
		}
	}
	verifier, _ := standardwebhooks.NewWebhookRaw([]byte("newsecret"))
	if err := verifier.VerifyIgnoringTimestamp(body, header); err != nil {
		t.Errorf("the specification's own verifier: %v", err)
	}
	if err := VerifyStandard([]secrets.Text{"third"}, header, body, at); err == nil {
		t.Error("a third secret verifies")
	}
}

func TestKeyOfASecret(t *testing.T) {
	bytesOf := func(n int) string { return strings.Repeat("k", n) }
	encoded := func(n int) secrets.Text {
		return secrets.Text("whsec_" + base64.StdEncoding.EncodeToString([]byte(bytesOf(n))))
	}
	for _, c := range []struct {
		secret secrets.Text
		want   string
	}{
		{encoded(24), bytesOf(24)},
		{encoded(64), bytesOf(64)},
		{encoded(23), encoded(23).Reveal()}, // too short, so it is not base64 of a key
		{encoded(65), encoded(65).Reveal()},
		{"whsec_5f2c1a", "whsec_5f2c1a"},
		{"whsec_not-base64-but-some-text-of-thirty", "whsec_not-base64-but-some-text-of-thirty"},
		{secrets.Text(strings.TrimPrefix(encoded(32).Reveal(), "whsec_")), strings.TrimPrefix(encoded(32).Reveal(), "whsec_")},
	} {
		if got := string(standardKey(c.secret)); got != c.want {
			t.Errorf("the key of %s is %q, want %q", c.secret.Reveal(), got, c.want)
		}
	}
}

// cases 61, 62, 64
func TestOnlyATrueSignatureVerifies(t *testing.T) {
	now := time.Unix(vectorSecond, 0)
	keys := []secrets.Text{vectorSecret}
	body := []byte(vectorBody)
	good := func() http.Header { return StandardHeaders(keys, vectorID, now, body) }
	if err := VerifyStandard(keys, good(), body, now); err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) http.Header {
		header := good()
		header.Set(name, value)
		return header
	}
	without := func(name string) http.Header {
		header := good()
		header.Del(name)
		return header
	}
	emptyKey := StandardHeaders([]secrets.Text{"x"}, vectorID, now, body)
	emptyKey.Set(HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(hmacSHA256(nil, []byte(vectorID+".1767225600."+vectorBody))))

	var texts []string
	for name, c := range map[string]struct {
		keys   []secrets.Text
		header http.Header
		body   string
		now    time.Time
	}{
		"no signature":                     {keys, without(HeaderSignature), vectorBody, now},
		"empty signature":                  {keys, set(HeaderSignature, ""), vectorBody, now},
		"truncated signature":              {keys, set(HeaderSignature, vectorSignature[:len(vectorSignature)-1]), vectorBody, now},
		"wrong signature":                  {keys, set(HeaderSignature, "v1,"+strings.Repeat("A", 43)+"="), vectorBody, now},
		"another version":                  {keys, set(HeaderSignature, "v2"+vectorSignature[2:]), vectorBody, now},
		"bare":                             {keys, set(HeaderSignature, vectorSignature[3:]), vectorBody, now},
		"behind too many":                  {keys, set(HeaderSignature, strings.Repeat("v1,x ", 16)+vectorSignature), vectorBody, now},
		"no id":                            {keys, without(HeaderID), vectorBody, now},
		"another id":                       {keys, set(HeaderID, "evt_2"), vectorBody, now},
		"no timestamp":                     {keys, without(HeaderTimestamp), vectorBody, now},
		"another timestamp":                {keys, set(HeaderTimestamp, "1767225601"), vectorBody, now},
		"old":                              {keys, good(), vectorBody, now.Add(Tolerance + time.Second)},
		"from the future":                  {keys, good(), vectorBody, now.Add(-Tolerance - time.Second)},
		"another body":                     {keys, good(), vectorBody + "\n", now},
		"re-encoded body":                  {keys, good(), strings.ReplaceAll(vectorBody, "ñ", `\u00f1`), now},
		"another secret":                   {[]secrets.Text{"other"}, good(), vectorBody, now},
		"no secret":                        {nil, good(), vectorBody, now},
		"empty secret":                     {[]secrets.Text{""}, good(), vectorBody, now},
		"empty secret, signed with it":     {[]secrets.Text{""}, emptyKey, vectorBody, now},
		"a prefix that holds an empty key": {[]secrets.Text{"whsec_"}, emptyKey, vectorBody, now},
	} {
		err := VerifyStandard(c.keys, c.header, []byte(c.body), c.now)
		if !fault.Is(err, fault.CodeUnauthorized) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("the reasons read differently: %q, %q", text, texts[0])
		}
	}
	for _, at := range []time.Time{now.Add(Tolerance), now.Add(-Tolerance)} {
		if err := VerifyStandard(keys, good(), body, at); err != nil {
			t.Errorf("just inside the tolerance: %v", err)
		}
	}
	// A signature that does not fit beside one that does is what a rotation looks like.
	if err := VerifyStandard(keys, set(HeaderSignature, "v1,x v1a,y  "+vectorSignature), body, now); err != nil {
		t.Error(err)
	}
	// Timestamps that a parser might take differently from the signer.
	for _, timestamp := range []string{"-1", "9223372036854775807", "99999999999999999999", "1e9", " 1767225600", "+1767225600x", ""} {
		header := set(HeaderTimestamp, timestamp)
		header.Set(HeaderSignature, standardSignature(vectorSecret, vectorID, timestamp, body))
		if err := VerifyStandard(keys, header, body, now); err == nil {
			t.Errorf("timestamp %q verifies", timestamp)
		}
	}
}

func TestNoSecretSignsNothing(t *testing.T) {
	header := StandardHeaders([]secrets.Text{"", ""}, vectorID, time.Unix(vectorSecond, 0), nil)
	if _, found := header[HeaderSignature]; found {
		t.Error("signed with an empty secret")
	}
}

func TestHMACHex(t *testing.T) {
	// RFC 4231, test case 2.
	const want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got := HMACHex([]byte("Jefe"), []byte("what do ya want for nothing?")); got != want {
		t.Error(got)
	}
}

func FuzzVerifyStandard(f *testing.F) {
	f.Add(vectorID, "1767225600", vectorSignature, vectorBody)
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, id, timestamp, signature, body string) {
		header := http.Header{HeaderID: {id}, HeaderTimestamp: {timestamp}, HeaderSignature: {signature}}
		now := time.Unix(vectorSecond, 0)
		err := VerifyStandard([]secrets.Text{vectorSecret}, header, []byte(body), now)
		genuine := strings.Contains(signature, standardSignature(vectorSecret, id, timestamp, []byte(body)))
		if err == nil && !genuine {
			t.Errorf("verified without a signature: %q %q %q %q", id, timestamp, signature, body)
		}
		if err != nil && !errors.As(err, new(*fault.Error)) {
			t.Errorf("not a fault: %v", err)
		}
	})
}
