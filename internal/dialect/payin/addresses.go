package payin

import (
	"net/http"
	"strconv"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
)

// addressRoutes are the pool of addresses that orders and deposits are given: what is in it, what is added, what is
// taken out of use.
func (d *Dialect) addressRoutes() []route {
	const read, write = "address-pool:read", "address-pool:write"
	return []route{
		{http.MethodPost, "/api/v1/address-pool/addresses", write, d.importAddresses},
		{http.MethodGet, "/api/v1/address-pool/addresses", read, d.listAddresses},
		{http.MethodPatch, "/api/v1/address-pool/addresses/{address}/archive", write, d.archiveAddress},
		{http.MethodPatch, "/api/v1/address-pool/addresses/{address}/unarchive", write, d.unarchiveAddress},
		{http.MethodPost, "/api/v1/address-pool/import", write, d.importPool},
		{http.MethodGet, "/api/v1/address-pool/availability", read, d.poolAvailability},
		{http.MethodGet, "/api/v1/address-pool/summary", read, d.poolSummary},
		{http.MethodGet, "/api/v1/address-pool/status", read, d.poolStatus},
	}
}

// maxPool is how many addresses a merchant may have of a protocol, live and sandbox each: PayIn's own limit.
const maxPool = 10_000

// poolOf is the merchant's pool of the only protocol there is.
func poolOf(s engine.Scope) engine.Pool {
	return engine.Pool{Merchant: s.Merchant, Mode: s.Mode, Family: engine.EVM}
}

func (d *Dialect) importAddresses(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodeImport(r)
	if err != nil {
		return answer{}, err
	}
	added, err := d.by(r).ImportInstrumentsUpTo(r.Context(), poolOf(s), asked.addresses, maxPool)
	if err != nil {
		return answer{}, explainImport(err)
	}
	return encodeImported(asked, added), nil
}

// importPool takes the file that a wallet tool wrote, whole or not at all. What is wrong with its lines is told line by
// line; everything else is refused as anywhere.
func (d *Dialect) importPool(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodePoolImport(r)
	if err != nil {
		return answer{}, err
	}
	if len(asked.wrong) > 0 {
		return encodeWrongLines(asked), nil
	}
	added, err := d.by(r).ImportInstrumentsUpTo(r.Context(), poolOf(s), asked.addresses, maxPool)
	if f, ok := fault.As(err); ok && f.Code == fault.CodeInvalidAddress {
		i, parseErr := strconv.Atoi(f.Param)
		if parseErr != nil || i < 0 || i >= len(asked.addresses) {
			return answer{}, err
		}
		asked.wrong = []wrongLine{{asked.lines[i], asked.addresses[i].Value, "The address cannot be imported"}} // whose it is stays untold
		return encodeWrongLines(asked), nil
	}
	if err != nil {
		return answer{}, explainImport(err)
	}
	return encodePoolImported(asked, added), nil
}

func (d *Dialect) poolAvailability(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	if q.family("protocol"); q.Err() != nil {
		return answer{}, q.Err()
	}
	counts, err := d.engine.InstrumentCounts(r.Context(), poolOf(s))
	return answer{http.StatusOK, availabilityAnswer{Success: true, Data: encodeAvailability(counts)}}, err
}

func (d *Dialect) poolSummary(r *http.Request, s engine.Scope) (answer, error) {
	counts, err := d.engine.InstrumentCounts(r.Context(), poolOf(s))
	return answer{http.StatusOK, encodePoolSummary(counts)}, err
}

// poolStatus is the counts by protocol, in no envelope.
func (d *Dialect) poolStatus(r *http.Request, s engine.Scope) (answer, error) {
	counts, err := d.engine.InstrumentCounts(r.Context(), poolOf(s))
	return answer{http.StatusOK, map[engine.Family]poolCounts{engine.EVM: countsOf(counts)}}, err
}

func (d *Dialect) listAddresses(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	q.family("protocol")
	page, size := q.Number("page", 1, maxPage, 1), q.Number("pageSize", 1, 100, 20)
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	rows, total, err := d.engine.InstrumentPage(r.Context(), poolOf(s), (page-1)*size, size)
	return answer{http.StatusOK, encodeAddresses(rows, total)}, err
}

// archiveAddress takes an address out of use. An order or deposit that holds it keeps it to its end.
func (d *Dialect) archiveAddress(r *http.Request, s engine.Scope) (answer, error) {
	address, err := d.addressOf(r)
	if err != nil {
		return answer{}, err
	}
	if err := d.by(r).ArchiveInstrument(r.Context(), poolOf(s), address); err != nil {
		return answer{}, orNoAddress(err)
	}
	row, err := d.engine.Instrument(r.Context(), poolOf(s), address)
	if err != nil {
		return answer{}, orNoAddress(err)
	}
	body := doneBody{Success: true, Message: "Address archived"}
	switch row.State {
	case engine.InstrumentHeld:
		body.Message += "; its order keeps it to its end"
	case engine.InstrumentBound:
		body.Message += "; its deposit reference keeps it until it is unbound"
	}
	return answer{http.StatusOK, body}, nil
}

func (d *Dialect) unarchiveAddress(r *http.Request, s engine.Scope) (answer, error) {
	address, err := d.addressOf(r)
	if err != nil {
		return answer{}, err
	}
	if err := d.by(r).UnarchiveInstrument(r.Context(), poolOf(s), address); err != nil {
		return answer{}, orNoAddress(err)
	}
	return answer{http.StatusOK, doneBody{Success: true, Message: "Address unarchived"}}, nil
}

// addressOf is the address in the path, in any case of its letters. What is no address is in no pool.
func (d *Dialect) addressOf(r *http.Request) (string, error) {
	text := r.PathValue("address")
	if digits, ok := strings.CutPrefix(text, "0X"); ok {
		text = "0x" + digits
	}
	value, _, err := d.parseAddress(text)
	if err != nil {
		return "", noAddress()
	}
	return value, nil
}

func noAddress() error { return fault.New(fault.CodeNotFound, "Address not found") }

func orNoAddress(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return noAddress()
	}
	return err
}
