package screen

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func read(t testing.TB, how func(each func(Entry) error) error) []Entry {
	t.Helper()
	var list []Entry
	if err := how(func(e Entry) error { list = append(list, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

const ofacXML = `<?xml version="1.0" standalone="yes"?>
<sdnList xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/XML">
  <publshInformation><Publish_Date>11/19/2026</Publish_Date><Record_Count>2</Record_Count></publshInformation>
  <sdnEntry>
    <uid>101</uid><firstName>Ivan &amp; Co</firstName><lastName>PETROV</lastName><sdnType>Individual</sdnType>
    <programList><program>CYBER2</program></programList>
    <idList><id><uid>1</uid><idType>Passport</idType><idNumber>123</idNumber></id>
      <id><uid>2</uid><idType>Digital Currency Address - XBT</idType><idNumber>12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h</idNumber></id></idList>
    <akaList><aka><uid>3</uid><type>a.k.a.</type><category>weak</category><lastName>VANYA</lastName></aka></akaList>
    <addressList><address><uid>4</uid><city>Moscow</city><country>Russia</country></address></addressList>
    <nationalityList><nationality><uid>5</uid><country>Russia</country><mainEntry>true</mainEntry></nationality></nationalityList>
  </sdnEntry>
  <sdnEntry><uid>102</uid><lastName>OCEAN FALCON</lastName><sdnType>Vessel</sdnType></sdnEntry>
</sdnList>
`

func TestReadOFACXML(t *testing.T) {
	got := read(t, func(each func(Entry) error) error { return ReadOFACXML(strings.NewReader(ofacXML), each) })
	want := []Entry{
		{ID: "101", Kind: Individual, Name: "Ivan & Co PETROV", Aliases: []string{"VANYA"}, Countries: []string{"Russia"}, Addresses: []string{"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h"}},
		{ID: "102", Kind: Vessel, Name: "OCEAN FALCON"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestReadOFACCSV(t *testing.T) {
	primary := `101,"PETROV, Ivan","individual","CYBER2",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 1980; Digital Currency Address - XBT 12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h; alt. Digital Currency Address - ETH 0x5FbDB2315678afecb367f032d93F642f64180aa3; Gender Male."
102,"GRUPO, ANDINO S.A.",-0- ,"SDNT",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"caf` + "\xe9" + `."
` + "\x1a"
	aliases := "101,1,\"aka\",\"IVANOV, Petr\",-0- \n101,2,\"aka\",\"VANYA\",-0- \n102,3,\"fka\",\"CAF\xc9 ANDINO\",-0- \n\x1a\n"
	addresses := "101,1,-0- ,\"Moscow\",\"Russia\",-0- \n101,2,-0- ,\"Perm\",\"Russia\",-0- \n102,3,-0- ,-0- ,-0- ,-0- \n"
	got := read(t, func(each func(Entry) error) error {
		return ReadOFACCSV(strings.NewReader(primary), strings.NewReader(aliases), strings.NewReader(addresses), each)
	})
	want := []Entry{
		{ID: "101", Kind: Individual, Name: "Ivan PETROV", Aliases: []string{"Petr IVANOV", "VANYA"}, Countries: []string{"Russia"},
			Addresses: []string{"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "0x5FbDB2315678afecb367f032d93F642f64180aa3"}},
		{ID: "102", Kind: Entity, Name: "GRUPO, ANDINO S.A.", Aliases: []string{"CAFÉ ANDINO"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestReadCSV(t *testing.T) {
	file := "\ufeffkind,name,aliases,country,addresses\nindividual,\"Ivan Petrov\",Vanya; I. P.,RU;BY,0x5FbDB2315678afecb367f032d93F642f64180aa3\n,Somebody,,,\n"
	got := read(t, func(each func(Entry) error) error { return ReadCSV(strings.NewReader(file), each) })
	want := []Entry{
		{Kind: Individual, Name: "Ivan Petrov", Aliases: []string{"Vanya", "I. P."}, Countries: []string{"RU", "BY"}, Addresses: []string{"0x5FbDB2315678afecb367f032d93F642f64180aa3"}},
		{Name: "Somebody"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestBadFiles(t *testing.T) {
	b := NewBuilder(0)
	xml := func(in io.Reader) error { return ReadOFACXML(in, b.Add) }
	own := func(in io.Reader) error { return ReadCSV(in, b.Add) }
	ofac := func(in io.Reader) error { return ReadOFACCSV(in, nil, nil, b.Add) }
	row := func(id, name, kind string) string { return id + "," + name + "," + kind + ",,,,,,,,," }
	for _, c := range []struct {
		read func(io.Reader) error
		text string
		want string
	}{
		{xml, "", "too early"}, {xml, "no list", "outside"}, {xml, "<other/>", "sdnList"}, {xml, "<sdnList>\n<sdnEntry><uid>1</uid>", "line 2"},
		{xml, "<!DOCTYPE x [<!ENTITY a \"b\">]>\n<sdnList/>", "document type"}, {xml, "<sdnList>\n<sdnEntry><lastName>&a;</lastName></sdnEntry></sdnList>", "line 2: invalid character entity"},
		{xml, "<sdnList>\n<sdnEntry><lastName>A</lastName><sdnType>Person</sdnType></sdnEntry></sdnList>", `line 2: "Person" is no kind`},
		{xml, "<sdnList>\n\n<sdnEntry><sdnType>Entity</sdnType></sdnEntry></sdnList>", "line 3: the entry has no name"},
		{xml, "<sdnList>" + strings.Repeat("<a>", 100), "deeper than 12"}, {xml, "<sdnList>" + strings.Repeat("a", 3<<20), "longer than a megabyte"},
		{xml, "<sdnList/><sdnList/>", "once"}, {xml, `<?xml version="1.0" encoding="UTF-16"?><sdnList/>`, "encoding"},
		{own, "", "empty"}, {own, "name,who\n", `line 1: "who"`}, {own, "kind\n", "no column name"}, {own, "name,kind\nA B,person\n", `line 2: "person" is none`},
		{own, "name\nA\nB,C\n", "line 3: it has 2 columns"}, {own, "name\n\"A\n", "line 2"}, {own, "name\nA\xff\n", "line 2: column 1 is not UTF-8"}, {own, "name\n\"" + strings.Repeat("a", 3<<20), "longer than a megabyte"},
		{ofac, "", "no entry"}, {ofac, "1,A,individual\n", "line 1: it has 3 columns and needs 12"}, {ofac, row("1", "A", "-0-") + "\n" + row("x", "A", ""), `line 2: "x"`},
		{ofac, row("1", "A", "ship"), "line 1: \"ship\""}, {ofac, row("1", "-0-", ""), "line 1: the entry has no name"}, {ofac, "\x1a\n" + row("1", "A", ""), "behind the end"},
	} {
		err := c.read(strings.NewReader(c.text))
		var file *FileError
		if !errors.As(err, &file) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v; want %q", c.text, err, c.want)
		}
	}
	broken := func(in io.Reader) error {
		return ReadOFACCSV(strings.NewReader(row("1", "A", "")), in, nil, func(Entry) error { return nil })
	}
	if err := broken(strings.NewReader("1,2\n")); err == nil || !strings.Contains(err.Error(), "aliases, line 1") {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(ofacXML)
	f.Add("name,kind\nA B,entity\n")
	f.Add("1,\"A, B\",individual,,,,,,,,,Digital Currency Address - XBT 12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h\n\x1a")
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(io.Reader, func(Entry) error) error{
			ReadOFACXML, ReadCSV, func(in io.Reader, each func(Entry) error) error { return ReadOFACCSV(in, nil, nil, each) },
		} {
			b := NewBuilder(0)
			var names []Entry
			err := read(strings.NewReader(text), func(e Entry) error {
				err := b.Add(e)
				if err == nil {
					names = append(names, e)
				}
				return err
			})
			var file *FileError
			if err != nil && !errors.As(err, &file) {
				t.Fatalf("%T %v", err, err)
			}
			l := b.List()
			for _, e := range names[:min(5, len(names))] {
				for _, h := range l.Names(Query{Name: e.Name, Threshold: 1}) {
					if h.Score < 1 || h.Score > 1000 {
						t.Fatalf("%+v", h)
					}
				}
				for _, a := range e.Addresses {
					if strings.TrimSpace(a) != "" && len(l.Address(a)) == 0 {
						t.Fatalf("%q is not found", a)
					}
				}
			}
		}
	})
}
