package page

import (
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"
)

// The picture is the code, module by module, with the white border that scanners need.
func TestQRIsTheCode(t *testing.T) {
	const text = "ethereum:0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238@11155111/transfer?address=0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359&uint256=100000000"
	got, err := qrSVG(text, `scan "me"`)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	side := code.Size + 2*quiet
	drawn := image.NewGray(image.Rect(0, 0, side, side))
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(string(got), -1)
	for _, m := range runs {
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1])
		}
		if n[2] != n[3] {
			t.Fatalf("a run that does not close: %s", m[0])
		}
		for x := range n[2] {
			drawn.SetGray(n[0]+x, n[1], color.Gray{Y: 255})
		}
	}
	for y := range side {
		for x := range side {
			if dark := drawn.GrayAt(x, y).Y == 255; dark != code.Black(x-quiet, y-quiet) {
				t.Fatalf("module %d,%d is wrong", x, y)
			}
		}
	}
	if !strings.Contains(string(got), `aria-label="scan &#34;me&#34;"`) || !strings.Contains(string(got), `viewBox="0 0 `+strconv.Itoa(side)) {
		t.Errorf("%s", got[:200])
	}
	if _, err := qrSVG(strings.Repeat("x", 3000), ""); err == nil {
		t.Error("a text that does not fit was drawn")
	}
}
