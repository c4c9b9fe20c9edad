// The basket's page. Prices, stock and total are drawn by the server whenever something changes.

import * as basket from "./basket.js";
import { order } from "./checkout.js";
import { clamp } from "./product.js";

document.addEventListener("change", ({ target }) => {
  const line = target.closest("#basket [data-line]");
  if (!line) return;
  setQuantity(line.dataset.line, clamp(target, target.value));
});

// `/basket/?line=…` is the checkout of "Buy now": the basket itself stays as it is.
function setQuantity(sku, quantity) {
  const page = document.getElementById("basket");
  if (!page.dataset.buyNow) return basket.set(sku, quantity);
  const others = page.dataset.buyNow.split(" ").filter((line) => !line.startsWith(`${sku}:`));
  page.dataset.buyNow = [...others, `${sku}:${quantity}`].join(" ");
  document.body.dispatchEvent(new Event("basket-changed"));
}

document.addEventListener("click", ({ target }) => {
  const sku = target.closest("[data-remove]")?.dataset.remove;
  if (sku) basket.remove([sku]);
});

document.addEventListener("submit", (event) => {
  if (event.target.id !== "place") return;
  event.preventDefault();
  const { name, address } = Object.fromEntries(new FormData(event.target));
  order(JSON.parse(event.target.dataset.lines), {
    shipping: address && { name, address },
    button: event.submitter,
    answer: document.getElementById("place-answer"),
    fromBasket: !document.getElementById("basket").dataset.buyNow,
  });
});
