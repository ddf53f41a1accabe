package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"till/internal/operator/client"
)

type productCommand struct {
	List productList `cmd:"" aliases:"ls" help:"List a merchant's products, the oldest first."`
	Set  productSet  `cmd:"" help:"Make a product, or replace the one with its code, as a file of JSON says."`
}

type productList struct {
	remote   `embed:""`
	Merchant string `default:"default" help:"Of this merchant."`
	Mode     string `required:"" enum:"live,sandbox" help:"live or sandbox."`
	Dialect  string `default:"baanx" help:"Sold through this API."`
}

func (c *productList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	got, err := api.Products(t, c.Merchant, c.Mode, c.Dialect)
	if err != nil {
		return err
	}
	return c.show(t, got.Products, func(w io.Writer) { showProducts(w, got.Products) })
}

func showProducts(w io.Writer, list []client.Product) {
	row(w, "CODE", "ON SALE", "PRICE", "PAID IN", "FULFILMENT", "REGION", "FROM", "DESCRIPTION")
	for _, p := range list {
		from := "api"
		if p.Configured {
			from = "config"
		}
		row(w, p.Code, p.Active, p.Price+" "+p.Currency, p.Token+" on "+p.Network, p.Fulfilment, dash(p.Region), from, p.Description)
	}
}

type productSet struct {
	remote `embed:""`
	File   string `arg:"" type:"path" help:"A file of JSON, as PUT /operator/v1/products takes it; - is standard input."`
}

func (c *productSet) Run(t *terminal) error {
	in, err := openInput(t, c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	var p client.NewProduct
	read := json.NewDecoder(io.LimitReader(in, 1<<20))
	read.DisallowUnknownFields()
	if err := read.Decode(&p); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	got, err := api.SaveProduct(t, p)
	if err != nil {
		return err
	}
	return c.show(t, got, func(w io.Writer) {
		showProducts(w, []client.Product{got})
		if got.Secret != "" {
			row(w, "secret", got.Secret)
			row(w, "", "Keep the secret: it is not shown again.")
		}
	})
}

// openInput is a file, or standard input for "-".
func openInput(t *terminal, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(t.in), nil
	}
	return os.Open(path)
}
