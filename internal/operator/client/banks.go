package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Bank is an account of the house that files are exchanged about.
type Bank struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Mode       string `json:"mode" enum:"live,sandbox"`
	Account    string `json:"account" doc:"its IBAN, or its number"`
	Holder     string `json:"holder"`
	Currency   string `json:"currency"`
	Sends      bool   `json:"sends" doc:"payment files are made for it"`
	Ledger     Amount `json:"ledger" doc:"what came in less what went out, by the ledger"`
	Difference Amount `json:"difference" doc:"of what the ledger says from what the statements say; zero when they agree"`

	Opening   *Amount    `json:"opening,omitempty" doc:"of the first statement"`
	Closing   *Amount    `json:"closing,omitempty" doc:"of the last statement"`
	ClosingAt *time.Time `json:"closing_at,omitempty" doc:"the last statement's last day"`
}

// BankList is every bank account.
type BankList struct {
	Banks []Bank `json:"banks" nullable:"false"`
}

// Banks is every bank account, by mode and id.
func (c *Client) Banks(ctx context.Context) ([]Bank, error) {
	var got BankList
	err := c.call(ctx, http.MethodGet, "/banks", nil, nil, &got)
	return got.Banks, err
}

// ImportReport is what became of a file of the bank.
type ImportReport struct {
	Statements int `json:"statements"`
	Answers    int `json:"answers" doc:"words about transfers in payment files"`
	Booked     int `json:"booked" doc:"lines that are new; each is one of the following as well"`
	Matched    int `json:"matched" doc:"credits of an order"`
	Proposed   int `json:"proposed" doc:"credits in suspense, with orders that they may be of"`
	Suspense   int `json:"suspense" doc:"credits in suspense"`
	Transfers  int `json:"transfers" doc:"debits that closed transfers"`
	Returned   int `json:"returned" doc:"credits that brought a transfer back"`
	Expenses   int `json:"expenses" doc:"debits that nobody knows"`
	Reversed   int `json:"reversed" doc:"lines that took another one back"`
	Repeated   int `json:"repeated" doc:"lines that are known"`
	Pending    int `json:"pending" doc:"lines that are only announced"`
}

// ImportBankFile imports a statement, or the bank's answer to a payment file. A file with an error books nothing, and is a
// Problem whose Details name its "line".
func (c *Client) ImportBankFile(ctx context.Context, bank string, file io.Reader) (ImportReport, error) {
	var got ImportReport
	return got, c.send(ctx, "/banks/"+url.PathEscape(bank)+"/files", file, &got)
}

// Import is a file that is being imported.
type Import struct {
	SHA256 string `json:"sha256" doc:"of the file, in hex"`
	Booked int    `json:"booked" doc:"lines that are booked"`
	Lines  int    `json:"lines" doc:"lines that it has; 0 while it is read for the first time"`
}

// Imports is what one server imports by hand at the moment.
type Imports struct {
	Imports []Import `json:"imports" nullable:"false"`
}

// Imports lists the files that the server is importing, by hand and of that bank.
func (c *Client) Imports(ctx context.Context, bank string) ([]Import, error) {
	var got Imports
	err := c.call(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/imports", nil, nil, &got)
	return got.Imports, err
}

// PaymentFile is a file of transfers for the bank.
type PaymentFile struct {
	ID       string     `json:"id" doc:"its MsgId, and its name without an ending"`
	Made     time.Time  `json:"made"`
	Day      string     `json:"day" doc:"on which the bank is asked to execute it"`
	Count    int        `json:"count" doc:"transfers in it"`
	Sum      Amount     `json:"sum"`
	Version  string     `json:"version" example:"pain.001.001.09"`
	Answer   string     `json:"answer,omitempty" doc:"the bank's last word on it as a whole: a status of ISO 20022"`
	Reason   string     `json:"reason,omitempty"`
	Answered *time.Time `json:"answered,omitempty"`
}

// PaymentFiles is one page of payment files, the newest first, or those that were made now.
type PaymentFiles struct {
	Files []PaymentFile `json:"files" nullable:"false"`
	Next  string        `json:"next,omitempty" doc:"after of the next page; absent: this is the last one"`
}

// ExportPayments makes payment files of the transfers that wait; none when none does.
func (c *Client) ExportPayments(ctx context.Context, bank string) ([]PaymentFile, error) {
	var got PaymentFiles
	err := c.call(ctx, http.MethodPost, "/banks/"+url.PathEscape(bank)+"/payments", nil, nil, &got)
	return got.Files, err
}

// PaymentFiles lists the payment files of a bank account, the newest first.
func (c *Client) PaymentFiles(ctx context.Context, bank, after string, limit int) (PaymentFiles, error) {
	var got PaymentFiles
	return got, c.call(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/payments", params("after", after, "limit", number(limit)), nil, &got)
}

// PaymentFileText is a payment file as the bank wants it.
type PaymentFileText struct {
	ID   string `json:"id"`
	Text string `json:"text" doc:"XML in UTF-8"`
}

// PaymentFile is one payment file: the same bytes whenever it is asked for.
func (c *Client) PaymentFile(ctx context.Context, bank, id string) (PaymentFileText, error) {
	var got PaymentFileText
	return got, c.call(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/payments/"+url.PathEscape(id), nil, nil, &got)
}

// BankStatement is a statement that was imported.
type BankStatement struct {
	ID       string    `json:"id,omitempty" doc:"the bank's"`
	Number   string    `json:"number,omitempty" doc:"its sequence number"`
	Kind     string    `json:"kind" enum:"statement,intraday,notice"`
	From     string    `json:"from,omitempty" doc:"its first day"`
	To       string    `json:"to,omitempty"`
	Opening  *Amount   `json:"opening,omitempty"`
	Closing  *Amount   `json:"closing,omitempty"`
	Bookings int       `json:"bookings"`
	Credits  Amount    `json:"credits" doc:"their sum"`
	Debits   Amount    `json:"debits"`
	Warning  string    `json:"warning,omitempty" doc:"its opening balance is not the closing one before it"`
	Told     time.Time `json:"told" doc:"when it was imported"`
}

// BankStatements is one page of them, the newest first.
type BankStatements struct {
	Statements []BankStatement `json:"statements" nullable:"false"`
	Next       string          `json:"next,omitempty" doc:"after of the next page; absent: this is the last one"`
}

// BankStatements lists the statements of a bank account, the newest first.
func (c *Client) BankStatements(ctx context.Context, bank, after string, limit int) (BankStatements, error) {
	var got BankStatements
	return got, c.call(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/statements", params("after", after, "limit", number(limit)), nil, &got)
}

// Booking is a line of a bank account, and what became of it.
type Booking struct {
	ID        string     `json:"id"`
	Reference string     `json:"reference" doc:"the bank's"`
	State     string     `json:"state"`
	Credit    bool       `json:"credit" doc:"money came in"`
	Amount    Amount     `json:"amount"`
	Booked    string     `json:"booked,omitempty" doc:"the day"`
	Value     string     `json:"value,omitempty"`
	Name      string     `json:"name,omitempty" doc:"of the other side"`
	Account   string     `json:"account,omitempty" doc:"of the other side"`
	EndToEnd  string     `json:"end_to_end,omitempty"`
	Text      string     `json:"text,omitempty"`
	Return    string     `json:"return,omitempty" doc:"why a transfer came back"`
	Order     string     `json:"order,omitempty" doc:"public id of the order it belongs to"`
	Note      string     `json:"note,omitempty" doc:"what is odd about it"`
	Proposals []Proposal `json:"proposals" nullable:"false"`
}

// Proposal is an order that a booking in suspense may be of.
type Proposal struct {
	Order     string `json:"order" doc:"public id"`
	Why       string `json:"why" enum:"near,payer,named"`
	Reference string `json:"reference,omitempty"`
	Dismissed bool   `json:"dismissed" doc:"somebody said that it is not this one"`
}

// Bookings is one page of them, the newest first.
type Bookings struct {
	Bookings []Booking `json:"bookings" nullable:"false"`
	Next     string    `json:"next,omitempty" doc:"after of the next page; absent: this is the last one"`
}

// Bookings lists the lines of a bank account, of one state or of all.
func (c *Client) Bookings(ctx context.Context, bank, state, after string, limit int) (Bookings, error) {
	var got Bookings
	return got, c.call(ctx, http.MethodGet, "/banks/"+url.PathEscape(bank)+"/bookings", params("state", state, "after", after, "limit", number(limit)), nil, &got)
}

// ProposalOf names an order that a booking is proposed for.
type ProposalOf struct {
	Order string `json:"order" minLength:"1" doc:"public id"`
}

// AcceptProposal gives the money of a booking in suspense to an order that is still collecting.
func (c *Client) AcceptProposal(ctx context.Context, bank, booking, order string) (Booking, error) {
	var got Booking
	return got, c.call(ctx, http.MethodPost, "/banks/"+url.PathEscape(bank)+"/bookings/"+url.PathEscape(booking)+"/accept", nil, ProposalOf{order}, &got)
}

// DismissProposal says that a booking is not of that order.
func (c *Client) DismissProposal(ctx context.Context, bank, booking, order string) (Booking, error) {
	var got Booking
	return got, c.call(ctx, http.MethodPost, "/banks/"+url.PathEscape(bank)+"/bookings/"+url.PathEscape(booking)+"/dismiss", nil, ProposalOf{order}, &got)
}
