package money

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fiat is the currency of that ISO 4217 code (three capital letters) with the
// minor units of the standard. A code that is not active, or that has no
// minor unit (metals, XDR, testing), is ErrAsset.
func Fiat(code string) (Asset, error) {
	scale, ok := minorUnits[code]
	if !ok {
		return Asset{}, fmt.Errorf("%w: not an active ISO 4217 currency", ErrAsset)
	}
	return NewAsset(code, "", scale)
}

// Fiats is every currency that Fiat knows, by code.
func Fiats() []Asset {
	list := make([]Asset, 0, len(minorUnits))
	for _, code := range slices.Sorted(maps.Keys(minorUnits)) {
		list = append(list, MustAsset(code, "", minorUnits[code]))
	}
	return list
}

// The active codes of ISO 4217 list one, funds codes included, by their number
// of decimals. As of 2026: ANG became XCG, ZWL became ZWG, and BGN and HRK
// gave way to EUR.
var minorUnits = byScale(map[uint8]string{
	0: `BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`,
	2: `AED AFN ALL AMD AOA ARS AUD AWG AZN
		BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
		CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK
		DKK DOP DZD EGP ERN ETB EUR FJD FKP
		GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
		IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT
		LAK LBP LKR LRD LSL
		MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN
		NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB
		SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
		THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES
		WST XAD XCD XCG YER ZAR ZMW ZWG`,
	3: `BHD IQD JOD KWD LYD OMR TND`,
	4: `CLF UYW`,
})

func byScale(codes map[uint8]string) map[string]uint8 {
	scales := map[string]uint8{}
	for scale, list := range codes {
		for _, code := range strings.Fields(list) {
			scales[code] = scale
		}
	}
	return scales
}
