package bank

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"
	"time"

	"till/internal/money"
)

// The versions of pain.001 (ISO 20022, CustomerCreditTransferInitiation) that payment files are written in.
const (
	Pain001V03 = "pain.001.001.03"
	Pain001V09 = "pain.001.001.09"
)

// painOrder is one transfer of a payment file.
type painOrder struct {
	ID     string // the EndToEndId
	Payee  Payee
	Amount money.Amount
}

// writePain001 writes a payment file of one account and one day: one group, one payment information. It is the same
// bytes for the same arguments. Everything in it was checked before: [Config.check], [Config.Check].
func writePain001(c Config, id string, made, day time.Time, list []painOrder) []byte {
	sum := money.Zero(c.Asset)
	for _, o := range list {
		sum = sum.Add(o.Amount)
	}
	count := strconv.Itoa(len(list))
	w := painWriter{}
	w.WriteString(xml.Header)
	w.WriteString(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:` + c.Version + `">` + "\n")
	w.in("CstmrCdtTrfInitn", func() {
		w.in("GrpHdr", func() {
			w.say("MsgId", id)
			w.say("CreDtTm", made.UTC().Format("2006-01-02T15:04:05Z"))
			w.say("NbOfTxs", count)
			w.say("CtrlSum", sum.Decimal())
			w.in("InitgPty", func() { w.say("Nm", c.Own.Name) })
		})
		w.in("PmtInf", func() {
			w.say("PmtInfId", id)
			w.say("PmtMtd", "TRF")
			w.say("BtchBookg", strconv.FormatBool(c.Batch))
			w.say("NbOfTxs", count)
			w.say("CtrlSum", sum.Decimal())
			w.kind(c)
			if c.Version == Pain001V03 {
				w.say("ReqdExctnDt", day.Format(time.DateOnly))
			} else {
				w.in("ReqdExctnDt", func() { w.say("Dt", day.Format(time.DateOnly)) })
			}
			w.party("Dbtr", c.Own)
			w.account("DbtrAcct", c.Own, c.Asset.Code())
			w.agent("DbtrAgt", c.Version, c.Own)
			w.say("ChrgBr", c.Charges)
			for _, o := range list {
				w.in("CdtTrfTxInf", func() { w.order(c, o) })
			}
		})
	})
	w.WriteString("</Document>\n")
	return w.Bytes()
}

// painWriter writes elements, one to a line.
type painWriter struct {
	bytes.Buffer
	depth int
}

func (w *painWriter) indent() { w.WriteString(strings.Repeat(" ", w.depth+1)) }

// in writes an element with what content writes.
func (w *painWriter) in(name string, content func()) {
	w.indent()
	w.WriteString("<" + name + ">\n")
	w.depth++
	content()
	w.depth--
	w.indent()
	w.WriteString("</" + name + ">\n")
}

// say writes an element with a text; none when there is no text.
func (w *painWriter) say(name, text string) {
	if text == "" {
		return
	}
	w.indent()
	w.WriteString("<" + name + ">")
	xml.EscapeText(w, []byte(text)) // a buffer takes everything
	w.WriteString("</" + name + ">\n")
}

// kind writes how urgent and by which scheme the bank is to execute.
func (w *painWriter) kind(c Config) {
	if c.Priority == "" && c.Service == "" {
		return
	}
	w.in("PmtTpInf", func() {
		w.say("InstrPrty", c.Priority)
		if c.Service != "" {
			w.in("SvcLvl", func() { w.say("Cd", c.Service) })
		}
	})
}

func (w *painWriter) order(c Config, o painOrder) {
	w.in("PmtId", func() {
		w.say("InstrId", o.ID)
		w.say("EndToEndId", o.ID)
	})
	w.in("Amt", func() {
		w.indent()
		w.WriteString(`<InstdAmt Ccy="` + c.Asset.Code() + `">` + o.Amount.Decimal() + "</InstdAmt>\n")
	})
	if o.Payee.BIC != "" || o.Payee.Clearing != "" {
		w.agent("CdtrAgt", c.Version, o.Payee)
	}
	w.party("Cdtr", o.Payee)
	w.account("CdtrAcct", o.Payee, "")
	if o.Payee.Message != "" {
		w.in("RmtInf", func() { w.say("Ustrd", o.Payee.Message) })
	}
}

// party writes who somebody is. An address is written in its parts, which banks ask for since November 2026: what has no
// town or country cannot be written so, and is left out but for the country.
func (w *painWriter) party(name string, p Payee) {
	w.in(name, func() {
		w.say("Nm", p.Name)
		if p.Country != "" {
			w.in("PstlAdr", func() {
				if p.City != "" {
					w.say("StrtNm", p.Street)
					w.say("PstCd", p.Postcode)
					w.say("TwnNm", p.City)
				}
				w.say("Ctry", p.Country)
			})
		}
		if p.Document == "" {
			return
		}
		kind := "PrvtId"
		if p.Company {
			kind = "OrgId"
		}
		w.in("Id", func() {
			w.in(kind, func() { w.in("Othr", func() { w.say("Id", p.Document) }) })
		})
	})
}

func (w *painWriter) account(name string, p Payee, currency string) {
	w.in(name, func() {
		w.in("Id", func() {
			if p.IBAN() {
				w.say("IBAN", p.Account)
			} else {
				w.in("Othr", func() { w.say("Id", p.Account) })
			}
		})
		w.say("Ccy", currency)
	})
}

// agent writes whose bank it is. Where nothing is known of it the IBAN says which, as the SEPA rulebooks have it.
func (w *painWriter) agent(name, version string, p Payee) {
	bic := "BICFI"
	if version == Pain001V03 {
		bic = "BIC"
	}
	w.in(name, func() {
		w.in("FinInstnId", func() {
			w.say(bic, p.BIC)
			if p.Clearing != "" {
				system, member, both := strings.Cut(p.Clearing, ":")
				if !both {
					system, member = "", system
				}
				w.in("ClrSysMmbId", func() {
					if system != "" {
						w.in("ClrSysId", func() { w.say("Cd", system) })
					}
					w.say("MmbId", member)
				})
			}
			if p.BIC == "" && p.Clearing == "" {
				w.in("Othr", func() { w.say("Id", "NOTPROVIDED") })
			}
		})
	})
}
