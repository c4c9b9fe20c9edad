// The shop's one script. It stays while pages change (links are boosted), and so does the token in session.js.

import "./fragments.js";
import "./basket_page.js";
import "./order_page.js";
import * as basket from "./basket.js";
import { isStale } from "./fragments.js";
import { draw, follow, isWatching, leave, refresh, settleIncomplete } from "./payment.js";
import { currentUsername, signedIn } from "./session.js";

const LOOK_SECONDS = 3;

// Whatever was just put on the page: all of it, or a part.
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  for (const time of elt.querySelectorAll("time[data-local]")) showLocalTime(time);
  if (elt.matches(".receipt")) follow(elt);
});

document.addEventListener("htmx:afterSettle", ({ detail: { target, requestConfig } }) => {
  if (target !== document.body) return;
  arrive();
  // Moving the focus tells screen readers that the page has changed.
  if (requestConfig) document.getElementById("main").focus({ preventScroll: true });
});
document.addEventListener("htmx:historyRestore", arrive);

function arrive() {
  leave();
  draw();
  showAccount();
  showBasketCount();
}

function showAccount() {
  for (const name of document.querySelectorAll("[data-username]")) name.textContent = currentUsername();
}

function showBasketCount() {
  const count = basket.count();
  for (const badge of document.querySelectorAll("[data-basket-count]")) {
    badge.textContent = count;
    badge.hidden = count === 0;
  }
}

const NAMES = { time: { timeStyle: "short" }, "": { dateStyle: "medium", timeStyle: "short" } };

function showLocalTime(time) {
  const style = NAMES[time.dataset.local] ?? NAMES[""];
  time.textContent = new Intl.DateTimeFormat(undefined, style).format(new Date(time.dateTime));
}

function look() {
  const receipt = document.querySelector("#order .receipt");
  if (!document.hidden && receipt && (isWatching() || isStale(receipt))) refresh();
}

document.addEventListener("pi:state", showAccount);
document.addEventListener("pi:incomplete", ({ detail }) => settleIncomplete(detail));
document.addEventListener("visibilitychange", () => document.hidden || refresh());
document.body.addEventListener("basket-changed", showBasketCount);
setInterval(look, LOOK_SECONDS * 1000);

arrive();
signedIn().catch(() => {}); // the page shows the result
