package party

import "slices"

// Banks are the banks of the countries whose account numbers do not tell their bank. Who is in no list here cannot be
// paid to by its code, so a bank that is missing is a line to add.
//
// Chile: the codes of institutions that the Comisión para el Mercado Financiero (before it the SBIF) gives out, which
// transfers between banks use. Nothing is known of the lengths of their accounts' numbers.
//
// Colombia: the four digits of the clearing code (código de compensación, Banco de la República), which ACH Colombia and
// PSE use. The kinds and lengths of accounts are those that Local Payment publishes in its bank account validations for
// Colombia (docs.v3.localpayment.com), where a bank without a length of its own has 3 to 18 digits; those of Nequi and
// Daviplata are the digits of a mobile number, which is what such an account is.
func Banks() []Bank { return slices.Clone(banks) }

var (
	bothTypes   = []AccountType{Savings, Checking}
	savingsOnly = []AccountType{Savings}
)

var banks = []Bank{
	{Country: "CL", Code: "001", Name: "Banco de Chile"},
	{Country: "CL", Code: "009", Name: "Banco Internacional"},
	{Country: "CL", Code: "012", Name: "BancoEstado"},
	{Country: "CL", Code: "014", Name: "Scotiabank Chile"},
	{Country: "CL", Code: "016", Name: "Banco de Crédito e Inversiones"},
	{Country: "CL", Code: "027", Name: "Itaú Corpbanca"},
	{Country: "CL", Code: "028", Name: "Banco BICE"},
	{Country: "CL", Code: "031", Name: "HSBC Bank Chile"},
	{Country: "CL", Code: "037", Name: "Banco Santander Chile"},
	{Country: "CL", Code: "039", Name: "Itaú Chile"},
	{Country: "CL", Code: "041", Name: "JP Morgan Chase Bank"},
	{Country: "CL", Code: "049", Name: "Banco Security"},
	{Country: "CL", Code: "051", Name: "Banco Falabella"},
	{Country: "CL", Code: "053", Name: "Banco Ripley"},
	{Country: "CL", Code: "055", Name: "Banco Consorcio"},
	{Country: "CL", Code: "059", Name: "Banco BTG Pactual Chile"},
	{Country: "CL", Code: "504", Name: "Scotiabank Azul (BBVA)"},
	{Country: "CL", Code: "507", Name: "Banco del Desarrollo"},
	{Country: "CL", Code: "672", Name: "Coopeuch"},
	{Country: "CL", Code: "729", Name: "Prepago Los Héroes"},

	{"CO", "1001", "Banco de Bogotá", bothTypes, 3, 9},
	{"CO", "1002", "Banco Popular", bothTypes, 3, 12},
	{"CO", "1006", "Itaú Corpbanca", bothTypes, 9, 9},
	{"CO", "1007", "Bancolombia", bothTypes, 3, 11},
	{"CO", "1009", "Citibank", bothTypes, 10, 10},
	{"CO", "1012", "Banco GNB Sudameris", bothTypes, 3, 11},
	{"CO", "1013", "BBVA Colombia", bothTypes, 9, 20},
	{"CO", "1014", "Itaú", bothTypes, 9, 9},
	{"CO", "1019", "Scotiabank Colpatria", bothTypes, 10, 10},
	{"CO", "1023", "Banco de Occidente", bothTypes, 3, 9},
	{"CO", "1031", "Bancóldex", nil, 3, 18},
	{"CO", "1032", "Banco Caja Social", bothTypes, 12, 12},
	{"CO", "1040", "Banco Agrario", bothTypes, 11, 11},
	{"CO", "1042", "BNP Paribas", savingsOnly, 12, 12},
	{"CO", "1047", "Banco Mundo Mujer", savingsOnly, 11, 11},
	{"CO", "1051", "Davivienda", bothTypes, 12, 16},
	{"CO", "1052", "Banco AV Villas", nil, 3, 18},
	{"CO", "1053", "Banco W", nil, 3, 18},
	{"CO", "1058", "Banco Credifinanciera (ProCredit)", nil, 3, 18},
	{"CO", "1059", "Bancamía", nil, 3, 18},
	{"CO", "1060", "Banco Pichincha", nil, 3, 18},
	{"CO", "1061", "Bancoomeva", nil, 3, 18},
	{"CO", "1062", "Banco Falabella", nil, 3, 18},
	{"CO", "1063", "Banco Finandina", nil, 3, 18},
	{"CO", "1065", "Banco Santander de Negocios", nil, 3, 18},
	{"CO", "1066", "Coopcentral", nil, 3, 18},
	{"CO", "1067", "Mibanco", nil, 3, 18},
	{"CO", "1069", "Banco Serfinanza", nil, 3, 18},
	{"CO", "1070", "Lulo Bank", nil, 3, 18},
	{"CO", "1071", "Banco J.P. Morgan Colombia", nil, 3, 18},
	{"CO", "1121", "Financiera Juriscoop", nil, 3, 18},
	{"CO", "1283", "Cooperativa Financiera de Antioquia", nil, 3, 18},
	{"CO", "1286", "JFK Cooperativa Financiera", nil, 3, 18},
	{"CO", "1289", "Cotrafa", nil, 3, 18},
	{"CO", "1291", "Coofinep", nil, 3, 18},
	{"CO", "1292", "Confiar Cooperativa Financiera", nil, 3, 18},
	{"CO", "1303", "Giros y Finanzas", nil, 3, 18},
	{"CO", "1370", "Coltefinanciera", nil, 3, 18},
	{"CO", "1507", "Nequi", nil, 10, 10},
	{"CO", "1551", "Daviplata", nil, 10, 10},
	{"CO", "1558", "Banco Credifinanciera", nil, 3, 18},
	{"CO", "1637", "IRIS", nil, 3, 18},
	{"CO", "1801", "Movii", nil, 3, 18},
	{"CO", "1802", "Ding Tecnipagos", nil, 3, 18},
	{"CO", "1805", "Banco BTG Pactual Colombia", nil, 3, 18},
}
