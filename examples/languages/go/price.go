// The price of an order, as a WASI reactor.
package main

import (
	"encoding/json"
	"fmt"
)

type order struct {
	ID    string `json:"id"`
	Lines []struct {
		SKU       string `json:"sku"`
		Quantity  int64  `json:"quantity"`
		UnitCents int64  `json:"unit_cents"`
	} `json:"lines"`
}

type price struct {
	ID            string       `json:"id"`
	Lines         []pricedLine `json:"lines"`
	NetCents      int64        `json:"net_cents"`
	DiscountCents int64        `json:"discount_cents"`
	VatCents      int64        `json:"vat_cents"`
	TotalCents    int64        `json:"total_cents"`
}

type pricedLine struct {
	SKU   string `json:"sku"`
	Cents int64  `json:"cents"`
}

// task is what this module does; task.go calls it.
func task(event []byte) ([]byte, error) {
	var order order
	if err := json.Unmarshal(event, &order); err != nil {
		return nil, taskError{"Runtime.UnmarshalError", err.Error()}
	}
	if len(order.Lines) == 0 {
		return nil, taskError{"InvalidOrder", "the order has no lines"}
	}
	price := price{ID: order.ID}
	for at, line := range order.Lines {
		if line.Quantity < 1 {
			return nil, taskError{"InvalidOrder", fmt.Sprintf("line %d: the quantity is %d", at+1, line.Quantity)}
		}
		cents := line.Quantity * line.UnitCents
		price.Lines = append(price.Lines, pricedLine{line.SKU, cents})
		price.NetCents += cents
	}
	if price.NetCents >= 10_000 {
		price.DiscountCents = price.NetCents / 10
	}
	price.VatCents = ((price.NetCents-price.DiscountCents)*19 + 50) / 100
	price.TotalCents = price.NetCents - price.DiscountCents + price.VatCents
	return json.Marshal(price)
}
