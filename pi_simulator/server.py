"""A server for the simulator, from the standard library, with one thread per request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from .simulator import Simulator


class Server(ThreadingMixIn, WSGIServer):
    """Listens as soon as it is made; `serve_forever` answers."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, simulator: Simulator, *, host: str = "localhost", port: int = 0) -> None:
        """Bind the port (0: any free one), and give the simulator the addresses of this server."""
        super().__init__((host, port), QuietHandler)
        self.set_app(simulator.wsgi)
        self.base_url = f"http://{host}:{self.server_port}"
        simulator.served_at(self.base_url)

    def server_bind(self) -> None:
        """Bind without looking up this machine's name, which can take long."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()


class QuietHandler(WSGIRequestHandler):
    """Leaves the log to the gateway, which writes one line per call to Pi."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is http.server's)
        """Log nothing."""


@contextmanager
def running(simulator: Simulator, *, host: str = "localhost", port: int = 0) -> Iterator[str]:
    """Serve in the background while the block runs, and yield the base address."""
    server = Server(simulator, host=host, port=port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.base_url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
