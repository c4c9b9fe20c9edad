// Choosing on a product's page: variant, quantity, then into the basket or straight to the order.

import * as basket from "./basket.js";
import { order, visit } from "./checkout.js";
import { say } from "./phrases.js";

// Quantity steppers, here and in the basket.
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-step]");
  if (!button) return;
  const field = button.parentElement.querySelector("input");
  count(field, Number(button.dataset.step));
});

function count(field, step) {
  const before = field.value;
  field.value = clamp(field, (Number(field.value) || 1) + step);
  if (field.value !== before) field.dispatchEvent(new Event("change", { bubbles: true }));
}

export const clamp = ({ min, max }, quantity) =>
  Math.max(Number(min), Math.min(Number(max) || Number(min), Math.trunc(quantity) || Number(min)));

// The chosen variant of a form: the checked radio, or the only one there is.
const chosen = (form) => form.querySelector("input[name=sku]:checked, input[name=sku][type=hidden]");

document.addEventListener("change", ({ target }) => {
  const form = target.closest("#buy");
  if (!form) return;
  const { price, max } = chosen(form).dataset;
  const quantity = form.elements.quantity;
  quantity.max = max;
  quantity.value = clamp(quantity, quantity.value);
  document.querySelector(".price").textContent = price;
});

document.addEventListener("submit", (event) => {
  if (event.target.id !== "buy") return;
  event.preventDefault();
  const form = event.target;
  const { value: sku, dataset } = chosen(form);
  const quantity = clamp(form.elements.quantity, form.elements.quantity.value);
  const answer = document.getElementById("buy-answer");
  if (event.submitter?.value === "basket") return addToBasket(sku, quantity, answer);
  // Parcels need an address first; everything else can be ordered at once.
  if (dataset.delivery === "physical") return visit(`/basket/?line=${sku}:${quantity}`);
  order([{ sku, quantity }], { button: event.submitter, answer });
});

function addToBasket(sku, quantity, answer) {
  basket.add(sku, quantity);
  say("added", answer);
}
