package payin

import (
	"fmt"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
)

type importBody struct {
	Success  bool            `json:"success"`
	Message  string          `json:"message"`
	Imported int             `json:"imported"`
	Skipped  int             `json:"skipped"`
	Warnings []importWarning `json:"warnings,omitempty"`
}

type importWarning struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func encodeImported(asked imported, added int) answer {
	return answer{http.StatusCreated, importBody{
		Success: true, Message: fmt.Sprintf("Imported %d of %d addresses", added, len(asked.addresses)),
		Imported: added, Skipped: len(asked.addresses) - added, Warnings: asked.warnings,
	}}
}

// poolImportBody is what POST /address-pool/import did. Errors is always empty: one wrong line refuses them all.
type poolImportBody struct {
	Success  bool              `json:"success"`
	Imported int               `json:"imported"`
	Skipped  int               `json:"skipped"`
	Errors   []wrongLine       `json:"errors"`
	Warnings []lineWarning     `json:"warnings"`
	Summary  poolImportSummary `json:"summary"`
}

type poolImportSummary struct {
	Protocol        string           `json:"protocol"`
	Mode            string           `json:"mode"`
	DerivationRange *derivationRange `json:"derivation_range"`  // null: no line has an index
	MasterPublicKey *string          `json:"master_public_key"` // null: none, or several
}

type derivationRange struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
}

// wrongLine is one line that cannot be imported. The first line of a CSV text is its header; the elements of an array
// count from 1.
type wrongLine struct {
	Line    int    `json:"line"`
	Address string `json:"address"`
	Error   string `json:"error"`
}

type lineWarning struct {
	Line    int    `json:"line"`
	Address string `json:"address"`
	Message string `json:"message"`
}

// wrongLinesBody is the error body with a list for its details.
type wrongLinesBody struct {
	Success    bool        `json:"success"`
	Error      string      `json:"error"`
	Message    string      `json:"message"`
	Code       string      `json:"code"`
	StatusCode int         `json:"statusCode"`
	Details    []wrongLine `json:"details"`
}

// shownLines is how many wrong lines are told.
const shownLines = 100

func encodeWrongLines(asked poolImport) answer {
	message := fmt.Sprintf("%d of %d lines are wrong; nothing was imported", len(asked.wrong), asked.total)
	return answer{http.StatusBadRequest, wrongLinesBody{
		Error: refusals[fault.CodeInvalidAddress].text, Message: message, Code: validationError, StatusCode: http.StatusBadRequest,
		Details: asked.wrong[:min(len(asked.wrong), shownLines)],
	}}
}

func encodePoolImported(asked poolImport, added int) answer {
	body := poolImportBody{
		Success: true, Imported: added, Skipped: asked.total - added, Errors: []wrongLine{}, Warnings: asked.warnings,
		Summary: poolImportSummary{Protocol: string(engine.EVM), Mode: asked.mode},
	}
	if body.Warnings == nil {
		body.Warnings = []lineWarning{}
	}
	keys := map[string]bool{}
	for i := range asked.addresses {
		one := &asked.addresses[i]
		if one.MasterPublicKey != "" {
			keys[one.MasterPublicKey] = true
			body.Summary.MasterPublicKey = &one.MasterPublicKey
		}
		if one.DerivationIndex == nil {
			continue
		}
		known := body.Summary.DerivationRange
		if known == nil {
			known = &derivationRange{Start: *one.DerivationIndex, End: *one.DerivationIndex}
			body.Summary.DerivationRange = known
		}
		known.Start, known.End = min(known.Start, *one.DerivationIndex), max(known.End, *one.DerivationIndex)
	}
	if len(keys) > 1 {
		body.Summary.MasterPublicKey = nil
	}
	return answer{http.StatusOK, body}
}

// poolCounts is how many addresses do what. All but Total add up to Total.
type poolCounts struct {
	Total       int64 `json:"total"`
	Available   int64 `json:"available"`
	Allocated   int64 `json:"allocated"`
	Bound       int64 `json:"bound"`
	CoolingDown int64 `json:"coolingDown"`
	Archived    int64 `json:"archived"`
	Quarantined int64 `json:"quarantined"`
	Used        int64 `json:"used"`
}

type availabilityBody struct {
	Protocol string `json:"protocol"`
	poolCounts
}

type availabilityAnswer struct {
	Success bool             `json:"success"`
	Data    availabilityBody `json:"data"`
}

type poolSummaryAnswer struct {
	Success bool            `json:"success"`
	Data    poolSummaryBody `json:"data"`
}

type poolSummaryBody struct {
	Protocols             []availabilityBody `json:"protocols"`
	TotalAddresses        int64              `json:"totalAddresses"`
	TotalAvailable        int64              `json:"totalAvailable"`
	HasAddresses          bool               `json:"hasAddresses"`
	HasAvailableAddresses bool               `json:"hasAvailableAddresses"`
}

func countsOf(c engine.InstrumentCounts) poolCounts {
	return poolCounts{Total: c.Total, Available: c.Free, Allocated: c.Held, Bound: c.Bound, CoolingDown: c.Resting, Archived: c.Archived,
		Quarantined: c.Quarantined, Used: c.Used}
}

func encodeAvailability(c engine.InstrumentCounts) availabilityBody {
	return availabilityBody{Protocol: string(engine.EVM), poolCounts: countsOf(c)}
}

func encodePoolSummary(c engine.InstrumentCounts) poolSummaryAnswer {
	return poolSummaryAnswer{Success: true, Data: poolSummaryBody{
		Protocols: []availabilityBody{encodeAvailability(c)}, TotalAddresses: c.Total, TotalAvailable: c.Free, HasAddresses: c.Total > 0, HasAvailableAddresses: c.Free > 0,
	}}
}

type addressList struct {
	Success bool          `json:"success"`
	Data    addressesBody `json:"data"`
}

type addressesBody struct {
	Addresses []addressBody `json:"addresses"`
	Total     int64         `json:"total"`
}

type addressBody struct {
	Address       string  `json:"address"`
	Protocol      string  `json:"protocol"`
	Status        string  `json:"status"`
	Type          *string `json:"type"`          // what holds it: order or deposit
	ExternalID    *string `json:"externalId"`    // the order's id, or the deposit's reference
	AllocatedAt   *string `json:"allocatedAt"`   // since when it is held
	RecycledAt    *string `json:"recycledAt"`    // when it was last given back
	CooldownUntil *string `json:"cooldownUntil"` // while it cools down
	CreatedAt     string  `json:"createdAt"`
}

func encodeAddresses(rows []engine.InstrumentRow, total int64) addressList {
	body := addressList{Success: true, Data: addressesBody{Addresses: make([]addressBody, 0, len(rows)), Total: total}}
	for _, row := range rows {
		one := addressBody{
			Address: row.Instrument.Value, Protocol: string(row.Instrument.Family), Status: string(row.State),
			AllocatedAt: timeOrNull(row.HeldSince), RecycledAt: timeOrNull(row.RestSince), CreatedAt: wireTime(row.CreatedAt),
		}
		switch row.State {
		case engine.InstrumentHeld:
			one.Type, one.ExternalID = new("order"), &row.OrderID
		case engine.InstrumentBound:
			one.Type, one.ExternalID = new("deposit"), &row.Reference
		case engine.InstrumentResting:
			one.CooldownUntil = timeOrNull(row.RestUntil)
		}
		body.Data.Addresses = append(body.Data.Addresses, one)
	}
	return body
}
