package operator

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

func (a *api) people() {
	serve(a, huma.Operation{
		OperationID: "listPeople", Method: http.MethodGet, Path: "/people", Security: needs("people:read"),
		Summary: "Who logs in with a password", Description: "In the order they were made. Nothing of the password is shown.",
	}, a.listPeople)
	serve(a, huma.Operation{
		OperationID: "addPerson", Method: http.MethodPost, Path: "/people", Security: needs("people:write"), DefaultStatus: http.StatusCreated,
		Summary:     "Make a person",
		Description: "There is no password but the one that is given here. Only a token that may do everything makes an operator, or changes one.",
	}, a.addPerson)
	serve(a, huma.Operation{
		OperationID: "setPassword", Method: http.MethodPost, Path: "/people/{person}/password", Security: needs("people:write"),
		Summary: "Give a person another password", Description: "It ends all of his sessions.",
	}, a.setPassword)
	serve(a, huma.Operation{
		OperationID: "setPersonActive", Method: http.MethodPost, Path: "/people/{person}/active", Security: needs("people:write"),
		Summary: "Keep a person out, or let him in again", Description: "To keep him out ends all of his sessions.",
	}, a.setActive)
	serve(a, huma.Operation{
		OperationID: "setRoles", Method: http.MethodPut, Path: "/people/{person}/roles", Security: needs("people:write"),
		Summary: "Say what a person is where", Description: "These roles and no others. They hold within a second, for the sessions he has too.",
	}, a.setRoles)
	serve(a, huma.Operation{
		OperationID: "listSessions", Method: http.MethodGet, Path: "/people/{person}/sessions", Security: needs("people:read"),
		Summary: "A person's sessions", Description: "Those that are not over, the oldest first.",
	}, a.listSessions)
	serve(a, huma.Operation{
		OperationID: "endSession", Method: http.MethodPost, Path: "/people/{person}/sessions/{session}/end", Security: needs("people:write"),
		Summary: "End a session", Description: "Within a second.",
	}, a.endSession)
}

func (a *api) listPeople(ctx context.Context, in *PageInput) (client.PersonPage, error) {
	page := client.PersonPage{People: []client.Person{}}
	if err := ofBothModes(ctx); err != nil {
		return page, err
	}
	list, err := a.People.List(ctx, in.After, in.Limit+1)
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(p auth.Person) string { return p.ID })
	for _, p := range list {
		page.People = append(page.People, personOf(p))
	}
	return page, nil
}

type addPersonInput struct{ Body client.NewPerson }

func (a *api) addPerson(ctx context.Context, in *addPersonInput) (client.Person, error) {
	roles, err := a.rolesOf(ctx, in.Body.Operator, in.Body.Roles)
	if err != nil {
		return client.Person{}, err
	}
	if err := mayChange(ctx, roles); err != nil {
		return client.Person{}, err
	}
	p, err := a.People.Add(ctx, keyID(ctx), auth.NewPerson{Name: in.Body.Name, Password: in.Body.Password, Roles: roles})
	return personOf(p), err
}

// PersonInput names a person.
type PersonInput struct {
	Person string `path:"person" maxLength:"254" doc:"a name or an id"`
}

// changed finds the person to change, for a caller who may.
func (a *api) changed(ctx context.Context, in PersonInput) (auth.Person, error) {
	if err := ofBothModes(ctx); err != nil {
		return auth.Person{}, err
	}
	p, err := a.People.Find(ctx, in.Person)
	if err != nil {
		return auth.Person{}, err
	}
	return p, mayChange(ctx, p.Roles)
}

// ofBothModes refuses a token that was made for one mode, where what is asked for is of both.
func ofBothModes(ctx context.Context) error {
	who, _ := ctx.Value(callerKey{}).(auth.Principal)
	if who.Mode != "" {
		return fault.New(fault.CodeForbidden, "this token is for one mode, and this is of both").On("mode")
	}
	return nil
}

// mayChange refuses a caller with a limited token where somebody is concerned who may do everything: he could make
// himself one.
func mayChange(ctx context.Context, roles map[string]auth.Role) error {
	who, _ := ctx.Value(callerKey{}).(auth.Principal)
	if roles[auth.House] != "" && len(who.Scopes) > 0 {
		return fault.New(fault.CodeForbidden, "only a token that may do everything makes or changes an operator")
	}
	return ofBothModes(ctx)
}

// rolesOf reads roles, of merchants that exist.
func (a *api) rolesOf(ctx context.Context, operator bool, asked map[string]string) (map[string]auth.Role, error) {
	roles := map[string]auth.Role{}
	if operator {
		roles[auth.House] = auth.Operator
	}
	merchants, err := a.Engine.Merchants(ctx)
	if err != nil {
		return nil, err
	}
	for merchant, role := range asked {
		if !slices.ContainsFunc(merchants, func(m engine.Merchant) bool { return m.ID == merchant }) {
			return nil, fault.New(fault.CodeNotFound, "there is no merchant '"+merchant+"'").On("roles")
		}
		if !auth.Role(role).Valid(merchant) {
			return nil, fault.New(fault.CodeInvalidValue, "a role at a merchant is owner, admin, member or viewer").On("roles")
		}
		roles[merchant] = auth.Role(role)
	}
	return roles, nil
}

type setPasswordInput struct {
	PersonInput
	Body client.PersonPassword
}

func (a *api) setPassword(ctx context.Context, in *setPasswordInput) (client.Person, error) {
	p, err := a.changed(ctx, in.PersonInput)
	if err == nil {
		p, err = a.People.SetPassword(ctx, keyID(ctx), p.ID, in.Body.Password)
	}
	return personOf(p), err
}

type setActiveInput struct {
	PersonInput
	Body client.PersonActive
}

func (a *api) setActive(ctx context.Context, in *setActiveInput) (client.Person, error) {
	p, err := a.changed(ctx, in.PersonInput)
	if err == nil {
		p, err = a.People.SetActive(ctx, keyID(ctx), p.ID, in.Body.Active)
	}
	return personOf(p), err
}

type setRolesInput struct {
	PersonInput
	Body client.PersonRoles
}

func (a *api) setRoles(ctx context.Context, in *setRolesInput) (client.Person, error) {
	roles, err := a.rolesOf(ctx, in.Body.Operator, in.Body.Roles)
	if err != nil {
		return client.Person{}, err
	}
	if err := mayChange(ctx, roles); err != nil {
		return client.Person{}, err
	}
	p, err := a.changed(ctx, in.PersonInput)
	if err == nil {
		p, err = a.People.SetRoles(ctx, keyID(ctx), p.ID, roles)
	}
	return personOf(p), err
}

func (a *api) listSessions(ctx context.Context, in *PersonInput) (client.SessionList, error) {
	out := client.SessionList{Sessions: []client.Session{}}
	if err := ofBothModes(ctx); err != nil {
		return out, err
	}
	p, err := a.People.Find(ctx, in.Person)
	if err != nil {
		return out, err
	}
	list, err := a.People.Sessions(ctx, p.ID)
	for _, s := range list {
		out.Sessions = append(out.Sessions, sessionOf(s))
	}
	return out, err
}

type endSessionInput struct {
	PersonInput
	Session string `path:"session" maxLength:"64"`
}

func (a *api) endSession(ctx context.Context, in *endSessionInput) (client.Session, error) {
	p, err := a.changed(ctx, in.PersonInput)
	if err != nil {
		return client.Session{}, err
	}
	s, err := a.People.EndSession(ctx, keyID(ctx), p.ID, in.Session)
	return sessionOf(s), err
}

func personOf(p auth.Person) client.Person {
	out := client.Person{ID: p.ID, Name: p.Name, Roles: map[string]string{}, Active: p.Active, CreatedAt: p.CreatedAt.UTC(), PasswordAt: p.PasswordAt.UTC()}
	for merchant, role := range p.Roles {
		if merchant == auth.House {
			out.Operator = true
		} else {
			out.Roles[merchant] = string(role)
		}
	}
	return out
}

func sessionOf(s auth.Session) client.Session {
	return client.Session{ID: s.ID, Face: s.Face, Mode: s.Mode, Address: s.Address, Agent: s.Agent,
		CreatedAt: s.CreatedAt.UTC(), SeenAt: s.SeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC()}
}
