package koywe

import (
	"testing"
	"time"

	"till/internal/order"
	"till/internal/quote"
)

func TestGoldenOrders(t *testing.T) {
	g := &golden{kit: newKit(t), file: "orders.golden"}
	g.rates()
	g.fund("shop", "50000", "MXN")
	g.housePool(2)
	ana := quoted(g.contact())
	post := func(title, body string) orderBody {
		t.Helper()
		got := g.ask("POST /organizations/:organizationId/merchants/:merchantId/orders: "+title, request{method: "POST", path: m("/orders"), key: shopKey, body: body})
		if got.status != 201 {
			return orderBody{}
		}
		return parse[orderBody](g.kit, got)
	}
	in := post("PAYIN", g.good(payIn, "externalId", `"inv-1"`, "description", `"Two chairs"`, "successUrl", `"https://shop.example/ok"`, "failedUrl", `"https://shop.example/no"`))
	out := post("PAYOUT", g.good(payOut, "amountIn", "1000.5"))
	post("ONRAMP", g.good(onRamp))
	post("OFFRAMP", g.good(offRamp, "amountIn", "10.000001"))
	post("BALANCE_TRANSFER", g.good(balanceTransfer))
	id := g.quote(balanceTransfer, quote.Ask{From: fiatOf("MXN"), To: fiatOf("USD"), AmountOut: amount("10", "USD")})
	post("BALANCE_TRANSFER with a quote", body("type", `"BALANCE_TRANSFER"`, "quoteId", quoted(id)))
	link := post("PAYMENT_LINK", g.good(paymentLink, "dueDate", `"2026-03-10T00:00:00Z"`, "contactId", ana, "sendEmail", "true", "sendNotification", "true", "sendWhatsapp", "true",
		"sendReminders", "true", "enforcedDocument", `"GODE561231GR8"`, "paymentMethods", `[{"method":"CARD","extra":{"email":"ana@example.com"}},{"method":"SPEI"}]`))
	post("INTER_MERCHANT_TRANSFER", g.good(interMerchant))
	post("the externalId again", g.good(payIn, "externalId", `"inv-1"`))
	post("no type", `{}`)
	post("more than the balance", g.good(payOut, "amountIn", "1000000"))
	post("an account in another currency", g.good(payIn, "destinationAccountId", quoted(virtualAccountID(scopeOf("shop"), fiatOf("USD")))))
	post("no JSON", `type=PAYIN`)
	get := func(title, path string) {
		t.Helper()
		g.ask(title, request{method: "GET", path: m(path), key: shopKey})
	}
	g.clock.Move(time.Minute)
	g.pay(in.ID, "p1", order.RankConfirmed, amount("1000", "MXN"))
	get("GET an order: completed", "/orders/"+in.ID)
	get("GET an order: none", "/orders/ord_none")
	get("GET by externalId", "/orders/external/inv-1")
	get("GET by externalId: of another type", "/orders/external/inv-1?type=PAYOUT")
	get("GET orders: a page", "/orders?pageSize=2&status=COMPLETED")
	get("GET orders: no such status", "/orders?status=DRAFT")
	g.ask("POST cancel", request{method: "POST", path: m("/orders/" + link.ID + "/cancel"), key: shopKey})
	g.ask("POST cancel: again", request{method: "POST", path: m("/orders/" + link.ID + "/cancel"), key: shopKey})
	g.ask("POST refund", request{method: "POST", path: m("/orders/" + in.ID + "/refund"), key: shopKey, body: `{"amount":1000,"reason":"a chair is broken"}`})
	g.ask("POST refund: too much", request{method: "POST", path: m("/orders/" + in.ID + "/refund"), key: shopKey, body: `{"amount":1}`})
	g.ask("POST withdrawals", request{method: "POST", path: m("/withdrawals"), key: shopKey, body: `{"destinationAccountId":` + quoted(*out.DestinationAccount) + `,"currencySymbol":"MXN","amount":12.34}`})
	g.ask("POST orders: another merchant's", request{method: "POST", path: "/api/v1/organizations/acme/merchants/branch/orders", key: shopKey, body: `{}`})
	g.check()
}
