/** The simulated Pi Browser: opens the app, answers its SDK, and shows the state of Pi. */

import { answers } from "./answers.js";
import { listen } from "./bridge.js";
import { byId, setText } from "./dom.js";
import { openApp, phone, takeUp } from "./phone.js";
import { readState } from "./pi.js";
import { openRoom, showRoom } from "./room.js";
import { watchPayment } from "./wallet.js";

const LOOK_EVERY = 500;

const look = async () => {
  try {
    phone.state = await readState();
    showRoom(phone.state, phone.pioneer);
    watchPayment(phone.state.payments);
    setText(byId("connection"), "live");
  } catch {
    setText(byId("connection"), "not running");
  }
};

const keepLooking = async () => {
  await look();
  setTimeout(keepLooking, LOOK_EVERY);
};

setText(byId("address"), phone.shop.host);
setText(byId("network"), phone.state.network);
listen(phone.frame, (origin) => origin === phone.shop.origin, answers);
openRoom({ takeUp, look });
byId("reload-app").addEventListener("click", openApp);
byId("reopen-app").addEventListener("click", openApp);
keepLooking();
await takeUp(new URLSearchParams(location.search).get("pioneer") ?? phone.pioneer);
