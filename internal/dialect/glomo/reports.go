package glomo

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// Reports are tables of a merchant's orders, and of their payments, as CSV: columns of ours, and behind them one for each
// name that stands in the notes of what is listed. There is no such API at the vendor's, so they have a path of their own.

// The columns that a report has of its own, in their order. Behind them stands a column for each name that is used in the
// notes of what the report lists, sorted.
var (
	orderColumns = []string{
		"id", "status", "currency", "amount", "customer_id", "document_id", "purpose_code", "invoice_number", "invoice_description",
		"invoice_amount", "reference_number", "request_id", "price_id", "product_name", "product_description", "payment_methods", "created_at", "updated_at",
	}
	paymentColumns = []string{
		"id", "order_id", "order_status", "status", "payment_method", "payment_currency", "payment_amount", "customer_id",
		"reference_number", "sender_name", "transaction_reference_number", "error_code", "payment_date", "created_at",
	}
)

// maxNoteColumns bounds a line. Who uses more names asks for less time at once.
const maxNoteColumns = 1000

// reportTime is how long a part of a report may take to be taken by whoever asked.
const reportTime = time.Minute

// table is what a report lists: its own columns, and the cells of each line that an order makes.
type table struct {
	columns []string
	lines   func(o *engine.Order) [][]string
}

// Reports are the names of the reports there are.
func (d *Dialect) Reports() []string { return slices.Sorted(maps.Keys(d.tables())) }

func (d *Dialect) tables() map[string]table {
	return map[string]table{
		"orders":   {orderColumns, orderLines},
		"payments": {paymentColumns, d.paymentLines},
	}
}

// report is one that may be written: what its columns are is known.
type report struct {
	table
	engine *engine.Engine
	orders engine.OrderRange
	names  []string // of notes, sorted
}

// Report prepares a report of a merchant's orders, or of the payments of his orders, that were made between two times, both
// included, a zero one for no end. It looks through them once, for the names in their notes. What it gives writes the report,
// looking through the same orders again: its memory does not grow with their number. An order made meanwhile is in neither.
//
// Errors: not_found for a name of none; too_many_metadata where the notes have more names than columns may be.
func (d *Dialect) Report(ctx context.Context, name string, s engine.Scope, from, to time.Time) (write func(context.Context, io.Writer) error, err error) {
	t, known := d.tables()[name]
	if !known {
		return nil, fault.New(fault.CodeNotFound, "There is no such report")
	}
	rep := report{table: t, engine: d.engine}
	if rep.orders, err = d.engine.OrderRange(ctx, s, from, to); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	err = rep.each(ctx, func(o *engine.Order) error {
		for name := range recordOf(o).Notes {
			names[name] = true
		}
		if len(names) > maxNoteColumns {
			return fault.New(fault.CodeTooManyMetadata, fmt.Sprintf("The notes have more than %d different keys: ask for less time at once", maxNoteColumns)).On("from")
		}
		return nil
	})
	rep.names = slices.Sorted(maps.Keys(names))
	return rep.write, err
}

// each gives the range's orders that are orders here, or payment links.
func (r report) each(ctx context.Context, do func(o *engine.Order) error) error {
	return r.engine.EachOrder(ctx, r.orders, func(o *engine.Order) error {
		if o.Kind != kindOrder && o.Kind != kindLink {
			return nil
		}
		return do(o)
	})
}

func (r report) write(ctx context.Context, to io.Writer) error {
	w := newCSVWriter(to)
	if err := w.write(slices.Concat(r.columns, r.names)); err != nil {
		return err
	}
	err := r.each(ctx, func(o *engine.Order) error {
		notes := recordOf(o).Notes
		for _, line := range r.lines(o) {
			for _, name := range r.names {
				line = append(line, notes[name])
			}
			if err := w.write(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.flush()
}

// orderLines is an order, in orderColumns. A payment link is none.
func orderLines(o *engine.Order) [][]string {
	if o.Kind != kindOrder {
		return nil
	}
	kept := recordOf(o)
	sold := product{}
	if kept.Product != nil {
		sold = *kept.Product
	}
	invoiced := ""
	if kept.InvoiceAmount != 0 {
		invoiced = strconv.FormatInt(kept.InvoiceAmount, 10)
	}
	return [][]string{{
		o.PublicID, projection[o.State], o.Terms.Due.Asset().Code(), o.Terms.Due.Big().String(), kept.Customer, kept.Document, kept.Purpose, kept.InvoiceNumber,
		kept.InvoiceDescription, invoiced, o.Reference, kept.Request, kept.Price, sold.Name, textOf(sold.Description), strings.Join(o.Methods, " "),
		wireTime(o.CreatedAt), wireTime(o.UpdatedAt),
	}}
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// paymentLines are the payments of an order or a payment link, in paymentColumns.
func (d *Dialect) paymentLines(o *engine.Order) (lines [][]string) {
	for _, p := range paymentsOf(o) {
		b := d.encodePayment(p)
		lines = append(lines, []string{
			b.ID, o.PublicID, projection[o.State], b.Status, b.PaymentMethod.Type, b.PaymentCurrency, p.Amount.Big().String(), textOf(b.CustomerID),
			o.Reference, textOf(b.SenderName), textOf(b.TransactionReference), textOf(b.ErrorCode), b.PaymentDate, b.CreatedAt,
		})
	}
	return lines
}

// ReportPath is where reports are, below the mount: a name and ".csv" follow.
const ReportPath = "/reports/"

// serveReport answers with a report of the key's merchant: GET /reports/orders.csv?after=...&before=...
func (d *Dialect) serveReport(w http.ResponseWriter, r *http.Request) {
	r, s, err := d.admit(r, "reports:read")
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	write, name, err := d.askedReport(r, s)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if err := write(r.Context(), web.NewPatient(w, reportTime)); err != nil {
		if r.Context().Err() == nil {
			d.log.ErrorContext(r.Context(), "a report was cut", "report", name, "error", err)
		}
		panic(http.ErrAbortHandler) // nobody must take a part of it for the whole
	}
}

func (d *Dialect) askedReport(r *http.Request, s engine.Scope) (write func(context.Context, io.Writer) error, name string, err error) {
	name, csv := strings.CutSuffix(r.PathValue("name"), ".csv")
	if !csv || !slices.Contains(d.Reports(), name) {
		return nil, "", fault.New(fault.CodeRouteNotFound, "There is no "+r.Method+" "+r.URL.Path+" here")
	}
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return nil, name, err
	}
	p := q.paging()
	if q.Err() != nil {
		return nil, name, q.Err()
	}
	write, err = d.Report(r.Context(), name, s, p.from, p.to)
	return write, name, err
}
