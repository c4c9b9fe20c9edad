"""`python -m pi_simulator`: run a simulated Pi, with a phone to buy with, on this machine."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence

from .server import Server
from .simulator import DEMO_API_KEY, DEMO_SHOP, DEMO_WALLET, TESTNET, Simulator

DEMO_PIONEERS = {"alice": "100", "bob": "100", "carol": "0.5"}
"""The pioneers that exist at the start, with their balances; carol cannot afford much."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    simulator = Simulator(
        api_key=options.api_key,
        network=options.network,
        app_wallet=options.wallet,
        shop_url=options.shop,
    )
    for username, balance in DEMO_PIONEERS.items():
        simulator.pioneer(username, balance)
    try:
        server = Server(simulator, host=options.host, port=options.port)
    except OSError as problem:
        print(f"Cannot listen on {options.host}:{options.port}: {problem}", file=sys.stderr)
        return 1
    _serve(server, simulator)
    return 0


def _serve(server: Server, simulator: Simulator) -> None:
    print(f"The phone is at {server.base_url}/ and shows {simulator.shop_url}")
    print(f"PI_API_URL={simulator.url}")
    print(f"PI_SDK_URL={server.base_url}/pi-sdk.js", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("The simulator has stopped; what it remembered is gone.")
    finally:
        server.server_close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pi_simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8314, help="default: %(default)s")
    parser.add_argument("--host", default="localhost", help="default: %(default)s")
    parser.add_argument("--shop", default=DEMO_SHOP, help="the page the phone opens")
    parser.add_argument("--api-key", default=DEMO_API_KEY, help="the key the shop must send")
    parser.add_argument("--wallet", default=DEMO_WALLET, help="the address the shop is paid at")
    parser.add_argument("--network", default=TESTNET, help='"Pi Testnet" or "Pi Network"')
    return parser


if __name__ == "__main__":
    sys.exit(main())
