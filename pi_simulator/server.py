"""Serves a simulator over HTTP with the standard library, one thread per request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from .simulator import Simulator


class Server(ThreadingMixIn, WSGIServer):
    """Listens at once; `serve_forever` answers."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, simulator: Simulator, *, host: str = "localhost", port: int = 0) -> None:
        """Port 0 takes any free one. The simulator's addresses become those of this server."""
        super().__init__((host, port), QuietHandler)
        self.set_app(simulator.wsgi)
        self.base_url = f"http://{host}:{self.server_port}"
        simulator.served_at(self.base_url)

    def server_bind(self) -> None:
        """Bind without asking a name server for this machine's name, which can take long."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()


class QuietHandler(WSGIRequestHandler):
    """Leaves the log to the gateway, which says one line per call of Pi's."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is http.server's)
        """Say nothing."""


@contextmanager
def running(simulator: Simulator, *, host: str = "localhost", port: int = 0) -> Iterator[str]:
    """Serve in the background for as long as the block runs; yields the base address."""
    server = Server(simulator, host=host, port=port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.base_url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
