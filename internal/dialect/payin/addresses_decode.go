package payin

import (
	"net/http"
	"slices"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// imported is a request to add addresses to the pool.
type imported struct {
	addresses []engine.Imported // in canonical spelling, in the order of the request
	warnings  []importWarning
}

// decodeImport reads POST /address-pool/addresses.
func (d *Dialect) decodeImport(r *http.Request) (imported, error) {
	body, err := web.Decode(r, maxImportBody)
	if err != nil {
		return imported{}, err
	}
	list, present, err := body.Array("addresses", maxAddresses)
	if err != nil {
		return imported{}, err
	}
	if !present || len(list) == 0 {
		return imported{}, fault.New(fault.CodeMissingField, "The field 'addresses' is required and must not be empty").On("addresses")
	}
	var all imported
	for _, value := range list {
		row, err := value.Object()
		if err != nil {
			return imported{}, err
		}
		one, checksumOK, err := d.decodeAddress(row)
		if err != nil {
			return imported{}, err
		}
		if !checksumOK {
			all.warnings = append(all.warnings, importWarning{row.Param("address"), "The checksum of the address is wrong; it was imported as " + one.Value})
		}
		all.addresses = append(all.addresses, one)
	}
	return all, nil
}

func (d *Dialect) decodeAddress(row web.Object) (one engine.Imported, checksumOK bool, err error) {
	text, err := required(row, "address", maxReference)
	if err != nil {
		return one, false, err
	}
	protocol, err := required(row, "protocol", maxName)
	if err != nil {
		return one, false, err
	}
	if protocol != string(engine.EVM) {
		return one, false, fault.New(fault.CodeInvalidValue, "The protocol '"+protocol+"' is not supported").On(row.Param("protocol"))
	}
	if !slices.Contains(row.Names(), "derivationIndex") {
		return one, false, fault.New(fault.CodeMissingField, "The field 'derivationIndex' is required; it may be null").On(row.Param("derivationIndex"))
	}
	index, present, err := row.Int("derivationIndex", 0, maxIndex)
	if err != nil {
		return one, false, err
	}
	if present {
		one.DerivationIndex = &index
	}
	if one.MasterPublicKey, _, err = row.String("masterPublicKey", maxReference); err != nil {
		return one, false, err
	}
	one.Value, checksumOK, err = d.parseAddress(text)
	if err != nil {
		return one, false, fault.New(fault.CodeInvalidAddress, "The address is not a valid evm address").On(row.Param("address")).Because(err)
	}
	return one, checksumOK, nil
}

// explainImport names the address that the pool refused as the request names it. Whose it is stays untold.
func explainImport(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code != fault.CodeInvalidAddress {
		return err
	}
	return fault.New(fault.CodeInvalidAddress, "The address cannot be imported").On("addresses[" + f.Param + "].address").Because(err)
}
