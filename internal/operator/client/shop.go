package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// What a merchant sells to users who log in, and who they are.

// Eligibility is who may buy a product: all that is said must hold.
type Eligibility struct {
	Verified  bool     `json:"verified,omitempty" doc:"only users who are verified"`
	Countries []string `json:"countries,omitempty" nullable:"false" doc:"only users who live in one of these; two letters"`
	Holds     []string `json:"holds,omitempty" nullable:"false" doc:"only users who hold all of these"`
	HoldsNot  []string `json:"holdsNot,omitempty" nullable:"false" doc:"only users who hold none of these"`
}

// Product is what a merchant sells to users of his.
type Product struct {
	Code        string      `json:"code"`
	Merchant    string      `json:"merchant"`
	Mode        string      `json:"mode" enum:"live,sandbox"`
	Dialect     string      `json:"dialect"`
	Description string      `json:"description"`
	Active      bool        `json:"active" doc:"on sale"`
	Price       string      `json:"price" doc:"a decimal"`
	Currency    string      `json:"currency"`
	Network     string      `json:"network" doc:"where it is paid"`
	Token       string      `json:"token"`
	Gateway     string      `json:"gateway,omitempty" doc:"that it may be paid through beside"`
	TTL         string      `json:"ttl" doc:"how long an order is waited for, like 1h0m0s"`
	Region      string      `json:"region,omitempty" doc:"only users of it"`
	Eligibility Eligibility `json:"eligibility"`
	Fulfilment  string      `json:"fulfilment" enum:"webhook,manual"`
	URL         string      `json:"url,omitempty" doc:"that is told to hand it over"`
	Configured  bool        `json:"configured,omitempty" doc:"the config file says it, and only that changes it"`
	Secret      string      `json:"secret,omitempty" doc:"which signs what the URL is told; shown when it is made, this once"`
}

// ProductList is a merchant's products, the oldest first.
type ProductList struct {
	Products []Product `json:"products" nullable:"false"`
}

// NewProduct makes a product, or replaces the one with its code.
type NewProduct struct {
	Code        string      `json:"code" maxLength:"64"`
	Merchant    string      `json:"merchant" maxLength:"64"`
	Mode        string      `json:"mode" enum:"live,sandbox"`
	Dialect     string      `json:"dialect" maxLength:"32"`
	Description string      `json:"description" maxLength:"500"`
	Active      bool        `json:"active"`
	Price       string      `json:"price" maxLength:"40"`
	Currency    string      `json:"currency" maxLength:"3"`
	Network     string      `json:"network" maxLength:"64"`
	Token       string      `json:"token" maxLength:"16"`
	Gateway     string      `json:"gateway,omitempty" maxLength:"64"`
	TTL         string      `json:"ttl,omitempty" maxLength:"32" doc:"like 1h; an hour without it"`
	Region      string      `json:"region,omitempty" maxLength:"8"`
	Eligibility Eligibility `json:"eligibility,omitempty"`
	Fulfilment  string      `json:"fulfilment" enum:"webhook,manual"`
	URL         string      `json:"url,omitempty" maxLength:"2048"`
	NewSecret   bool        `json:"newSecret,omitempty" doc:"make another secret; one is made for a product that has none"`
}

// User is a customer who logs in at a merchant's applications. E-mail address and telephone number are masked.
type User struct {
	ID           string    `json:"userId"`
	Merchant     string    `json:"merchant"`
	Mode         string    `json:"mode" enum:"live,sandbox"`
	Dialect      string    `json:"dialect"`
	Email        string    `json:"email,omitempty" doc:"masked"`
	Phone        string    `json:"phone,omitempty" doc:"masked"`
	OTP          bool      `json:"otp" doc:"each login needs a code too"`
	Verification string    `json:"verification" enum:"verified,unverified,pending,rejected"`
	Country      string    `json:"country,omitempty"`
	Region       string    `json:"region,omitempty"`
	Holds        []string  `json:"holds" nullable:"false"`
	Active       bool      `json:"active"`
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
}

// UserPage is one page of users.
type UserPage struct {
	Users []User `json:"users" nullable:"false"`
	Total int64  `json:"total"`
	Next  string `json:"next,omitempty"`
}

// NewUser is one user of an import.
type NewUser struct {
	Email        string   `json:"email" maxLength:"254"`
	Password     string   `json:"password,omitempty" maxLength:"1024" doc:"at least 12 characters; without one the user comes from an external issuer"`
	Phone        string   `json:"phone,omitempty" maxLength:"32"`
	OTP          bool     `json:"otp,omitempty"`
	Verification string   `json:"verification,omitempty" maxLength:"16"`
	Country      string   `json:"country,omitempty" maxLength:"2"`
	Region       string   `json:"region,omitempty" maxLength:"8"`
	Holds        []string `json:"holds,omitempty" nullable:"false" maxItems:"100"`
}

// UserImport adds users to a merchant's. Those whose e-mail address is there are left as they are.
type UserImport struct {
	Merchant string    `json:"merchant" maxLength:"64"`
	Mode     string    `json:"mode" enum:"live,sandbox"`
	Dialect  string    `json:"dialect" maxLength:"32"`
	Users    []NewUser `json:"users" nullable:"false" minItems:"1" maxItems:"50"`
}

// UsersImported is how many of an import were new.
type UsersImported struct {
	Added   int `json:"added"`
	Present int `json:"present"`
}

// UserChange says what a user is now; what it leaves out stays.
type UserChange struct {
	Verification *string   `json:"verification,omitempty" enum:"verified,unverified,pending,rejected"`
	Country      *string   `json:"country,omitempty" maxLength:"2"`
	Holds        *[]string `json:"holds,omitempty"`
	Active       *bool     `json:"active,omitempty" doc:"false ends all of his sessions within a second"`
}

// Application is what is known of a client application beside its key.
type Application struct {
	Key          string   `json:"key" doc:"the id of its key"`
	Name         string   `json:"name" doc:"as users see it"`
	RedirectURIs []string `json:"redirectUris" nullable:"false" doc:"one of them, word for word, is where a browser is sent back to"`
	HasSecret    bool     `json:"hasSecret"`
	Secret       string   `json:"secret,omitempty" doc:"shown when it is made, this once"`
}

// NewApplication says what is known of an application.
type NewApplication struct {
	Name         string   `json:"name" maxLength:"100"`
	RedirectURIs []string `json:"redirectUris" nullable:"false" maxItems:"20"`
	Secret       string   `json:"secret,omitempty" enum:"keep,new,none" doc:"keep is the default"`
}

// Fulfilment is an operator's word on a product that was paid for.
type Fulfilment struct {
	Done bool `json:"done" doc:"it was handed over; false: it cannot be, and the order is held for a decision"`
}

// ProposedRefund is what an operator is proposed to give back.
type ProposedRefund struct {
	From   string `json:"from" doc:"the account"`
	Amount Amount `json:"amount"`
	Rail   string `json:"rail"`
	To     string `json:"to"`
}

// Products lists a merchant's products.
func (c *Client) Products(ctx context.Context, merchant, mode, dialect string) (ProductList, error) {
	var got ProductList
	return got, c.call(ctx, http.MethodGet, "/products", params("merchant", merchant, "mode", mode, "dialect", dialect), nil, &got)
}

// SaveProduct makes a product or replaces it.
func (c *Client) SaveProduct(ctx context.Context, p NewProduct) (Product, error) {
	var got Product
	return got, c.call(ctx, http.MethodPut, "/products", nil, p, &got)
}

// Users is one page of a merchant's users, the newest first.
func (c *Client) Users(ctx context.Context, q RecordQuery) (UserPage, error) {
	var got UserPage
	return got, c.call(ctx, http.MethodGet, "/users", params("merchant", q.Merchant, "mode", q.Mode, "dialect", q.Dialect, "after", q.After, "limit", number(q.Limit)), nil, &got)
}

// ImportUsers adds users.
func (c *Client) ImportUsers(ctx context.Context, i UserImport) (UsersImported, error) {
	var got UsersImported
	return got, c.call(ctx, http.MethodPost, "/users/import", nil, i, &got)
}

// ChangeUser says what a user is now.
func (c *Client) ChangeUser(ctx context.Context, id string, u UserChange) (User, error) {
	var got User
	return got, c.call(ctx, http.MethodPost, "/users/"+url.PathEscape(id), nil, u, &got)
}

// Application is what is known of the application of a key.
func (c *Client) Application(ctx context.Context, key string) (Application, error) {
	var got Application
	return got, c.call(ctx, http.MethodGet, "/applications/"+url.PathEscape(key), nil, nil, &got)
}

// SaveApplication says what is known of an application.
func (c *Client) SaveApplication(ctx context.Context, key string, a NewApplication) (Application, error) {
	var got Application
	return got, c.call(ctx, http.MethodPut, "/applications/"+url.PathEscape(key), nil, a, &got)
}

// Fulfil says whether the product of an order was handed over.
func (c *Client) Fulfil(ctx context.Context, order string, done bool) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, "/orders/"+url.PathEscape(order)+"/fulfilment", nil, Fulfilment{done}, &got)
}
