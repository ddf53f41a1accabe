package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Person is somebody who logs in with a password.
type Person struct {
	ID         string            `json:"id"`
	Name       string            `json:"name" doc:"a user name or an e-mail address, in small letters"`
	Operator   bool              `json:"operator" doc:"opens the operator's pages"`
	Roles      map[string]string `json:"roles" nullable:"false" doc:"owner, admin, member or viewer, by merchant"`
	Active     bool              `json:"active" doc:"false: kept out"`
	CreatedAt  time.Time         `json:"createdAt"`
	PasswordAt time.Time         `json:"passwordAt" doc:"when the password was set"`
}

// PersonPage is one page of people.
type PersonPage struct {
	People []Person `json:"people" nullable:"false"`
	Next   string   `json:"next,omitempty"`
}

// People is one page of people, in the order they were made.
func (c *Client) People(ctx context.Context, after string, limit int) (PersonPage, error) {
	var got PersonPage
	return got, c.call(ctx, http.MethodGet, "/people", params("after", after, "limit", number(limit)), nil, &got)
}

// NewPerson asks for a person.
type NewPerson struct {
	Name     string            `json:"name" minLength:"1" maxLength:"254"`
	Password string            `json:"password" minLength:"1" maxLength:"1024" doc:"at least 12 characters"`
	Operator bool              `json:"operator,omitempty"`
	Roles    map[string]string `json:"roles,omitempty" maxProperties:"1000" doc:"owner, admin, member or viewer, by merchant"`
}

// AddPerson makes a person.
func (c *Client) AddPerson(ctx context.Context, p NewPerson) (Person, error) {
	var got Person
	return got, c.call(ctx, http.MethodPost, "/people", nil, p, &got)
}

// PersonPassword asks for another password.
type PersonPassword struct {
	Password string `json:"password" minLength:"1" maxLength:"1024" doc:"at least 12 characters"`
}

// SetPassword gives a person, by name or id, another password and ends all his sessions.
func (c *Client) SetPassword(ctx context.Context, person, password string) (Person, error) {
	var got Person
	return got, c.call(ctx, http.MethodPost, personPath(person)+"/password", nil, PersonPassword{password}, &got)
}

// PersonActive asks to let a person in, or to keep him out.
type PersonActive struct {
	Active bool `json:"active"`
}

// SetActive lets a person in, or keeps him out and ends all his sessions.
func (c *Client) SetActive(ctx context.Context, person string, active bool) (Person, error) {
	var got Person
	return got, c.call(ctx, http.MethodPost, personPath(person)+"/active", nil, PersonActive{active}, &got)
}

// PersonRoles asks for roles, these and no others.
type PersonRoles struct {
	Operator bool              `json:"operator"`
	Roles    map[string]string `json:"roles" nullable:"false" maxProperties:"1000" doc:"owner, admin, member or viewer, by merchant"`
}

// SetRoles gives a person these roles and no others, at once.
func (c *Client) SetRoles(ctx context.Context, person string, r PersonRoles) (Person, error) {
	var got Person
	return got, c.call(ctx, http.MethodPut, personPath(person)+"/roles", nil, r, &got)
}

// Session is a login that lasts.
type Session struct {
	ID        string    `json:"id"`
	Face      string    `json:"face" doc:"where it is good: an API, or pages"`
	Mode      string    `json:"mode,omitempty" doc:"of the API"`
	Address   string    `json:"address" doc:"where the login came from"`
	Agent     string    `json:"agent"`
	CreatedAt time.Time `json:"createdAt"`
	SeenAt    time.Time `json:"seenAt" doc:"its last use, within a minute"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// SessionList is a person's sessions.
type SessionList struct {
	Sessions []Session `json:"sessions" nullable:"false"`
}

// Sessions are a person's sessions that are not over, the oldest first.
func (c *Client) Sessions(ctx context.Context, person string) ([]Session, error) {
	var got SessionList
	err := c.call(ctx, http.MethodGet, personPath(person)+"/sessions", nil, nil, &got)
	return got.Sessions, err
}

// EndSession ends one session of a person.
func (c *Client) EndSession(ctx context.Context, person, session string) (Session, error) {
	var got Session
	return got, c.call(ctx, http.MethodPost, personPath(person)+"/sessions/"+url.PathEscape(session)+"/end", nil, nil, &got)
}

func personPath(person string) string { return "/people/" + url.PathEscape(person) }
