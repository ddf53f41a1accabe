package bank

// The statuses of ISO 20022 (external code lists of payment group and payment transaction status) that answer a payment
// file. Only the last two end a transfer: it is not executed. What is accepted may still fail later, and only a statement
// says that the money left.
const (
	rejected  = "RJCT"
	cancelled = "CANC"
)

var statuses = []string{
	"RCVD", "ACTC", "ACCP", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC", "PATC", "PDNG", "PART", rejected, cancelled,
}

// ends says that a transfer with that answer is not executed.
func ends(status string) bool { return status == rejected || status == cancelled }
