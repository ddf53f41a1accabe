package notify

import (
	"bytes"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// compose makes the message of RFC 5322 with its text in both forms. What comes from outside is only ever put into a
// header encoded (RFC 2047) or as an address that was parsed, so that it can begin no other header.
func compose(id string, from mail.Address, to string, at time.Time, w Written) []byte {
	var out bytes.Buffer
	header := func(name, value string) { out.WriteString(name + ": " + value + "\r\n") }
	_, domain, _ := strings.Cut(from.Address, "@")
	boundary := "till-" + id
	header("From", from.String())
	header("To", (&mail.Address{Address: to}).String())
	header("Subject", strings.ReplaceAll(mime.QEncoding.Encode("utf-8", w.Title), "?= =?", "?=\r\n =?"))
	header("Date", at.UTC().Format(time.RFC1123Z))
	header("Message-ID", "<"+id+"@"+domain+">")
	header("Auto-Submitted", "auto-generated") // RFC 3834: no robot answers
	header("Content-Language", string(w.Lang))
	header("MIME-Version", "1.0")
	header("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	for _, part := range []struct{ kind, text string }{{"text/plain", w.Text}, {"text/html", w.HTML}} {
		out.WriteString("\r\n--" + boundary + "\r\n")
		header("Content-Type", part.kind+"; charset=utf-8")
		header("Content-Transfer-Encoding", "quoted-printable")
		out.WriteString("\r\n")
		body := quotedprintable.NewWriter(&out)
		body.Write([]byte(part.text)) // into memory: neither this nor Close fails
		body.Close()
	}
	out.WriteString("\r\n--" + boundary + "--\r\n")
	return out.Bytes()
}

// mailbox is an address as SMTP takes it, and nothing around it. Error: ErrRefused.
func mailbox(address string) (string, error) {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", refused("it is no e-mail address that can be written to")
	}
	return address, nil
}
