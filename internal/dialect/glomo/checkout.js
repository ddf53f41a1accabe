// The checkout in a merchant's own page: it shows the page of an order in a frame above the page, and tells the page what
// became of it. An ES module that needs nothing else:
//
//   import { GlomoCheckoutApi } from "https://pay.example.com/glomo/checkout.js";
//   const checkout = new GlomoCheckoutApi({ orderId: "order_...", publicKey: "live_..." });
//   checkout.on("payment.success", ({ orderId, paymentId, status, signature }) => { ... });
//   checkout.open();
//
// Events:
//   payment.success                  { orderId, paymentId, status, signature }
//   payment.failure                  { orderId, paymentId, status, error: { code, message } }: the payer may try again
//   payment.bank_transfer_submitted  { orderId }: the payer says so; nobody has seen money
//   checkout.closed                  { orderId }
//
// With callbackUrl the browser goes there instead, with orderId, paymentId, status and signature in its query, and no
// event of a payment comes. The page's origin must be one that the merchant registered.

const events = ["payment.success", "payment.failure", "payment.bank_transfer_submitted", "checkout.closed"];
const home = new URL(".", import.meta.url);

const styles = {
  dialog: "position:fixed;inset:0;width:100vw;height:100vh;max-width:none;max-height:none;margin:0;padding:0;border:0;box-sizing:border-box;display:flex;align-items:center;justify-content:center;background:rgba(12,20,18,.55);",
  sheet: "position:relative;width:min(30rem,100vw);height:min(52rem,100vh);background:#f3f5f4;border-radius:14px;overflow:hidden;box-shadow:0 20px 60px rgba(0,0,0,.35);",
  frame: "width:100%;height:100%;border:0;display:block;",
  close: "position:absolute;top:8px;right:8px;width:44px;height:44px;border:0;border-radius:22px;background:rgba(12,20,18,.72);color:#fff;font:600 22px/1 system-ui,sans-serif;cursor:pointer;",
};

const made = (name, style, attributes) => {
  const element = document.createElement(name);
  element.style.cssText = style; // not an attribute, which a page's own policy may refuse
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

export class GlomoCheckoutApi {
  #orderId;
  #publicKey;
  #callbackUrl;
  #listeners = new Map(events.map((event) => [event, new Set()]));
  #told = new Set(); // ids of what the frame said: it says it again whenever it is loaded anew
  #dialog = null;
  #frame = null;
  #from = ""; // the frame's origin
  #opening = false;
  #left = null; // what the browser goes back with

  constructor({ orderId, publicKey, callbackUrl } = {}) {
    if (typeof orderId !== "string" || !orderId.startsWith("order_")) throw new TypeError("orderId must be the id of an order: order_...");
    if (typeof publicKey !== "string" || publicKey === "") throw new TypeError("publicKey must be the publishable key: live_... or test_...");
    if (callbackUrl !== undefined && callbackUrl !== null) {
      this.#callbackUrl = new URL(callbackUrl, document.baseURI);
      if (!/^https?:$/.test(this.#callbackUrl.protocol)) throw new TypeError("callbackUrl must be a URL of the web");
    }
    this.#orderId = orderId;
    this.#publicKey = publicKey;
  }

  // on calls back for an event. It returns the checkout, so that calls can be chained.
  on(event, callback) {
    const listeners = this.#listeners.get(event);
    if (!listeners) throw new TypeError(`there is no event ${event}: only ${events.join(", ")}`);
    if (typeof callback !== "function") throw new TypeError("the callback must be a function");
    listeners.add(callback);
    return this;
  }

  // open shows the checkout. It fails where there is no such order, the key is not the order's merchant's, or the page's
  // origin is not registered.
  async open() {
    if (this.#dialog || this.#opening) return;
    this.#opening = true;
    try {
      this.#show(await this.#ask());
    } finally {
      this.#opening = false;
    }
  }

  // close takes the checkout away. The order stays as it is, and may be opened again.
  close() {
    if (!this.#dialog) return;
    window.removeEventListener("message", this.#hear);
    this.#dialog.close();
    this.#dialog.remove();
    this.#dialog = this.#frame = null;
    if (this.#left) {
      this.#leave(this.#left);
      return;
    }
    this.#say("checkout.closed", { orderId: this.#orderId });
  }

  async #ask() {
    const answer = await fetch(new URL(`api/public/v1/order/${encodeURIComponent(this.#orderId)}`, home), {
      headers: { Authorization: `Bearer ${this.#publicKey}` }, credentials: "omit", cache: "no-store", referrerPolicy: "origin",
    });
    const order = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(order.message || `the checkout answered ${answer.status}`);
    if (!order.embeddable) throw new Error(`${window.location.origin} is none of the origins that this merchant registered for the checkout`);
    return order;
  }

  #show(order) {
    const to = new URL(order.checkout_url || `pay/order/${encodeURIComponent(this.#orderId)}`, home);
    this.#from = to.origin;
    this.#dialog = made("dialog", styles.dialog, { "aria-label": "Checkout" });
    const sheet = made("div", styles.sheet, {});
    this.#frame = made("iframe", styles.frame, { title: "Checkout", src: to.href, referrerpolicy: "origin" });
    const close = made("button", styles.close, { type: "button", "aria-label": "Close the checkout" });
    close.textContent = "\u00d7";
    close.addEventListener("click", () => this.close());
    sheet.append(this.#frame, close);
    this.#dialog.append(sheet);
    this.#dialog.addEventListener("cancel", (event) => { // the Escape key
      event.preventDefault();
      this.close();
    });
    window.addEventListener("message", this.#hear);
    document.body.append(this.#dialog);
    this.#dialog.showModal();
  }

  #hear = (event) => {
    const said = event.data;
    if (!this.#frame || event.source !== this.#frame.contentWindow || event.origin !== this.#from || said?.from !== "till-checkout") return;
    if (typeof said.id !== "string" || this.#told.has(said.id) || !this.#listeners.has(said.event) || said.data?.orderId !== this.#orderId) return;
    this.#told.add(said.id);
    if (!this.#callbackUrl) {
      this.#say(said.event, said.data);
      return;
    }
    if (said.event === "payment.success") this.#leave(said.data);
    if (said.event === "payment.failure") this.#left = said.data; // unless the payer tries again and pays
  };

  #leave({ orderId, paymentId, status, signature }) {
    const to = new URL(this.#callbackUrl);
    for (const [key, value] of Object.entries({ orderId, paymentId, status, signature })) {
      if (value) to.searchParams.set(key, value);
    }
    this.#left = null;
    window.location.assign(to);
  }

  #say(event, data) {
    for (const callback of [...this.#listeners.get(event)]) {
      try { callback(data); } catch (error) { setTimeout(() => { throw error; }); } // one listener's mistake is not the others'
    }
  }
}

export default GlomoCheckoutApi;
