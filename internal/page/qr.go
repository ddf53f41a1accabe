package page

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"rsc.io/qr" // BSD-3-Clause
)

// quiet is the white border of a QR code in modules, as ISO/IEC 18004 wants it.
const quiet = 4

// qrSVG draws a QR code as inline SVG, dark on white whatever the colours of the page: many scanners do not
// read the negative. label says what it is to those who do not see it. At most 2331 bytes fit.
func qrSVG(text, label string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("QR code of %d bytes: %w", len(text), err)
	}
	side := strconv.Itoa(code.Size + 2*quiet)
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			start := x
			for code.Black(x, y) {
				x++
			}
			if x > start {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", start+quiet, y+quiet, x-start, x-start)
			}
		}
	}
	return template.HTML(`<svg class="qr" role="img" aria-label="` + template.HTMLEscapeString(label) + `" viewBox="0 0 ` + side + ` ` + side +
		`" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h` + side + `v` + side + `H0z"/><path fill="#000" d="` + path.String() + `"/></svg>`), nil
}
