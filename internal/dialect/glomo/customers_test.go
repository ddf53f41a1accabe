package glomo

import (
	"strings"
	"testing"
	"time"
)

func TestCustomers(t *testing.T) {
	k := newKit(t)
	created := k.post(shopKey, "/api/v1/customer", goodCustomer)
	got := parse[customerBody](k, created)
	if created.status != 201 || !strings.HasPrefix(got.ID, "cust_") || got.Name != "Asha Rao" || got.Type != "individual" || *got.Phone != "+91-9023456789" ||
		*got.Born != "29-11-2003" || got.Country != "IND" || *got.Pincode != "560001" || got.Status != "active" || got.CreatedAt != "2026-03-02T10:30:00Z" {
		t.Errorf("%s", created.body)
	}
	if again := k.get(shopKey, "/api/v1/customer/"+got.ID); again.status != 200 || again.body != created.body {
		t.Errorf("%s", again.body)
	}
	k.refused("another merchant's", k.get(otherKey, "/api/v1/customer/"+got.ID), 404, "Entity not found")
	k.refused("another environment's", k.get(liveKey, "/api/v1/customer/"+got.ID), 404, "Entity not found")
	k.refused("another noun", k.get(shopKey, "/api/v1/customer/order_1"), 400, "Id must start with 'cust_'")
	if theirs := k.post(otherKey, "/api/v1/customer", goodCustomer); theirs.status != 201 {
		t.Errorf("an e-mail address of another merchant's customer: %s", theirs.body)
	}
	// Two people may have one telephone.
	if other := k.post(shopKey, "/api/v1/customer", with(goodCustomer, "email", `"ravi@example.com"`)); other.status != 201 {
		t.Errorf("%s", other.body)
	}
}

func TestCustomerRules(t *testing.T) {
	k := newKit(t)
	k.made(shopKey, "/api/v1/customer", with(goodCustomer, "email", `"taken@example.com"`))
	for _, test := range []struct {
		name string
		more []string
		part string
	}{
		{"no name", []string{"name", ""}, "Customer name cannot be blank."},
		{"a blank name", []string{"name", `"  "`}, "Customer name cannot be blank."},
		{"a short name", []string{"name", `"A"`}, "Validation failed: Name is invalid"},
		{"a long name", []string{"name", quoted(strings.Repeat("a", 129))}, "Validation failed: Name is invalid"},
		{"other letters", []string{"name", `"Jürgen"`}, "Validation failed: Name is invalid"},
		{"a sign", []string{"name", `"A_B"`}, "Validation failed: Name is invalid"},
		{"no type", []string{"customer_type", ""}, "Customer type must be either Individual or Business."},
		{"another type", []string{"customer_type", `"robot"`}, "Customer type must be"},
		{"no e-mail address", []string{"email", ""}, "Email address is not valid."},
		{"no such e-mail address", []string{"email", `"asha"`}, "Email address is not valid."},
		{"taken", []string{"email", `"taken@example.com"`}, "This email address is already registered under your business."},
		{"taken in capitals", []string{"email", `"TAKEN@example.COM"`}, "This email address is already registered"},
		{"no telephone", []string{"phone", `"12"`}, "Phone number format is invalid."},
		{"no address", []string{"address", `""`}, "Address cannot be blank."},
		{"no city", []string{"city", ""}, "City cannot be blank."},
		{"no state", []string{"state", "null"}, "State cannot be blank."},
		{"no country", []string{"country", ""}, "Country code must be a valid 3-letter ISO code (e.g., IND, USA)."},
		{"two letters", []string{"country", `"IN"`}, "Country code must be"},
		{"small letters", []string{"country", `"ind"`}, "Country code must be"},
		{"no such country", []string{"country", `"XYZ"`}, "Country code must be"},
		{"no pincode", []string{"pincode", ""}, "Pincode is required for the selected country."},
		{"no nationality", []string{"nationality", `"Indian"`}, "Nationality code must be valid 3-letter ISO."},
		{"born tomorrow", []string{"dob", quoted(started.Add(24 * time.Hour).Format("02-01-2006"))}, "Date of birth must be in the past."},
		{"born today", []string{"dob", quoted(started.Format("02-01-2006"))}, "Date of birth must be in the past."},
		{"born never", []string{"dob", `"31-02-2003"`}, "Date of birth must be written as DD-MM-YYYY."},
		{"a number", []string{"city", `7`}, "city"},
	} {
		k.refused(test.name, k.post(shopKey, "/api/v1/customer", with(goodCustomer, test.more...)), 400, test.part)
	}
	if got := k.post(shopKey, "/api/v1/customer", with(goodCustomer, "country", `"ARE"`, "pincode", "", "phone", "", "dob", "", "nationality", "")); got.status != 201 {
		t.Errorf("%s", got.body)
	}
}

func TestCustomerChanges(t *testing.T) {
	k := newKit(t)
	id := k.customer()
	path := "/api/v1/customer/" + id
	k.made(shopKey, "/api/v1/customer", with(goodCustomer, "email", `"taken@example.com"`))
	k.clock.Move(time.Minute)
	got := parse[customerBody](k, k.patch(shopKey, path, `{"email":"new@example.com","phone":"+12025550123","unknown":1}`))
	if got.Email != "new@example.com" || *got.Phone != "+12025550123" || got.UpdatedAt != "2026-03-02T10:31:00Z" || got.Name != "Asha Rao" {
		t.Errorf("%+v", got)
	}
	for body, part := range map[string]string{
		`{"name":"Other"}`: "Only email and phone", `{"email":"x"}`: "Email address is not valid.", `{"email":""}`: "Email address is not valid.",
		`{"phone":"1"}`: "Phone number format is invalid.", `{"email":"taken@example.com"}`: "already registered",
	} {
		k.refused(body, k.patch(shopKey, path, body), 400, part)
	}
	k.refused("another merchant's", k.patch(otherKey, path, `{"phone":"+12025550123"}`), 404, "Entity not found")
}

func TestCustomerLists(t *testing.T) {
	k := newKit(t)
	first := k.customer()
	k.clock.Move(time.Minute)
	second := k.made(shopKey, "/api/v1/customer", with(goodCustomer, "email", `"firm@example.com"`, "customer_type", `"business"`))
	for query, want := range map[string]string{
		"": second + " " + first, "?customer_type=business": second, "?customer_type=individual": first, "?email_address=ASHA@example.com": first,
		"?email_address=nobody@example.com": "", "?email_address=firm@example.com&customer_type=individual": "", "?per_page=1&page=2": first,
		"?after=2026-03-02T10:30:00Z": second, "?before=2026-03-02T10:31:00Z": first, "?customer_type=business&before=2026-03-02T10:31:00Z": "",
		"?email_address=firm@example.com&after=2026-03-02T10:31:00Z": "",
	} {
		list := parse[pageBody[customerBody]](k, k.get(shopKey, "/api/v1/customer"+query))
		var ids []string
		for _, c := range list.Data {
			ids = append(ids, c.ID)
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%s: %v, want %s", query, ids, want)
		}
	}
	k.refused("a type", k.get(shopKey, "/api/v1/customer?customer_type=robot"), 400, "Invalid customer_type")
}
