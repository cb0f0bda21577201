package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/receipt"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/locale"
)

// Shop is where people buy: hall/services' Counter.
type Shop interface {
	Cart(ctx context.Context, who services.Caller) (services.Cart, error)
	PutInCart(ctx context.Context, who services.Caller, wishes []services.Wish) (services.Cart, error)
	TakeFromCart(ctx context.Context, who services.Caller, serials []certhall.Serial) (services.Cart, error)
	PlaceOrder(ctx context.Context, who services.Caller, wishes []services.Wish, agreed certhall.Money) (services.OrderDetail, error)
	Order(ctx context.Context, who services.Caller, id certhall.OrderID) (services.OrderDetail, error)
	CancelOrder(ctx context.Context, who services.Caller, id certhall.OrderID) (services.OrderDetail, error)
	RefundOrder(ctx context.Context, who services.Caller, id certhall.OrderID, which []certhall.EntitlementID, reason string) (services.OrderDetail, error)
	Entitlements(ctx context.Context, who services.Caller) (services.RightList, error)
	Receipt(ctx context.Context, who services.Caller, id certhall.OrderID) (orders.Receipt, error)
	AskInvoice(ctx context.Context, who services.Caller, id certhall.OrderID, bill orders.InvoiceRequest) (services.InvoiceView, error)
	WithdrawInvoice(ctx context.Context, who services.Caller, id certhall.OrderID) (services.InvoiceView, error)
	Updates(ctx context.Context, who services.Caller, kind, before string) (services.Updates, error)
}

type (
	cartOutput    struct{ Body services.Cart }
	orderOutput   struct{ Body services.OrderDetail }
	rightsOutput  struct{ Body services.RightList }
	updatesOutput struct{ Body services.Updates }
	receiptOutput struct{ Body orders.Receipt }
	fileOutput    struct {
		ContentType        string `header:"Content-Type"`
		ContentDisposition string `header:"Content-Disposition"`
		Body               []byte
	}
	invoiceOutput struct{ Body services.InvoiceView }

	putInput struct {
		Body struct {
			Lines []services.Wish `json:"lines" minItems:"1" maxItems:"500"`
		}
	}
	takeInput struct {
		Body struct {
			Serials []certhall.Serial `json:"serials" minItems:"1" maxItems:"500"`
		}
	}
	placeInput struct {
		OnceInput
		Body struct {
			Lines []services.Wish `json:"lines" minItems:"1" maxItems:"500"`
			Total certhall.Money  `json:"total" minimum:"0" doc:"that the person read, in fen"`
		}
	}
	// OrderInput names an order and who asks. (Exported for huma.)
	OrderInput struct {
		BearerInput
		Order string `path:"order" maxLength:"64"`
	}
	printInput struct {
		OrderInput
		Language string `header:"Accept-Language"`
	}
	refundInput struct {
		OrderInput
		Body struct {
			Entitlements []certhall.EntitlementID `json:"entitlements,omitempty" maxItems:"500" doc:"absent: all that is open"`
			Reason       string                   `json:"reason" minLength:"1" maxLength:"80"`
		}
	}
	invoiceInput struct {
		OrderInput
		Body orders.InvoiceRequest
	}
	updatesInput struct {
		Kind   string `query:"kind" enum:"case,order" doc:"all if absent"`
		Before string `query:"before" maxLength:"80" doc:"what the page before answered"`
	}
	ordersInput struct {
		Before string `query:"before" maxLength:"80" doc:"what the page before answered"`
	}
)

func (r routes) registerOrders(api huma.API) {
	mine := func(op huma.Operation) huma.Operation {
		op.Security = []map[string][]string{{"session": {}}}
		return op
	}
	post := func(id, path, summary string, status int, codes ...int) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, DefaultStatus: status,
			MaxBodyBytes: replyBody, BodyReadTimeout: readTime, Errors: append(codes, 422, 500, 503), Security: byCase,
		}
	}
	order := get("order", "/api/orders/{order}", "An order with what became of every line; made payable if it can be paid", 404)
	order.Security = byCase
	page := get("receipt", "/api/orders/{order}/receipt", "The receipt of a paid order", 404, 409)
	page.Security = byCase
	file := get("receipt-pdf", "/api/orders/{order}/receipt.pdf", "The receipt as a PDF file, in the reader's language", 404, 409)
	file.Security = byCase
	file.Responses = map[string]*huma.Response{"200": {Description: "The receipt", Content: map[string]*huma.MediaType{
		"application/pdf": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
	huma.Register(api, mine(get("cart", "/api/cart", "What the person means to buy, at the prices of this moment", 401)), r.cart)
	huma.Register(api, mine(post("put-in-cart", "/api/cart", "Put certificates into the cart, or change their years", 200, 401, 404, 409)), r.putInCart)
	huma.Register(api, mine(post("take-from-cart", "/api/cart/remove", "Take certificates out of the cart", 200, 401)), r.takeFromCart)
	huma.Register(api, mine(post("place-order", "/api/orders", "Order, at the total that the person read", 201, 401, 403, 404, 409)), r.placeOrder)
	huma.Register(api, mine(get("orders", "/api/orders", "The orders that the person made, the latest first", 401)), r.orders)
	huma.Register(api, order, r.order)
	huma.Register(api, post("cancel-order", "/api/orders/{order}/cancel", "Ask for the end of an order that is not paid", 200, 404, 409), r.cancelOrder)
	huma.Register(api, post("refund-order", "/api/orders/{order}/refund", "Ask for the money of what was not used; cases that have it are closed", 200, 404, 409), r.refundOrder)
	huma.Register(api, page, r.receipt)
	huma.Register(api, file, r.receiptPDF)
	huma.Register(api, post("ask-invoice", "/api/orders/{order}/invoice", "Ask for the invoice of an order, or change what was asked for", 200, 404, 409), r.askInvoice)
	huma.Register(api, post("withdraw-invoice", "/api/orders/{order}/invoice/withdraw", "Take back that an invoice was asked for", 200, 404, 409), r.withdrawInvoice)
	huma.Register(api, mine(get("entitlements", "/api/entitlements", "What was bought and not used, over all orders", 401)), r.entitlements)
	huma.Register(api, mine(get("updates", "/api/history", "What the person did: cases and orders, the latest first", 401)), r.updates)
}

// person asks something of the shop as who has logged in.
func person[T any](ctx context.Context, r routes, ask func(services.Caller) (T, error)) (answer T, err error) {
	v, err := who(ctx)
	if err == nil {
		answer, err = ask(services.Caller{Session: v.Session, Person: v.Person})
	}
	if err != nil {
		return answer, r.problem(ctx, err)
	}
	return answer, nil
}

func (r routes) cart(ctx context.Context, _ *struct{}) (*cartOutput, error) {
	cart, err := person(ctx, r, func(who services.Caller) (services.Cart, error) { return r.Shop.Cart(ctx, who) })
	return &cartOutput{cart}, err
}

func (r routes) putInCart(ctx context.Context, in *putInput) (*cartOutput, error) {
	cart, err := person(ctx, r, func(who services.Caller) (services.Cart, error) { return r.Shop.PutInCart(ctx, who, in.Body.Lines) })
	return &cartOutput{cart}, err
}

func (r routes) takeFromCart(ctx context.Context, in *takeInput) (*cartOutput, error) {
	cart, err := person(ctx, r, func(who services.Caller) (services.Cart, error) {
		return r.Shop.TakeFromCart(ctx, who, in.Body.Serials)
	})
	return &cartOutput{cart}, err
}

func (r routes) placeOrder(ctx context.Context, in *placeInput) (*orderOutput, error) {
	placed, err := person(ctx, r, func(who services.Caller) (services.OrderDetail, error) {
		return once(ctx, r, in.OnceInput, "place-order", in.Body, func() (services.OrderDetail, error) {
			return r.Shop.PlaceOrder(ctx, who, in.Body.Lines, in.Body.Total)
		})
	})
	return &orderOutput{placed}, err
}

func (r routes) orders(ctx context.Context, in *ordersInput) (*updatesOutput, error) {
	list, err := person(ctx, r, func(who services.Caller) (services.Updates, error) {
		return r.Shop.Updates(ctx, who, services.OrderKind, in.Before)
	})
	return &updatesOutput{list}, err
}

func (r routes) updates(ctx context.Context, in *updatesInput) (*updatesOutput, error) {
	list, err := person(ctx, r, func(who services.Caller) (services.Updates, error) {
		return r.Shop.Updates(ctx, who, in.Kind, in.Before)
	})
	return &updatesOutput{list}, err
}

func (r routes) entitlements(ctx context.Context, _ *struct{}) (*rightsOutput, error) {
	list, err := person(ctx, r, func(who services.Caller) (services.RightList, error) { return r.Shop.Entitlements(ctx, who) })
	return &rightsOutput{list}, err
}

func (r routes) order(ctx context.Context, in *OrderInput) (*orderOutput, error) {
	o, err := r.Shop.Order(ctx, in.caller(ctx), certhall.OrderID(in.Order))
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &orderOutput{o}, nil
}

func (r routes) cancelOrder(ctx context.Context, in *OrderInput) (*orderOutput, error) {
	o, err := r.Shop.CancelOrder(ctx, in.caller(ctx), certhall.OrderID(in.Order))
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &orderOutput{o}, nil
}

func (r routes) refundOrder(ctx context.Context, in *refundInput) (*orderOutput, error) {
	o, err := r.Shop.RefundOrder(ctx, in.caller(ctx), certhall.OrderID(in.Order), in.Body.Entitlements, in.Body.Reason)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &orderOutput{o}, nil
}

func (r routes) receipt(ctx context.Context, in *OrderInput) (*receiptOutput, error) {
	of, err := r.receiptOf(ctx, in)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &receiptOutput{of}, nil
}

func (r routes) receiptOf(ctx context.Context, in *OrderInput) (orders.Receipt, error) {
	of, err := r.Shop.Receipt(ctx, in.caller(ctx), certhall.OrderID(in.Order))
	of.Seller = r.Hall.Name
	return of, err
}

func (r routes) receiptPDF(ctx context.Context, in *printInput) (*fileOutput, error) {
	of, err := r.receiptOf(ctx, &in.OrderInput)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	if r.Hall.PaymentTrial {
		of.Channel = "trial"
	}
	lang := locale.Pick(in.Language)
	file, err := receipt.Print(of, lang, func(key string, params map[string]string) string { return locale.Text(lang, key, params) })
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &fileOutput{"application/pdf", `inline; filename="receipt-` + string(of.Number) + `.pdf"`, file}, nil
}

func (r routes) askInvoice(ctx context.Context, in *invoiceInput) (*invoiceOutput, error) {
	invoice, err := r.Shop.AskInvoice(ctx, in.caller(ctx), certhall.OrderID(in.Order), in.Body)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &invoiceOutput{invoice}, nil
}

func (r routes) withdrawInvoice(ctx context.Context, in *OrderInput) (*invoiceOutput, error) {
	invoice, err := r.Shop.WithdrawInvoice(ctx, in.caller(ctx), certhall.OrderID(in.Order))
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &invoiceOutput{invoice}, nil
}
