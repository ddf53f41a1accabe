package glomo

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
