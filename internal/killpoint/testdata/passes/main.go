// Command passes walks by a place three times and says so each time.
package main

import (
	"fmt"

	"till/internal/killpoint"
)

func main() {
	for pass := 1; pass <= 3; pass++ {
		killpoint.Here("elsewhere")
		killpoint.Here("test.pass")
		fmt.Println(pass)
	}
}
