/** The control panel: the state of Pi, live, and the switches. */

import { byId, make, renderOnChange, setText } from "./dom.js";
import { showFaults } from "./faults.js";
import { showPayments } from "./payments.js";
import { amountText, command, unitOf } from "./pi.js";

export const showRoom = (state, pioneer) => {
  const unit = unitOf(state.network);
  showPioneers(state.pioneers, pioneer, unit);
  setText(byId("app-balance"), `${amountText(state.app.balance)} ${unit}`);
  showFaults(state.faults);
  showPayments(state.payments, unit);
  showClock(state.clock);
  showCalls(state.calls);
};

/** Connect the controls: `takeUp` gives the phone to a pioneer, `look` refreshes the panel. */
export const openRoom = ({ takeUp, look }) => {
  byId("pioneer").addEventListener("change", (event) => takeUp(event.target.value));
  byId("new-pioneer").addEventListener("submit", async (event) => {
    event.preventDefault();
    const username = byId("new-pioneer-name").value;
    await command("/pioneers", { username, balance: byId("new-pioneer-balance").value });
    event.target.reset();
    takeUp(username);
  });
  for (const button of document.querySelectorAll("[data-seconds]")) {
    button.addEventListener("click", async () => {
      await command("/clock", { seconds: Number(button.dataset.seconds) });
      look();
    });
  }
  byId("reset").addEventListener("click", async () => {
    await command("/reset");
    takeUp(byId("pioneer").value || "alice");
  });
};

const showPioneers = (pioneers, chosen, unit) => {
  const names = pioneers.map(({ username }) => username);
  const select = byId("pioneer");
  renderOnChange(select, names, () => names.map((name) => make("option", { value: name }, name)));
  if (select.value !== chosen) select.value = chosen;
  const holder = pioneers.find(({ username }) => username === chosen);
  setText(byId("balance"), holder ? `${amountText(holder.balance)} ${unit}` : "–");
};

const showClock = ({ now, offset }) => {
  const moment = new Date(now);
  byId("clock").dateTime = now;
  setText(byId("clock"), `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`);
  setText(byId("clock-offset"), offset < 1 ? "" : `${durationText(offset)} ahead`);
};

const durationText = (seconds) => {
  const parts = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  return parts.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`).join(" ");
};

const showCalls = (calls) =>
  renderOnChange(byId("calls"), calls, () =>
    calls.length ? calls.map(callRow) : [make("li", { class: "empty" }, "Nothing yet.")],
  );

const callRow = ({ method, path, status }) =>
  make(
    "li",
    { "data-good": status < 400 ? "yes" : "no" },
    make("span", { class: "method" }, method),
    make("span", { class: "mono path" }, path),
    make("span", { class: "status" }, status ?? "…"),
  );
