// Our server's JSON. Whatever goes wrong comes out as one kind of error: a Refusal with a code.

export class Refusal extends Error {
  constructor(code, message = "", status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

// `code` is the server's, or "offline" when no answer came at all.
export async function request(path, { method = "POST", body, token, headers = {} } = {}) {
  const answer = await fetch(path, {
    method,
    headers: {
      Accept: "application/json",
      ...(body && { "Content-Type": "application/json" }),
      ...(token && { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: body && JSON.stringify(body),
    credentials: "omit",
  }).catch(() => {
    throw new Refusal("offline");
  });
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Refusal(content.error ?? "unknown", content.message ?? "", answer.status);
  }
  return content;
}

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

// Keep trying while Pi or the network is down; a real refusal ends it.
export async function insist(attempt, { times = 6, onWaiting = () => {} } = {}) {
  for (let left = times; ; left--) {
    try {
      return await attempt();
    } catch (refusal) {
      const mayPass = refusal.code === "offline" || refusal.status === 429 || refusal.status >= 500;
      if (!mayPass || left <= 1) throw refusal;
      onWaiting(refusal);
      await pause(refusal.code === "offline" ? 3 : 10);
    }
  }
}
