package operator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/party"
)

// Shop is what the API takes from the rest of the program for products and users.
type Shop struct {
	// SealProduct makes a secret for a product's fulfilment and seals it for the database.
	SealProduct func(s engine.Scope, code string) (secret, sealed string, err error)
	// HashPassword checks and hashes the password of a user. Errors: those of a password, overloaded.
	HashPassword func(ctx context.Context, name, password string) (string, error)
	// NewApplicationSecret makes a secret of an application, and its hash.
	NewApplicationSecret func() (secret, hash string, err error)
	// EndTokens ends all that a user has.
	EndTokens func(ctx context.Context, user string) error
	// NewID makes the id of a user.
	NewID func() (string, error)
}

// shop is what merchants sell to users who log in, and who they are.
func (a *api) shop() {
	serve(a, huma.Operation{
		OperationID: "listProducts", Method: http.MethodGet, Path: "/products", Security: needs("products:read"),
		Summary: "A merchant's products", Description: "The oldest first, also those that are not on sale.",
	}, a.listProducts)
	serve(a, huma.Operation{
		OperationID: "saveProduct", Method: http.MethodPut, Path: "/products", Security: needs("products:write"),
		Summary: "Make a product, or replace the one with its code", Description: "Orders that were made keep their price. What the config file says is changed there alone.",
	}, a.saveProduct)
	serve(a, huma.Operation{
		OperationID: "listUsers", Method: http.MethodGet, Path: "/users", Security: needs("users:read"),
		Summary: "Who logs in at a merchant's applications", Description: "The newest first. E-mail address and telephone number are masked.",
	}, a.listUsers)
	serve(a, huma.Operation{
		OperationID: "importUsers", Method: http.MethodPost, Path: "/users/import", Security: needs("users:write"),
		Summary: "Add users to a merchant's", Description: "One after another: when one is refused, those before him are added. Who is there is left as he is.",
	}, a.importUsers)
	serve(a, huma.Operation{
		OperationID: "changeUser", Method: http.MethodPost, Path: "/users/{userId}", Security: needs("users:write"),
		Summary: "Say what a user is now",
	}, a.changeUser)
	serve(a, huma.Operation{
		OperationID: "getApplication", Method: http.MethodGet, Path: "/applications/{keyId}", Security: needs("keys:read"),
		Summary: "What is known of a client application beside its key",
	}, a.getApplication)
	serve(a, huma.Operation{
		OperationID: "saveApplication", Method: http.MethodPut, Path: "/applications/{keyId}", Security: needs("keys:write"),
		Summary: "Say what is known of a client application beside its key",
	}, a.saveApplication)
	serve(a, huma.Operation{
		OperationID: "fulfil", Method: http.MethodPost, Path: "/orders/{publicId}/fulfilment", Security: needs("orders:write"),
		Summary: "Say whether the product of an order was handed over", Description: "Of one that is under way, or, that it was done by hand, of one that failed. One that cannot be holds the order: its review is approved, to try it again, or refused, which ends the order.",
	}, a.fulfil)
}

type productsInput struct {
	Merchant string `query:"merchant" required:"true" maxLength:"64"`
	Mode     string `query:"mode" required:"true" enum:"live,sandbox"`
	Dialect  string `query:"dialect" required:"true" maxLength:"32"`
}

func (a *api) listProducts(ctx context.Context, in *productsInput) (client.ProductList, error) {
	out := client.ProductList{Products: []client.Product{}}
	s := engine.Scope{Merchant: in.Merchant, Mode: engine.Mode(in.Mode), Dialect: in.Dialect}
	if err := mustSee(ctx, s.Mode); err != nil {
		return out, err
	}
	list, err := a.Engine.Products(ctx, s, false)
	for i := range list {
		out.Products = append(out.Products, productOf(&list[i]))
	}
	return out, err
}

type saveProductInput struct{ Body client.NewProduct }

func (a *api) saveProduct(ctx context.Context, in *saveProductInput) (client.Product, error) {
	b := in.Body
	s := engine.Scope{Merchant: b.Merchant, Mode: engine.Mode(b.Mode), Dialect: b.Dialect}
	if err := mustSee(ctx, s.Mode); err != nil {
		return client.Product{}, err
	}
	if err := a.known(ctx, s); err != nil {
		return client.Product{}, err
	}
	currency, err := money.Fiat(b.Currency)
	if err != nil {
		return client.Product{}, fault.New(fault.CodeInvalidCurrency, "want a currency of ISO 4217").On("currency")
	}
	price, err := money.Parse(currency, b.Price)
	if err != nil {
		return client.Product{}, fault.New(fault.CodeInvalidAmount, "want a decimal of that currency").On("price")
	}
	ttl := time.Hour
	if b.TTL != "" {
		if ttl, err = time.ParseDuration(b.TTL); err != nil {
			return client.Product{}, fault.New(fault.CodeInvalidValue, "want a duration like 1h").On("ttl")
		}
	}
	if b.Fulfilment == string(engine.FulfilByWebhook) {
		if err := a.CheckURL(b.URL); err != nil {
			return client.Product{}, onField(err, "url")
		}
	}
	p := engine.Product{
		Code: b.Code, Scope: s, Description: b.Description, Active: b.Active, Price: price, Network: b.Network, Token: b.Token, Gateway: b.Gateway, TTL: ttl, Region: b.Region,
		Eligibility: engine.Eligibility(b.Eligibility), Fulfilment: engine.Fulfilment{Kind: engine.FulfilmentKind(b.Fulfilment), URL: b.URL},
	}
	secret := ""
	if p.Fulfilment.Kind == engine.FulfilByWebhook {
		was, err := a.Engine.Product(ctx, s, b.Code)
		if err != nil && !fault.Is(err, fault.CodeNotFound) {
			return client.Product{}, err
		}
		if b.NewSecret || err != nil || was.Fulfilment.Secret == "" {
			if secret, p.Fulfilment.Secret, err = a.Shop.SealProduct(s, b.Code); err != nil {
				return client.Product{}, err
			}
		}
	}
	saved, err := a.as(ctx).SaveProduct(ctx, p)
	if err != nil {
		return client.Product{}, err
	}
	out := productOf(saved)
	out.Secret = secret
	return out, nil
}

// known refuses a merchant or an API that is not there.
func (a *api) known(ctx context.Context, s engine.Scope) error {
	if !slices.Contains(a.Dialects, s.Dialect) {
		return fault.New(fault.CodeNotFound, "there is no such API").On("dialect")
	}
	m, err := a.Engine.Merchant(ctx, s.Merchant)
	if err == nil && m == nil {
		err = fault.New(fault.CodeNotFound, "there is no such merchant").On("merchant")
	}
	return err
}

func onField(err error, field string) error {
	if f, ok := fault.As(err); ok {
		return f.On(field)
	}
	return err
}

func productOf(p *engine.Product) client.Product {
	return client.Product{
		Code: p.Code, Merchant: p.Scope.Merchant, Mode: string(p.Scope.Mode), Dialect: p.Scope.Dialect, Description: p.Description, Active: p.Active,
		Price: p.Price.Decimal(), Currency: p.Price.Asset().Code(), Network: p.Network, Token: p.Token, Gateway: p.Gateway, TTL: p.TTL.String(), Region: p.Region,
		Eligibility: client.Eligibility(p.Eligibility), Fulfilment: string(p.Fulfilment.Kind), URL: p.Fulfilment.URL, Configured: p.Configured,
	}
}

type usersInput struct{ ScopeInput }

func (a *api) listUsers(ctx context.Context, in *usersInput) (client.UserPage, error) {
	page := client.UserPage{Users: []client.User{}}
	s, behind, err := in.scope(ctx)
	if err != nil {
		return page, err
	}
	list, total, err := a.Engine.Users(ctx, engine.UserFilter{Scope: s, Limit: in.Limit + 1, Behind: behind})
	if err != nil {
		return page, err
	}
	page.Total = total
	list, page.Next = cut(list, in.Limit, func(u engine.User) string { return strconv.FormatInt(u.Number, 10) })
	for i := range list {
		page.Users = append(page.Users, userOf(&list[i]))
	}
	return page, nil
}

type importUsersInput struct{ Body client.UserImport }

func (a *api) importUsers(ctx context.Context, in *importUsersInput) (client.UsersImported, error) {
	var out client.UsersImported
	b := in.Body
	s := engine.Scope{Merchant: b.Merchant, Mode: engine.Mode(b.Mode), Dialect: b.Dialect}
	if err := mustSee(ctx, s.Mode); err != nil {
		return out, err
	}
	if err := a.known(ctx, s); err != nil {
		return out, err
	}
	for i, n := range b.Users {
		added, err := a.importUser(ctx, s, n)
		if f, ok := fault.As(err); ok {
			return out, f.On(fmt.Sprintf("users[%d].%s", i, f.Param))
		}
		if err != nil {
			return out, err
		}
		if added {
			out.Added++
		} else {
			out.Present++
		}
	}
	return out, nil
}

// importUser adds a user; added is false where he is there already, and then nothing of him changes.
func (a *api) importUser(ctx context.Context, s engine.Scope, n client.NewUser) (added bool, err error) {
	_, err = a.Engine.UserByEmail(ctx, s, n.Region, n.Email)
	if err == nil || !fault.Is(err, fault.CodeNotFound) {
		return false, err
	}
	u := engine.User{
		Scope: s, Email: n.Email, Phone: n.Phone, OTP: n.OTP, Verification: engine.Verification(n.Verification), Country: n.Country, Region: n.Region, Holds: n.Holds, Active: true,
	}
	if u.ID, err = a.Shop.NewID(); err != nil {
		return false, err
	}
	if n.Password != "" {
		if u.Password, err = a.Shop.HashPassword(ctx, n.Email, n.Password); err != nil {
			return false, err
		}
	}
	_, err = a.as(ctx).AddUser(ctx, u)
	if fault.Is(err, fault.CodeDuplicateReference) { // somebody imports the same file
		return false, nil
	}
	return err == nil, err
}

type changeUserInput struct {
	ID   string `path:"userId" maxLength:"64"`
	Body client.UserChange
}

func (a *api) changeUser(ctx context.Context, in *changeUserInput) (client.User, error) {
	was, err := a.Engine.User(ctx, engine.Scope{}, in.ID)
	if err == nil && !sees(ctx, was.Scope.Mode) {
		err = fault.New(fault.CodeNotFound, "there is no such user")
	}
	if err != nil {
		return client.User{}, err
	}
	b := in.Body
	now, err := a.as(ctx).ChangeUser(ctx, was.Scope, was.ID, func(u *engine.User) error {
		if b.Verification != nil {
			u.Verification = engine.Verification(*b.Verification)
		}
		if b.Country != nil {
			u.Country = *b.Country
		}
		if b.Holds != nil {
			u.Holds = slices.Clone(*b.Holds)
		}
		if b.Active != nil {
			u.Active = *b.Active
		}
		return nil
	})
	if err == nil && !now.Active {
		err = a.Shop.EndTokens(ctx, now.ID)
	}
	if err != nil {
		return client.User{}, err
	}
	return userOf(now), nil
}

func userOf(u *engine.User) client.User {
	out := client.User{
		ID: u.ID, Merchant: u.Scope.Merchant, Mode: string(u.Scope.Mode), Dialect: u.Scope.Dialect, Email: party.Mask(u.Email), Phone: party.Mask(u.Phone), OTP: u.OTP,
		Verification: string(u.Verification), Country: u.Country, Region: u.Region, Holds: slices.Clone(u.Holds), Active: u.Active, CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC(),
	}
	if out.Holds == nil {
		out.Holds = []string{}
	}
	return out
}

// ApplicationInput names an application. It is exported because huma reads an embedded struct only then.
type ApplicationInput struct {
	Key string `path:"keyId" maxLength:"64"`
}

func (a *api) getApplication(ctx context.Context, in *ApplicationInput) (client.Application, error) {
	app, err := a.application(ctx, in.Key)
	if err != nil {
		return client.Application{}, err
	}
	return applicationOf(app), nil
}

// application finds an application that the caller may see.
func (a *api) application(ctx context.Context, key string) (*engine.Application, error) {
	app, err := a.Engine.Application(ctx, key)
	if err == nil && (app.Scope.Merchant == "" || !sees(ctx, app.Scope.Mode)) {
		err = fault.New(fault.CodeNotFound, "there is no such key")
	}
	return app, err
}

type saveApplicationInput struct {
	ApplicationInput
	Body client.NewApplication
}

func (a *api) saveApplication(ctx context.Context, in *saveApplicationInput) (client.Application, error) {
	app, err := a.application(ctx, in.Key)
	if err != nil {
		return client.Application{}, err
	}
	secret := ""
	switch in.Body.Secret {
	case "new":
		if secret, app.Secret, err = a.Shop.NewApplicationSecret(); err != nil {
			return client.Application{}, err
		}
	case "none":
		app.Secret = ""
	}
	app.Name, app.RedirectURIs = in.Body.Name, in.Body.RedirectURIs
	saved, err := a.as(ctx).SaveApplication(ctx, *app)
	if err != nil {
		return client.Application{}, err
	}
	out := applicationOf(saved)
	out.Secret = secret
	return out, nil
}

func applicationOf(app *engine.Application) client.Application {
	out := client.Application{Key: app.Key, Name: app.Name, RedirectURIs: slices.Clone(app.RedirectURIs), HasSecret: app.Secret != ""}
	if out.RedirectURIs == nil {
		out.RedirectURIs = []string{}
	}
	return out
}

type fulfilInput struct {
	OrderInput
	Body client.Fulfilment
}

func (a *api) fulfil(ctx context.Context, in *fulfilInput) (client.Order, error) {
	o, err := a.find(ctx, in.PublicID)
	if err != nil {
		return client.Order{}, err
	}
	if _, err := a.Engine.Fulfilled(ctx, o.ID, keyID(ctx), in.Body.Done); err != nil {
		return client.Order{}, err
	}
	return a.story(ctx, in.PublicID)
}

func proposedOf(o *engine.Order) *client.ProposedRefund {
	r, ok := o.ProposedRefund()
	if !ok {
		return nil
	}
	return &client.ProposedRefund{From: string(r.From), Amount: amountOf(r.Amount), Rail: string(r.To.Rail), To: r.To.To}
}
