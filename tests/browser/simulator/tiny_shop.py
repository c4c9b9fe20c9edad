"""The smallest app that takes Pi: a page with two buttons, and a server that asks Pi.

It is served from 127.0.0.1 and the simulator from localhost, which are two sites to a browser.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

import requests

from pi_simulator import Simulator
from pi_simulator.server import QuietHandler

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Tiny shop</title>
<meta name="viewport" content="width=device-width">
<style>
  body { margin: 0; padding: 24px; font: 16px/1.5 system-ui, sans-serif; color: #2b2118; }
  h1 { margin: 0 0 4px; } button { min-height: 48px; padding: 0 20px; font: inherit; }
  li { overflow-wrap: anywhere; font-size: 13px; }
</style>
<script src="%s/pi-sdk.js"></script><script src="/shop.js" defer></script></head>
<body><h1>Tiny shop</h1><p>A pot of tea, 1.5 Pi.</p>
<p><button id="sign-in" disabled>Sign in</button> <button id="buy" disabled>Buy tea</button></p>
<ol id="log"></ol></body></html>
"""

SCRIPT = """
"use strict";
const say = (text) => {
  const line = document.createElement("li");
  line.textContent = text;
  document.getElementById("log").append(line);
};
const post = async (step, fields) => {
  const response = await fetch(`/${step}`, { method: "POST", body: JSON.stringify(fields) });
  say(`${step} ${response.status}`);
};
const settle = (payment) => {
  const txid = payment.transaction?.txid;
  say(`incomplete ${payment.identifier}`);
  return post(txid ? "complete" : "cancel", { id: payment.identifier, txid });
};
Pi.init({ version: "2.0" });
document.getElementById("sign-in").onclick = async () => {
  try {
    const result = await Pi.authenticate(["username", "payments"], settle);
    say(`hello ${result.user.username}`);
  } catch (error) {
    say(`sign-in failed: ${error.message}`);
  }
};
document.getElementById("buy").onclick = () => {
  try {
    Pi.createPayment({ amount: 1.5, memo: "A pot of tea", metadata: { order: "A1" } }, {
      onReadyForServerApproval: (id) => post("approve", { id }),
      onReadyForServerCompletion: (id, txid) => post("complete", { id, txid }),
      onCancel: (id) => say(`onCancel ${id}`),
      onError: (error, payment) => say(`onError ${error.message} ${payment?.identifier ?? ""}`),
    });
  } catch (error) {
    say(`buy failed: ${error.message}`);
  }
};
// Only now would a tap be noticed.
for (const button of document.querySelectorAll("button")) button.disabled = false;
"""


class TinyShop:
    """Forwards its page's requests to Pi, except the steps in `deaf_to`, which it answers with 503."""

    def __init__(self, pi: Simulator, sdk_origin: str) -> None:
        self.pi = pi
        self.page = PAGE % sdk_origin
        self.deaf_to: set[str] = set()
        self.url = ""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "POST":
            return self._ask_pi(path.strip("/"), environ, start_response)
        script = path == "/shop.js"
        kind = "text/javascript" if script else "text/html; charset=utf-8"
        start_response("200 OK", [("Content-Type", kind)])
        return [(SCRIPT if script else self.page).encode()]

    def _ask_pi(self, step: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        fields = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        status = 503 if step in self.deaf_to else self._post(step, fields)
        start_response(f"{status} Said", [("Content-Type", "application/json")])
        return [b"{}"]

    def _post(self, step: str, fields: dict[str, str]) -> int:
        try:
            return requests.post(
                f"{self.pi.url}/payments/{fields['id']}/{step}",
                json={"txid": fields.get("txid")},
                headers={"Authorization": f"Key {self.pi.api_key}"},
                timeout=5,
            ).status_code
        except requests.RequestException:
            return 503


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def open_shop(pi: Simulator, sdk_origin: str, port: int = 0) -> Iterator[TinyShop]:
    """Serve the shop while the block runs."""
    shop = TinyShop(pi, sdk_origin)
    server = _Server(("127.0.0.1", port), QuietHandler)
    server.set_app(shop)
    shop.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
