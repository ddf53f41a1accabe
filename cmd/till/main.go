// Command till is a self-hosted payment-order server.
package main

import (
	"os"

	"till/internal/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:], os.Stdout, os.Stderr)) }
