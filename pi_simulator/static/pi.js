/** The simulator's commands, and how the page shows amounts and units. */

// Incremented when a command begins and when it ends.
let turns = 0;

/** Run a command and return its answer, or throw an Error with Pi's code as `code`. */
export const command = async (path, fields) => {
  turns += 1;
  try {
    return await send(path, fields);
  } finally {
    turns += 1;
  }
};

const send = async (path, fields) => {
  const response = await fetch(`/_control${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(fields ?? {}),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  const error = new Error(answer.error_message || answer.error);
  throw Object.assign(error, { code: answer.error });
};

/** Return the state of Pi. One from before a command would flip its switch back for a moment. */
export const readState = async () => {
  const before = turns;
  const state = await (await fetch("/_control/state")).json();
  return before === turns ? state : readState();
};

export const unitOf = (network) => (network === "Pi Testnet" ? "Test-π" : "π");

/** Format an amount without exponent and trailing zeros, with at most seven decimal places. */
export const amountText = (amount) => {
  const [whole, fraction = ""] = Number(amount).toFixed(7).split(".");
  const kept = fraction.replace(/0+$/, "");
  return kept ? `${whole}.${kept}` : whole;
};

export const short = (text) => (text.length > 12 ? `${text.slice(0, 6)}…${text.slice(-4)}` : text);

export const isClosed = (payment) =>
  payment.status.cancelled || payment.status.user_cancelled || payment.expired;
