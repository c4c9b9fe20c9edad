/** The switches for the faults. */

import { byId, make } from "./dom.js";
import { command } from "./pi.js";

const FAULTS = [
  { kind: "latency", name: "Slow answers", hint: "Pi acts, and answers late" },
  { kind: "refuse", name: "Refuse before acting", hint: "500, and nothing happened" },
  { kind: "lose_answer", name: "Lose the answer", hint: "Pi acts, the shop cannot know" },
  { kind: "html", name: "HTML, not JSON", hint: "500, and nothing happened" },
  { kind: "html_after", name: "Act, then HTML", hint: "500, though it was done" },
  { kind: "malformed", name: "Broken JSON", hint: "200, cut off in the middle" },
  { kind: "nonsense", name: "Nonsense JSON", hint: "200, and nothing happened" },
  { kind: "down", name: "Pi is down", hint: "connections are refused" },
  { kind: "approval_elapses", name: "Approval elapses", hint: "at once, for new payments" },
  { kind: "close_after_paying", name: "App closes on paying", hint: "it never hears of it" },
];

const switches = new Map();

export const showFaults = (armed) => {
  const kinds = new Set(armed.map(({ kind }) => kind));
  for (const [kind, input] of switches) input.checked = kinds.has(kind);
};

const flip = async (kind, on) => {
  if (!on) return command("/faults/clear", { kind });
  const times = byId("fault-times").value;
  return command("/faults", {
    kind,
    path: byId("fault-path").value,
    times: times ? Number(times) : null,
    seconds: Number(byId("fault-seconds").value),
  });
};

const fault = ({ kind, name, hint }) => {
  const input = make("input", {
    type: "checkbox",
    role: "switch",
    id: `fault-${kind}`,
    "aria-describedby": `fault-${kind}-hint`,
    onchange: (event) => flip(kind, event.target.checked),
  });
  switches.set(kind, input);
  return make(
    "li",
    {},
    make(
      "label",
      { class: "switch", for: `fault-${kind}` },
      input,
      make("span", {}, name, make("small", { id: `fault-${kind}-hint` }, hint)),
    ),
  );
};

byId("faults").append(...FAULTS.map(fault));
