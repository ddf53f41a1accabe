// Package notify tells people something: it writes the text in their language and sends it as an e-mail by SMTP or as a
// WhatsApp message through Meta's Cloud API.
//
// It knows no orders: package worker says what is to be told to whom, and when to try again. text.go and the files in
// texts and html are what is said; mail.go and smtp.go, whatsapp.go are how it leaves.
package notify

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Why something was not sent. Any other error is of this one message and may pass: it is tried again later.
var (
	// ErrRefused is for good: the receiver does not exist, or does not take this.
	ErrRefused = errors.New("refused")
	// ErrDown is the far side itself: it cannot be reached, or takes nothing from this server. No other message would go
	// either.
	ErrDown = errors.New("not available")
)

// Sender sends to one address: an e-mail address or a telephone number (E.164). id is unique to the message and the same
// when it is sent again, so that who can tell repetitions does.
//
// Errors: ErrRefused, ErrDown, others that may pass. Their texts hold no secret and not the address, which far sides like
// to repeat, and are fit for one line: they are logged.
type Sender interface {
	Send(ctx context.Context, id, address string, w Written) error
}

// maxSaid is how much of a far side's answer is kept in an error, in bytes.
const maxSaid = 200

// said is what a far side answered, as one line without anything that a terminal would obey.
func said(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "..."
	}
	return text
}

// unnamed is what a far side said without the address it said it of, in whatever case it writes that.
func unnamed(text, address string) string {
	return regexp.MustCompile(`(?i)`+regexp.QuoteMeta(address)).ReplaceAllLiteralString(text, "[address]")
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, said(fmt.Sprintf(format, args...)))
}

func down(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDown, said(fmt.Sprintf(format, args...)))
}
