package screen

import (
	"errors"
	"io"
	"regexp"
	"strings"
)

// The least columns of OFAC's three files. All have no first line with names.
const (
	primaryColumns = 12 // ent_num, SDN_Name, SDN_Type, Program, Title, Call_Sign, Vess_type, Tonnage, GRT, Vess_flag, Vess_owner, Remarks
	aliasColumns   = 4  // ent_num, alt_num, alt_type, alt_name, alt_remarks
	addressColumns = 5  // ent_num, Add_num, Address, City/State/Province/Postal Code, Country, Add_remarks
)

// null is how the files write that there is nothing.
const null = "-0-"

// ReadOFACCSV reads OFAC's list in its older form, and the consolidated list, which has the same, and calls each with every entry: the
// primary file (sdn.csv, cons_prim.csv), and beside it the files of aliases (alt.csv) and of addresses (add.csv), each of which may
// be nil. Addresses of crypto currencies stand in the remarks. What is no UTF-8 is read as ISO 8859-1.
//
// Errors: a *FileError, or what each returned as one.
func ReadOFACCSV(primary, aliases, addresses io.Reader, each func(Entry) error) error {
	names, err := byEntry("aliases", aliases, aliasColumns, 3)
	if err != nil {
		return err
	}
	countries, err := byEntry("addresses", addresses, addressColumns, 4)
	if err != nil {
		return err
	}
	t := newTable("", primary, primaryColumns, true)
	seen := false
	for {
		cells, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		id := strings.Clone(cells[0])
		if id == "" || strings.Trim(id, "0123456789") != "" {
			return t.fail("%q is no entry's number", clip(id))
		}
		kind, known := ofacKinds[strings.ToLower(cells[2])]
		if !known {
			return t.fail("%q is no kind of entry", clip(cells[2]))
		}
		e := Entry{ID: id, Kind: kind, Name: inOrder(cells[1], kind), Addresses: inRemarks(strings.Join(cells[11:], " "))}
		for _, name := range names[id] {
			e.Aliases = append(e.Aliases, inOrder(name, kind))
		}
		for _, country := range countries[id] {
			e.Countries = once(e.Countries, country)
		}
		seen = true
		if err := each(e); err != nil {
			return t.fail("%v", err)
		}
	}
	if !seen {
		return &FileError{Message: "there is no entry in it"}
	}
	return nil
}

var ofacKinds = map[string]Kind{null: Entity, "": Entity, "entity": Entity, "individual": Individual, "vessel": Vessel, "aircraft": Aircraft}

// byEntry is one column of a file beside the primary one, by the entry's number.
func byEntry(file string, in io.Reader, least, column int) (map[string][]string, error) {
	all := map[string][]string{}
	if in == nil {
		return all, nil
	}
	t := newTable(file, in, least, true)
	for {
		cells, err := t.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if text := cells[column]; text != "" && text != null {
			if len(all[cells[0]]) >= maxNames {
				return nil, t.fail("entry %s has more than %d of them", clip(cells[0]), maxNames)
			}
			id := strings.Clone(cells[0])
			all[id] = append(all[id], strings.Clone(text))
		}
	}
}

// inOrder is a name as it is spoken: the files put a person's family name first, before a comma.
func inOrder(name string, kind Kind) string {
	if name == null {
		return ""
	}
	if family, given, has := strings.Cut(name, ", "); has && kind == Individual {
		return strings.TrimSpace(given + " " + family)
	}
	return strings.Clone(name)
}

// currencyAddress is an address in a remark: "Digital Currency Address - XBT 12Qt...; alt. Digital Currency Address - ETH 0x...".
var currencyAddress = regexp.MustCompile(`Digital Currency Address\s*-\s*[A-Z0-9]{2,10}\s+([0-9A-Za-z:_-]{20,200})`)

func inRemarks(remarks string) (list []string) {
	for _, found := range currencyAddress.FindAllStringSubmatch(remarks, -1) {
		list = once(list, found[1])
	}
	return list
}

// once adds a text to a list that does not have it.
func once(list []string, text string) []string {
	for _, s := range list {
		if s == text {
			return list
		}
	}
	return append(list, strings.Clone(text))
}
