package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/internal/page"
	"till/internal/secrets"
)

// WhatsApp is a business number of Meta's Cloud API.
type WhatsApp struct {
	URL      string // of the Graph API with its version, without a slash at the end
	NumberID string // the id of the sending telephone number, not the number itself
	Token    secrets.Text
	// Template is an approved template whose body has two parameters: what happened on one line, and the link ("-" where
	// there is none). Empty: plain text, which only those receive who wrote to the number within the last 24 hours.
	Template string
	Timeout  time.Duration // of one call

	Client *http.Client // that follows no redirect
}

// DefaultGraphURL is Meta's own.
const DefaultGraphURL = "https://graph.facebook.com/v23.0"

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// templateLangs are the languages as Meta writes them.
var templateLangs = map[page.Lang]string{page.English: "en", page.Spanish: "es", page.Portuguese: "pt_BR"}

type whatsappMessage struct {
	Product  string            `json:"messaging_product"`
	To       string            `json:"to"`
	Type     string            `json:"type"`
	Text     *whatsappText     `json:"text,omitempty"`
	Template *whatsappTemplate `json:"template,omitempty"`
	Callback string            `json:"biz_opaque_callback_data"`
}

type whatsappText struct {
	Preview bool   `json:"preview_url"`
	Body    string `json:"body"`
}

type whatsappTemplate struct {
	Name     string `json:"name"`
	Language struct {
		Code string `json:"code"`
	} `json:"language"`
	Components []whatsappComponent `json:"components"`
}

type whatsappComponent struct {
	Type       string              `json:"type"`
	Parameters []whatsappParameter `json:"parameters"`
}

type whatsappParameter struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Send implements [Sender]. The API cannot tell repetitions: what is sent again arrives twice.
func (a *WhatsApp) Send(ctx context.Context, id, address string, w Written) error {
	m := whatsappMessage{Product: "whatsapp", To: strings.TrimPrefix(address, "+"), Callback: id}
	if m.To == "" || strings.Trim(m.To, "0123456789") != "" {
		return refused("it is no telephone number in its international form")
	}
	if a.Template == "" {
		m.Type, m.Text = "text", &whatsappText{Body: w.Line}
		if w.Link != "" {
			m.Text.Body += "\n" + w.Link
		}
	} else {
		m.Type, m.Template = "template", &whatsappTemplate{Name: a.Template}
		m.Template.Language.Code = templateLangs[w.Lang]
		link := w.Link
		if link == "" {
			link = "-"
		}
		m.Template.Components = []whatsappComponent{{"body", []whatsappParameter{{"text", w.Line}, {"text", link}}}}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/"+a.NumberID+"/messages", bytes.NewReader(body))
	if err != nil {
		return down("the address of the API cannot be called")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+a.Token.Reveal())
	answer, err := a.Client.Do(r)
	if err != nil {
		return down("no answer: %v", unwrapURL(err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return down("the answer was cut off")
	}
	// The API repeats a token it cannot read.
	text = bytes.ReplaceAll(text, []byte(a.Token.Reveal()), []byte("[token]"))
	return graphOutcome(answer.StatusCode, m.To, text)
}

// The codes of Meta's errors that are of the whole account, and those of the receiver or the message for good.
var (
	graphAccount = []int{0, 3, 4, 10, 190, 368, 80007, 130429, 130497, 131005, 131031, 131042, 131045, 131048, 131057, 132001, 132007, 132012, 132015, 132016, 133010}
	graphMessage = []int{100, 130472, 131008, 131009, 131021, 131026, 131030, 131047, 131049, 131050, 131051}
)

// graphOutcome sorts an answer to a message to a number. What is neither of the account nor of the message may pass.
func graphOutcome(status int, to string, text []byte) error {
	var answer struct {
		Messages []struct{ ID string }
		Error    *struct {
			Message string
			Code    int
			Subcode int `json:"error_subcode"`
		}
	}
	err := json.Unmarshal(text, &answer)
	if answer.Error != nil {
		answer.Error.Message = unnamed(answer.Error.Message, to)
	}
	switch {
	case status == http.StatusOK && err == nil && len(answer.Messages) > 0:
		return nil
	case answer.Error == nil && status >= 200 && status < 300:
		return errors.New("the API answered with something else than a message")
	case answer.Error == nil:
		return down("the API answered with %d", status)
	case answer.Error.Code == 100 && answer.Error.Subcode == 33: // there is no such number of ours
		return down("%d %s", answer.Error.Code, answer.Error.Message)
	case slices.Contains(graphMessage, answer.Error.Code):
		return refused("%d %s", answer.Error.Code, answer.Error.Message)
	case slices.Contains(graphAccount, answer.Error.Code), status == http.StatusUnauthorized, status >= 500:
		return down("%d %s", answer.Error.Code, answer.Error.Message)
	}
	return errors.New(said(answer.Error.Message))
}

// unwrapURL leaves out the URL that Go's client puts in front.
func unwrapURL(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
