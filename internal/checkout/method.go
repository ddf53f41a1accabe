package checkout

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/page"
)

// How a payer chooses the method he pays by, says what it wants to know, and is told what to do.

// methods is what the page shows of the ways to pay an order.
type methods struct {
	Methods  []engine.Method // that may be chosen, now
	Chosen   engine.Method   // the one in progress; its Code is "" where there is none
	Mention  string          // what the payer must name where he pays
	Ask      []field         // what he must say first
	Far      string          // the page of the far side, from the order's or absolute; "" where there is none
	Waits    bool            // the far side's page is being made
	Refused  string          // the far side's word for why it refused the last try on its page; "" where it did not
	Scan     string          // what its QR code says; "" for none
	Later    bool            // nobody hears of the payment before the bank's next statement
	Paste    string          // the same, for those who cannot scan; "" for none
	Declined bool            // the attempt before was refused
	PaidHow  bool            // the order is paid by a method
}

// field is something that the payer is asked for.
type field struct {
	Name, Value string
	Banks       []string
	Wrong       string // the end of the message that says what is wrong; "" for nothing
}

// addMethods adds what is to be shown of the ways to pay.
func (c *Checkout) addMethods(v *view, o *engine.Order, n engine.Network) {
	v.PaidHow = len(o.Methods) > 0
	if !v.PaidHow || v.Phase != toPay && v.Phase != partly {
		return
	}
	if o.MayChoose() {
		v.Methods = c.engine.MethodsOf(o)
	}
	_, chosen, open := o.Current()
	m, served := c.engine.MethodOf(o, chosen)
	switch {
	case open && served:
		v.Chosen = m
		v.Methods = slices.DeleteFunc(v.Methods, func(other engine.Method) bool { return other.Code == m.Code })
		v.tell(c, o, n, chosen)
	case len(v.Methods) > 0:
		v.Phase = choosing
		v.Declined = len(o.Attempts) > 0 && o.Attempts[len(o.Attempts)-1].State == "declined"
	default:
		v.Phase = stuck
	}
}

// tell is what the payer is told to do by the method in progress, or what he must say first.
func (v *view) tell(c *Checkout, o *engine.Order, n engine.Network, chosen engine.Chosen) {
	v.Ask = ask(o, v.Chosen, chosen)
	if len(v.Ask) > 0 {
		v.Phase = asking
		return
	}
	v.Mention, v.Later = chosen.Instrument.Value, n.Makes() && !n.Simulated
	switch {
	case n.Pages:
		v.Far, v.Waits, v.Refused, v.Later = chosen.Page.URL, chosen.Page.URL == "", chosen.Reason, false
	case n.Simulated && v.Chosen.Prompt != engine.PromptTransfer && v.Chosen.Prompt != engine.PromptAddress:
		v.Far = url.PathEscape(o.PublicID) + "/sandbox?lang=" + string(v.Lang)
		if v.Chosen.Prompt == engine.PromptQR && c.public != "" {
			v.Scan = c.public + "/pay/order/" + url.PathEscape(o.PublicID) + "/sandbox"
		}
	case v.Chosen.Scan != nil:
		v.Scan = v.Chosen.Scan(chosen.Instrument.Value, v.Missing)
		if v.Chosen.Prompt == engine.PromptQR {
			v.Paste = v.Scan
		}
	case v.Chosen.Prompt == engine.PromptQR:
		v.Scan = chosen.Instrument.Value
	}
}

func ask(o *engine.Order, m engine.Method, chosen engine.Chosen) (list []field) {
	for _, name := range o.Lacks(m, chosen) {
		f := field{Name: name}
		if name == engine.FieldBank {
			f.Banks = m.Banks
		}
		list = append(list, f)
	}
	return list
}

// paying is the order of a request with its view, where somebody pays by a method.
func (c *Checkout) paying(r *http.Request, face string) (view, error) {
	v, err := c.look(r.Context(), r.PathValue("orderId"), face, page.LangOf(r))
	if err == nil && !v.PaidHow {
		err = fault.New(fault.CodeNotFound, "nothing is chosen for this order")
	}
	return v, err
}

// toOrder sends the browser from a page below that of the order to it.
func toOrder(w http.ResponseWriter, r *http.Request) {
	to := "../" + url.PathEscape(r.PathValue("orderId"))
	if r.URL.Query().Get("lang") != "" {
		to += "?lang=" + string(page.LangOf(r))
	}
	w.Header().Set("Location", to) // as it is: http.Redirect would forget what a proxy took off the path
	w.WriteHeader(http.StatusSeeOther)
}

func (c *Checkout) showMethods(w http.ResponseWriter, r *http.Request, face string) {
	v, err := c.paying(r, face)
	switch {
	case err != nil:
		c.refuse(w, r, err)
	case len(v.Methods) == 0:
		toOrder(w, r)
	default:
		c.write(w, r, http.StatusOK, "methods", v, v)
	}
}

func (c *Checkout) choose(w http.ResponseWriter, r *http.Request, face string) {
	v, err := c.posted(w, r, face)
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	_, err = c.engine.Choose(r.Context(), v.order.ID, engine.Pick{Method: r.PostForm.Get("method")})
	if err != nil && !fault.Is(err, fault.CodeOrderStateConflict) && !fault.Is(err, fault.CodeInvalidValue) {
		c.refuseLink(w, r, "", err)
		return
	}
	toOrder(w, r) // where it stands by now, whatever became of the choice
}

// posted reads a form below the page of an order. Where it cannot be read the error is not_found, as if nothing was
// there.
func (c *Checkout) posted(w http.ResponseWriter, r *http.Request, face string) (view, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return view{}, fault.New(fault.CodeNotFound, "the form cannot be read").Because(err)
	}
	return c.paying(r, face)
}

func (c *Checkout) showGiven(w http.ResponseWriter, r *http.Request, face string) {
	v, err := c.paying(r, face)
	switch {
	case err != nil:
		c.refuse(w, r, err)
	case len(v.Ask) == 0:
		toOrder(w, r)
	default:
		c.write(w, r, http.StatusOK, "given", v, v)
	}
}

// give takes what the payer says about himself. What is wrong is said beside the field, on a page of its own that does
// not change by itself.
func (c *Checkout) give(w http.ResponseWriter, r *http.Request, face string) {
	v, err := c.posted(w, r, face)
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	if len(v.Ask) == 0 {
		toOrder(w, r)
		return
	}
	if v.fill(r) {
		err = c.given(r.Context(), v)
		if f, ok := fault.As(err); ok && v.blame(f) {
			err = nil
		} else if err == nil || fault.Is(err, fault.CodeOrderStateConflict) {
			toOrder(w, r)
			return
		}
	}
	if err != nil {
		c.refuseLink(w, r, "", err)
		return
	}
	c.write(w, r, http.StatusUnprocessableEntity, "given", v, v)
}

func (c *Checkout) given(ctx context.Context, v view) error {
	said := map[string]string{}
	for _, f := range v.Ask {
		said[f.Name] = f.Value
	}
	_, err := c.engine.Give(ctx, v.order.ID, said)
	return err
}

// fill reads what was typed, and says whether nothing is missing.
func (v *view) fill(r *http.Request) bool {
	complete := true
	for i := range v.Ask {
		f := &v.Ask[i]
		if f.Value = strings.TrimSpace(r.PostForm.Get(f.Name)); f.Value == "" {
			f.Wrong, complete = "missing", false
		}
	}
	return complete
}

// blame puts a refusal beside the field it is about; false: it is about none.
func (v *view) blame(f *fault.Error) bool {
	for i := range v.Ask {
		if v.Ask[i].Name == f.Param {
			v.Ask[i].Wrong = "wrong"
			if f.Param == engine.FieldDocument && v.order.Enforced.Document != "" {
				v.Ask[i].Wrong = "another"
			}
			return true
		}
	}
	return false
}

// Focus names the first field that is wrong.
func (v view) Focus() string {
	for _, f := range v.Ask {
		if f.Wrong != "" {
			return f.Name
		}
	}
	return ""
}
