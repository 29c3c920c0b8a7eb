// One order is one key, and one press of the button one request. A key is kept until there is a definite answer: whoever
// tries again because no answer came asks for the same order, not for another.
"use strict";

const PATIENCE_MS = 4000;
const part = (id) => document.getElementById(id);
const product = Number(new URLSearchParams(location.search).get("product") ?? "1");
const KEY = `order-key-${product}`;
const customer = remembered("customer");
let price = null;

function remembered(name) {
  const known = sessionStorage.getItem(name) ?? crypto.randomUUID();
  sessionStorage.setItem(name, known);
  return known;
}

function tell(state, text) {
  part("told").dataset.state = state;
  part("told").textContent = text;
}

async function look() {
  try {
    const answer = await fetch(`/api/products/${product}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    price = found.price;
    part("name").textContent = found.name;
    part("price").textContent = found.price;
    part("stock").textContent = found.stock > 0 ? `${found.stock} in stock` : "sold out";
    return found.stock > 0;
  } catch {
    part("stock").textContent = "stock unknown";
    return null;
  }
}

async function place() {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": remembered(KEY) };
  // The price goes out as it came, digit by digit.
  const body = `{"user_id": ${JSON.stringify(customer)}, "total_amount": ${price}, `
    + `"items": [{"product_id": ${product}, "quantity": 1, "price": ${price}}]}`;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch("/api/checkout/create-order", { method: "POST", headers, body, signal });
    return { status: answer.status, ...await answer.json() };
  } catch {
    return { status: 0 };
  }
}

async function buy() {
  const button = part("buy");
  button.disabled = true;
  button.textContent = "Ordering…";
  tell("waiting", "");
  const answer = price === null && (await look()) === null ? { status: 0 } : await place();
  const definite = answer.success === true || (answer.status >= 400 && answer.status < 500);
  if (definite) sessionStorage.removeItem(KEY);
  if (answer.success === true) {
    tell("ok", `Thank you. Your order is number ${answer.order_id}.`);
    button.textContent = "Ordered";
  } else if (answer.code === "sold_out") {
    tell("sold_out", "Sold out: somebody else was faster. Nothing was ordered.");
    button.textContent = "Sold out";
  } else if (definite) {
    tell("refused", `This cannot be ordered: ${answer.error ?? "no reason given"}`);
    button.textContent = "Buy one";
  } else {
    tell("try_again", "No answer came, so we do not know yet. Try again: you will not be charged twice.");
    button.textContent = "Try again";
    button.disabled = false;
  }
  if (definite) await look();
}

part("buy").addEventListener("click", buy);
look().then((inStock) => {
  // An order of before whose answer is missing can still be asked for, whatever the shelf says by now.
  const pending = sessionStorage.getItem(KEY) !== null;
  part("buy").disabled = inStock === false && !pending;
  if (pending) part("buy").textContent = "Try again";
  else if (inStock === false) part("buy").textContent = "Sold out";
});
