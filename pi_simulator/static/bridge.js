/** Receives the messages of the SDK in the app, and answers them. */

/**
 * Answer messages of the app in the frame. `handlers` maps a message type to a function of its
 * payload that returns the answer's payload, or undefined for no answer.
 */
export const listen = (frame, isApp, handlers) => {
  let page = 0;
  let lastId = -1;

  window.addEventListener("message", async (event) => {
    if (event.source !== frame.contentWindow || !isApp(event.origin)) return;
    const { id, type, payload } = parsed(event.data);
    if (!Object.hasOwn(handlers, type)) return;

    // Each page numbers its messages from the start: an answer must not reach the page that came after.
    if (id <= lastId) page++;
    lastId = id;
    const asking = page;
    const answer = await handlers[type](payload ?? {});
    if (answer === undefined || asking !== page) return;
    // Without a source the app has been closed, so nobody waits for the answer.
    event.source?.postMessage(JSON.stringify({ id, type, payload: answer }), event.origin);
  });
};

const parsed = (text) => {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
};
