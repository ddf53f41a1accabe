package party

import (
	"strings"
	"testing"

	"till/internal/fault"
)

// The numbers below are published as examples or belong to institutions that
// publish them; the source stands with each.
var vectors = []struct {
	rule  string
	typed string
	want  string // "" for a number that is refused
	from  string
}{
	{"CLABE", "032180000118359719", "032180000118359719", "Wikipedia, CLABE"},
	{"CLABE", "012180026050783858", "012180026050783858", "a calculator of CLABE check digits for banks (scribd.com, document 240860799)"},
	{"CLABE", "002 010 07777777777 1", "002010077777777771", "example of payment providers' guides"},
	{"CLABE", "032180000118359718", "", "the first one, changed"},
	{"CLABE", "000000000000000000", "", "all zeros fit and are no account"},

	{"CURP", "BOXW310820HNERXN09", "BOXW310820HNERXN09", "python-stdnum, mx.curp"},
	{"CURP", "boxw310820hnerxn09", "BOXW310820HNERXN09", "the same in small letters"},
	{"CURP", "BOXW310820HNERXN08", "", "python-stdnum, mx.curp"},
	{"CURP", "BOXW310231HNERXN09", "", "31 February"},
	{"CURP", "BOXW310820ANERXN09", "", "no such sex"},
	{"CURP", "BOXW310820HXXRXN09", "", "no such state"},

	{"RFC", "GODE 561231 GR8", "GODE561231GR8", "python-stdnum, mx.rfc"},
	{"RFC", "MAB-930714-8T4", "MAB9307148T4", "python-stdnum, mx.rfc"},
	{"RFC", "VACE-460910-SX6", "VACE460910SX6", "python-stdnum, mx.rfc: in use with another check digit"},
	{"RFC", "XAXX010101000", "XAXX010101000", "SAT, the general public"},
	{"RFC", "ñ&B9307148T4", "Ñ&B9307148T4", "letters that a company's name may have"},
	{"RFC", "MAB9307148T", "", "too short"},
	{"RFC", "MAB9313148T4", "", "month 13"},
	{"RFC", "MAB9307148TÑ", "", "Ñ where none may be"},

	{"CBU", "2850590940090418135201", "2850590940090418135201", "Wikipedia, Clave Bancaria Uniforme"},
	{"CBU", "28505909 40090418135201", "2850590940090418135201", "python-stdnum, ar.cbu"},
	{"CBU", "2810590940090418135201", "", "python-stdnum, ar.cbu"},

	{"CUIT", "20-05536168-2", "20055361682", "python-stdnum, ar.cuit"},
	{"CUIT", "20267565393", "20267565393", "python-stdnum, ar.cuit"},
	{"CUIT", "20267565392", "", "python-stdnum, ar.cuit"},
	{"ArgentineDNI", "20.123.456", "20123456", "python-stdnum, ar.dni"},
	{"ArgentineDNI", "2012345699", "", "python-stdnum, ar.dni"},

	{"CCI", "00219300153895206813", "00219300153895206813", "docs.d24.com, cashouts, Peru"},
	{"CCI", "011-366-000100032542-21", "01136600010003254221", "docs.v3.localpayment.com, Peru"},
	{"CCI", "00219300153895206831", "", "check digits exchanged"},
	{"RUC", "20512333797", "20512333797", "python-stdnum, pe.ruc"},
	{"RUC", "10054148289", "10054148289", "python-stdnum, pe.ruc"},
	{"RUC", "20512333798", "", "python-stdnum, pe.ruc"},
	{"PeruvianDNI", "10117410", "10117410", "python-stdnum, pe.cui"},
	{"PeruvianDNI", "1011741", "", "too short"},

	{"RUT", "76.086.428-5", "760864285", "python-stdnum, cl.rut"},
	{"RUT", "12531909-2", "125319092", "python-stdnum, cl.rut"},
	{"RUT", "7600000-k", "7600000K", "computed by hand: 7*2+6*7 = 56, 11-1 = 10"},
	{"RUT", "12531909-3", "", "python-stdnum, cl.rut"},
	{"RUT", "76086A28-5", "", "python-stdnum, cl.rut"},

	{"NIT", "213.123.432-1", "2131234321", "python-stdnum, co.nit"},
	{"NIT", "2131234351", "2131234351", "python-stdnum, co.nit"},
	{"NIT", "213123435", "2131234351", "the same without its check digit"},
	{"NIT", "2131234350", "", "python-stdnum, co.nit"},
	{"Cedula", "1.234.567", "1234567", "six to ten digits"},
	{"Cedula", "12345", "", "too short"},

	{"CPF", "390.533.447-05", "39053344705", "python-stdnum, br.cpf"},
	{"CPF", "529.982.247-25", "52998224725", "the usual worked example of the check digits"},
	{"CPF", "123.456.789-09", "12345678909", "Banco Central do Brasil, examples of the Pix API"},
	{"CPF", "231.002.999-00", "", "python-stdnum, br.cpf"},
	{"CPF", "111.111.111-11", "", "fits, and is given to nobody"},
	{"CNPJ", "16.727.230/0001-97", "16727230000197", "python-stdnum, br.cnpj"},
	{"CNPJ", "00.038.166/0001-05", "00038166000105", "Banco Central do Brasil's own"},
	{"CNPJ", "12.ABC.345/01DE-35", "12ABC34501DE35", "Receita Federal, the alphanumeric CNPJ"},
	{"CNPJ", "12.abc.345/01de-35", "12ABC34501DE35", "the same in small letters"},
	{"CNPJ", "16.727.230.0001-98", "", "python-stdnum, br.cnpj"},
	{"CNPJ", "12ABC34501DEA5", "", "a letter where a check digit is"},

	{"PIXKey", "123.456.789-09", "12345678909", "a CPF"},
	{"PIXKey", "00038166000105", "00038166000105", "a CNPJ"},
	{"PIXKey", "12.ABC.345/01DE-35", "12ABC34501DE35", "an alphanumeric CNPJ"},
	{"PIXKey", "Pix@BCB.gov.br", "pix@bcb.gov.br", "Banco Central do Brasil, DICT API"},
	{"PIXKey", "+55 (61) 91234-5678", "+5561912345678", "Banco Central do Brasil, DICT API"},
	{"PIXKey", "123E4567-e89b-12d3-a456-426655440000", "123e4567-e89b-12d3-a456-426655440000", "Banco Central do Brasil, DICT API"},
	{"PIXKey", "61912345678", "", "a telephone number without +55 is no CPF"},
	{"PIXKey", "+14155552671", "", "a telephone number elsewhere"},
	{"PIXKey", "123e4567e89b12d3a456426655440000", "", "a UUID without dashes"},
	{"PIXKey", strings.Repeat("a", 60) + "@" + strings.Repeat("b", 20) + ".br", "", "an address of 84 characters"},

	{"RoutingNumber", "011000015", "011000015", "Federal Reserve Bank of Boston"},
	{"RoutingNumber", "021000021", "021000021", "JPMorgan Chase, New York"},
	{"RoutingNumber", "111000025", "111000025", "Bank of America, Texas; the example of card processors"},
	{"RoutingNumber", "111000026", "", "the same, changed"},
	{"SSN", "536-90-4399", "536904399", "python-stdnum, us.ssn"},
	{"SSN", "666-00-0000", "", "python-stdnum, us.ssn"},
	{"EIN", "91-1144442", "911144442", "python-stdnum, us.ein"},
	{"EIN", "91-114444", "", "too short"},

	{"BIC", "DEUTDEFF", "DEUTDEFF", "Wikipedia, ISO 9362"},
	{"BIC", "dsba cn bx sha", "DSBACNBXSHA", "Wikipedia, ISO 9362, in small letters"},
	{"BIC", "AGRIFRPP882", "AGRIFRPP882", "python-stdnum, bic"},
	{"BIC", "AGRIFRPP88", "", "10 characters"},
	{"BIC", "AGRI1RPP", "", "a digit in the country"},

	{"Email", " Ana.Maria+pay@Example.ORG ", "Ana.Maria+pay@example.org", "RFC 5321"},
	{"Email", "o'neil@x-y.example", "o'neil@x-y.example", "RFC 5321"},
	{"Email", "ana@localhost", "", "one label"},
	{"Email", "ana@@example.org", "", "two @"},
	{"Email", ".ana@example.org", "", "a dot at the start"},
	{"Email", "ana@-example.org", "", "a dash at the start"},
	{"Email", "ana maria@example.org", "", "a space"},
	{"Email", "ana@example.org\r\nBcc: b@example.org", "", "a second header"},
	{"Email", strings.Repeat("a", 65) + "@example.org", "", "a local part of 65"},

	{"Phone", "+91-9023456789", "+919023456789", "dash after the country's code"},
	{"Phone", "+1 (415) 555-2671", "+14155552671", "ITU-T E.164 as North America writes it"},
	{"Phone", "4155552671", "", "without +"},
	{"Phone", "+0155552671", "", "no country begins with 0"},
	{"Phone", "+1234567890123456", "", "16 digits"},
	{"Phone", "+1415555x", "", "a letter"},

	{"Country", "mx", "MX", "ISO 3166-1"},
	{"Country", "MEX", "", "three letters"},
	{"Country", "4X", "", "a digit"},

	{"IBAN", "GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432", "Wikipedia, IBAN"},
	{"IBAN", "GB82 WEST 1234 5698 7654 33", "", "the same, changed"},
	{"IBAN", "GB82 WEST 1234 5698 7654 3", "", "too short"},
	{"IBAN", "XX82 WEST 1234 5698 7654 32", "", "no such country"},
	{"IBAN", "US64 SVBK US6S 3300 9586 71", "", "a country without IBAN"},
}

// ibans are the examples of the IBAN Registry, one of each country.
var ibans = strings.Fields(`
AD1200012030200359100100 AE070331234567890123456 AL47212110090000000235698741 AT611904300234573201 AZ21NABZ00000000137010001944
BA391290079401028494 BE68539007547034 BG80BNBG96611020345678 BH67BMAG00001299123456 BI4210000100010000332045181
BR1800360305000010009795493C1 BY13NBRB3600900000002Z00AB00 CH9300762011623852957 CR05015202001026284066
CY17002001280000001200527600 CZ6508000000192000145399 DE89370400440532013000 DJ2100010000000154000100186 DK5000400440116243
DO28BAGR00000001212453611324 EE382200221020145685 EG380019000500000000263180002 ES9121000418450200051332 FI2112345600000785
FK88SC123456789012 FO6264600001631634 FR1420041010050500013M02606 GB29NWBK60161331926819 GE29NB0000000101904917
GI75NWBK000000007099453 GL8964710001000206 GR1601101250000000012300695 GT82TRAJ01020000001210029690
HN88CABF00000000000250005469 HR1210010051863000160 HU42117730161111101800000000 IE29AIBK93115212345678 IL620108000000099999999
IQ98NBIQ850123456789012 IS140159260076545510730339 IT60X0542811101000000123456 JO94CBJO0010000000000131000302
KW81CBKU0000000000001234560101 KZ86125KZT5004100100 LB62099900000001001901229114 LC55HEMM000100010012001200023015
LI21088100002324013AA LT121000011101001000 LU280019400644750000 LV80BANK0000435195001 LY83002048000020100120361
MC5811222000010123456789030 MD24AG000225100013104168 ME25505000012345678951 MK07250120000058984 MN121234123456789123
MR1300020001010000123456753 MT84MALT011000012345MTLCAST001S MU17BOMM0101101030300200000MUR NI45BAPR00000013000003558124
NL91ABNA0417164300 NO9386011117947 OM810180000001299123456 PK36SCBL0000001123456702 PL61109010140000071219812874
PS92PALS000000000400123456702 PT50000201231234567890154 QA58DOHB00001234567890ABCDEFG RO49AAAA1B31007593840000
RS35260005601001611379 RU0304452522540817810538091310419 SA0380000000608010167519 SC18SSCB11010000000000001497USD
SD8811123456789012 SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541 SM86U0322509800000000270100
SO211000001001000100141 ST23000100010051845310146 SV62CENR00000000000000700025 TL380080012345678910157 TN5910006035183598478831
TR330006100519786457841326 UA213223130000026007233566001 VA59001123000012345678 VG96VPVG0000012345678901
XK051212012345678906 YE15CBYE0001018861234567891234
`)

// rules are all rules for a single field, by name.
var rules = map[string]func(field, s string) (string, error){
	"CLABE": CLABE, "CURP": CURP, "RFC": RFC,
	"CBU": CBU, "CUIT": CUIT, "ArgentineDNI": ArgentineDNI,
	"CCI": CCI, "RUC": RUC, "PeruvianDNI": PeruvianDNI,
	"RUT": RUT, "NIT": NIT, "Cedula": Cedula,
	"CPF": CPF, "CNPJ": CNPJ, "PIXKey": pixKey,
	"RoutingNumber": RoutingNumber, "SSN": SSN, "EIN": EIN,
	"IBAN": IBAN, "BIC": BIC, "Email": Email, "Phone": Phone, "Country": Country,
}

func pixKey(field, s string) (string, error) {
	key, _, err := PIXKey(field, s)
	return key, err
}

func TestVectors(t *testing.T) {
	tried := map[string][2]int{}
	for _, v := range vectors {
		got, err := rules[v.rule]("number", v.typed)
		if got != v.want || (err == nil) != (v.want != "") {
			t.Errorf("%s(%q) = %q, %v; want %q (%s)", v.rule, v.typed, got, err, v.want, v.from)
		}
		if err != nil {
			mustBeFault(t, err, "number")
		}
		n := tried[v.rule]
		if v.want != "" {
			n[0]++
		} else {
			n[1]++
		}
		tried[v.rule] = n
	}
	for name := range rules {
		if n := tried[name]; n[0] == 0 || n[1] == 0 {
			t.Errorf("%s has %d numbers that fit and %d that do not", name, n[0], n[1])
		}
	}
}

func TestIBANOfEachCountry(t *testing.T) {
	seen := map[string]bool{}
	for _, iban := range ibans {
		if got, err := IBAN("iban", iban); err != nil || got != iban {
			t.Errorf("%s: %q, %v", iban, got, err)
		}
		seen[iban[:2]] = true
	}
	countries := 0
	for _, of := range ibanLengths {
		for _, country := range strings.Fields(of) {
			countries++
			if !seen[country] {
				t.Errorf("no example of %s", country)
			}
		}
	}
	if countries != len(seen) {
		t.Errorf("%d countries, %d examples", countries, len(seen))
	}
}

func TestPIXKinds(t *testing.T) {
	for typed, want := range map[string]PIXKind{
		"12345678909": PIXPerson, "12ABC34501DE35": PIXCompany, "pix@bcb.gov.br": PIXEmail,
		"+5561912345678": PIXPhone, "123e4567-e89b-12d3-a456-426655440000": PIXRandom,
	} {
		if _, kind, err := PIXKey("key", typed); err != nil || kind != want {
			t.Errorf("%s is %s, %v", typed, kind, err)
		}
	}
	// What stands for an account is refused as an account is.
	if _, _, err := PIXKey("key", "12345678900"); !fault.Is(err, fault.CodeInvalidAddress) {
		t.Errorf("a wrong CPF: %v", err)
	}
}

func TestMissingAndEndless(t *testing.T) {
	for name, rule := range rules {
		for _, nothing := range []string{"", "  ", "-"} {
			if _, err := rule("number", nothing); !fault.Is(err, fault.CodeMissingField) {
				t.Errorf("%s of %q: %v", name, nothing, err)
			}
		}
		if _, err := rule("number", strings.Repeat("1", 100000)); !fault.Is(err, fault.CodeTooLong) {
			t.Errorf("%s of a hundred thousand digits: %v", name, err)
		}
	}
}

// mustBeFault says that an error is a fault on the field that repeats nothing
// of what was typed: no message of ours has more than three digits in a row.
func mustBeFault(t testing.TB, err error, field string) {
	t.Helper()
	f, ok := fault.As(err)
	if !ok || f.Param != field || f.Message == "" || f.Kind != fault.Invalid {
		t.Fatalf("no fault on %s: %#v", field, err)
	}
	run := 0
	for _, c := range f.Message {
		if run++; c < '0' || c > '9' {
			run = 0
		}
		if run > 3 {
			t.Fatalf("the message repeats a number: %s", f.Message)
		}
	}
}
