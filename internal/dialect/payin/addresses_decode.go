package payin

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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
	if wrong := wrongKey(one.MasterPublicKey); wrong != "" {
		return one, false, fault.New(fault.CodeInvalidValue, wrong).On(row.Param("masterPublicKey"))
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
	switch {
	case ok && f.Code == fault.CodeInvalidAddress:
		return fault.New(fault.CodeInvalidAddress, "The address cannot be imported").On("addresses[" + f.Param + "].address").Because(err)
	case ok && f.Code == fault.CodeInvalidValue:
		return f.On("addresses") // the pool would be too large
	}
	return err
}

// Who made the addresses of an import.
const (
	hdWallet    = "hd_wallet"    // derived from one master public key, each by an index
	selfManaged = "self_managed" // made elsewhere: only the address is needed
)

// poolImport is a request to import what a wallet tool wrote.
type poolImport struct {
	mode      string
	total     int               // lines with an address, repeated and wrong ones included
	addresses []engine.Imported // in canonical spelling, each once
	lines     []int             // of the addresses
	warnings  []lineWarning
	wrong     []wrongLine
}

// listedAddress is one line as it was written.
type listedAddress struct {
	line                        int
	address, index, family, key string
	wrong                       string // why it cannot be read; "" otherwise
}

// decodePoolImport reads POST /address-pool/import. What is wrong with single lines is in the result, all of it.
func (d *Dialect) decodePoolImport(r *http.Request) (poolImport, error) {
	body, err := web.Decode(r, maxImportBody)
	if err != nil {
		return poolImport{}, err
	}
	protocol, err := required(body, "protocol", maxName)
	if err != nil {
		return poolImport{}, err
	}
	if _, err := familyOf(protocol, "protocol"); err != nil {
		return poolImport{}, err
	}
	mode, err := required(body, "mode", maxName)
	if err != nil {
		return poolImport{}, err
	}
	if mode != hdWallet && mode != selfManaged {
		return poolImport{}, fault.New(fault.CodeInvalidValue, "The mode must be "+hdWallet+" or "+selfManaged).On("mode")
	}
	list, err := listedAddresses(body)
	if err != nil {
		return poolImport{}, err
	}
	return d.checkLines(mode, list), nil
}

// listedAddresses reads the field addresses: a CSV text, or an array of objects or addresses.
func listedAddresses(body web.Object) ([]listedAddress, error) {
	missing := fault.New(fault.CodeMissingField, "The field 'addresses' is required and must not be empty").On("addresses")
	value, present := body.Get("addresses")
	if !present {
		return nil, missing
	}
	var list []listedAddress
	switch value.Kind() {
	case "string":
		text, err := value.String(maxImportBody)
		if err != nil {
			return nil, err
		}
		if list, err = readCSV(text); err != nil {
			return nil, err
		}
	case "array":
		all, err := value.Array(maxAddresses)
		if err != nil {
			return nil, err
		}
		for i, one := range all {
			list = append(list, readListed(one, i+1))
		}
	default:
		return nil, fault.New(fault.CodeWrongType, "The field 'addresses' must be a CSV text or an array").On("addresses")
	}
	if len(list) == 0 {
		return nil, missing
	}
	return list, nil
}

// readCSV reads RFC 4180 with a header. A column that is not known is refused: it may be misspelt, or hold a secret.
func readCSV(text string) ([]listedAddress, error) {
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	in.TrimLeadingSpace = true
	header, err := in.Read()
	if err == io.EOF {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.CodeInvalidValue, "The header of the CSV text cannot be read").On("addresses").Because(err)
	}
	known := []string{"address", "derivation_index", "protocol", "master_public_key"}
	columns := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := columns[name]; twice || !slices.Contains(known, name) {
			return nil, fault.New(fault.CodeInvalidValue, "The header of the CSV text must name address and, where they are given, "+strings.Join(known[1:], ", ")+
				", each once; column "+strconv.Itoa(i+1)+" is none of them or repeated").On("addresses")
		}
		columns[name] = i
	}
	if _, named := columns["address"]; !named {
		return nil, fault.New(fault.CodeInvalidValue, "The header of the CSV text does not name the column address").On("addresses")
	}
	var list []listedAddress
	for {
		record, err := in.Read()
		if err == io.EOF {
			return list, nil
		}
		if len(list) == maxAddresses {
			return nil, fault.New(fault.CodeTooLong, "The list has more than "+strconv.Itoa(maxAddresses)+" addresses").On("addresses")
		}
		if broken := (*csv.ParseError)(nil); errors.As(err, &broken) {
			list = append(list, listedAddress{line: broken.StartLine, wrong: "The line cannot be read: " + broken.Err.Error()})
			if errors.Is(err, csv.ErrFieldCount) {
				continue
			}
			return list, nil // where the next line begins is not known
		}
		if err != nil {
			return nil, err
		}
		cell := func(name string) string {
			i, named := columns[name]
			if !named {
				return ""
			}
			return strings.TrimSpace(record[i])
		}
		line, _ := in.FieldPos(0)
		list = append(list, listedAddress{line: line, address: cell("address"), index: cell("derivation_index"), family: cell("protocol"), key: cell("master_public_key")})
	}
}

// readListed reads an element of an array: an address, or an object whose fields are named as the columns or in camelCase.
func readListed(value web.Value, line int) listedAddress {
	one := listedAddress{line: line}
	if value.Kind() == "string" {
		text, err := value.String(maxReference)
		if one.address = text; err != nil {
			one.wrong = "The address is too long"
		}
		return one
	}
	row, err := value.Object()
	if err != nil {
		one.wrong = "It must be an address or an object"
		return one
	}
	text := func(names ...string) string {
		for _, name := range names {
			field, present := row.Get(name)
			if !present {
				continue
			}
			if field.Kind() == "number" && name != "address" {
				return string(field.Raw())
			}
			text, err := field.String(maxReference)
			if err != nil && one.wrong == "" {
				one.wrong = "The field '" + name + "' must be a text of at most 255 characters"
			}
			return text
		}
		return ""
	}
	one.address, one.family = text("address"), text("protocol")
	one.index, one.key = text("derivation_index", "derivationIndex"), text("master_public_key", "masterPublicKey")
	return one
}

// checkLines looks at every line, and keeps each address once.
func (d *Dialect) checkLines(mode string, list []listedAddress) poolImport {
	asked := poolImport{mode: mode, total: len(list)}
	lines := map[string]int{}  // by address
	indexes := map[int64]int{} // lines by index, in an HD wallet
	key, keyLine := "", 0      // of the HD wallet
	for _, listed := range list {
		one, checksumOK, wrong := d.checkLine(mode, listed)
		first, twice := lines[one.Value]
		switch {
		case wrong != "":
		case twice && mode == hdWallet && indexes[*one.DerivationIndex] != first:
			wrong = fmt.Sprintf("The address is that of line %d, with another derivation_index", first)
		case mode == hdWallet && key != "" && one.MasterPublicKey != key:
			wrong = fmt.Sprintf("The master_public_key is not that of line %d: an import is of one wallet", keyLine)
		case mode == hdWallet && !twice && indexes[*one.DerivationIndex] > 0:
			wrong = fmt.Sprintf("The derivation_index is that of line %d", indexes[*one.DerivationIndex])
		}
		if wrong != "" {
			asked.wrong = append(asked.wrong, wrongLine{listed.line, shortened(listed.address), wrong})
			continue
		}
		if !checksumOK {
			asked.warnings = append(asked.warnings, lineWarning{listed.line, listed.address, "The checksum of the address is wrong; it was imported as " + one.Value})
		}
		if twice {
			asked.warnings = append(asked.warnings, lineWarning{listed.line, listed.address, fmt.Sprintf("The address is that of line %d", first)})
			continue
		}
		if lines[one.Value] = listed.line; mode == hdWallet {
			indexes[*one.DerivationIndex] = listed.line
			key, keyLine = one.MasterPublicKey, cmp.Or(keyLine, listed.line)
		}
		asked.addresses, asked.lines = append(asked.addresses, one), append(asked.lines, listed.line)
	}
	return asked
}

// checkLine reads what one line says; wrong is why it cannot be imported.
func (d *Dialect) checkLine(mode string, listed listedAddress) (one engine.Imported, checksumOK bool, wrong string) {
	if listed.wrong != "" {
		return one, false, listed.wrong
	}
	if listed.address == "" {
		return one, false, "The address is missing"
	}
	value, checksumOK, err := d.parseAddress(listed.address)
	if err != nil {
		return one, false, "The address is not a valid evm address: 0x and 40 hexadecimal digits, not all zero"
	}
	one.Value = value
	if listed.family != "" && listed.family != string(engine.EVM) {
		return one, false, "The protocol is not that of the import"
	}
	if listed.index != "" {
		index, err := strconv.ParseInt(listed.index, 10, 64)
		if err != nil || index < 0 || index > maxIndex || strconv.FormatInt(index, 10) != listed.index {
			return one, false, "The derivation_index must be a whole number from 0 to " + strconv.Itoa(maxIndex)
		}
		one.DerivationIndex = &index
	} else if mode == hdWallet {
		return one, false, "The derivation_index is missing, which " + hdWallet + " needs"
	}
	if listed.key == "" && mode == hdWallet {
		return one, false, "The master_public_key is missing, which " + hdWallet + " needs"
	}
	if wrong := wrongKey(listed.key); wrong != "" {
		return one, false, wrong
	}
	one.MasterPublicKey = listed.key
	return one, checksumOK, ""
}

// wrongKey says why a text must not be kept as a public key. It is never shown: it may be a secret.
func wrongKey(key string) string {
	switch {
	case utf8.RuneCountInString(key) > maxReference:
		return "The master_public_key is longer than 255 characters"
	case len(key) >= 4 && strings.EqualFold(key[1:4], "prv"):
		return "The master_public_key is a private key: do not send it to anybody, and use its wallet no more"
	case strings.ContainsFunc(key, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }):
		return "The master_public_key must be one word"
	}
	return ""
}

// shortened cuts what was given for an address to what an address may have.
func shortened(text string) string {
	if runes := []rune(text); len(runes) > 44 {
		return string(runes[:44]) + "…"
	}
	return text
}
