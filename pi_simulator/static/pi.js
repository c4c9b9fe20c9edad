/** The simulator's commands, and amounts and names as the page shows them. */

// Counts the beginning and the end of every command.
let turns = 0;

/** Give a command; the answer, or an Error with Pi's code as `code`. */
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

/** What Pi knows now. A state from before a command would turn its switch back for a moment. */
export const readState = async () => {
  const before = turns;
  const state = await (await fetch("/_control/state")).json();
  return before === turns ? state : readState();
};

export const unitOf = (network) => (network === "Pi Testnet" ? "Test-π" : "π");

/** An amount without exponent and without trailing zeros; at most seven places. */
export const amountText = (amount) => {
  const [whole, fraction = ""] = Number(amount).toFixed(7).split(".");
  const kept = fraction.replace(/0+$/, "");
  return kept ? `${whole}.${kept}` : whole;
};

export const short = (text) => (text.length > 12 ? `${text.slice(0, 6)}…${text.slice(-4)}` : text);

export const isClosed = (payment) =>
  payment.status.cancelled || payment.status.user_cancelled || payment.expired;
