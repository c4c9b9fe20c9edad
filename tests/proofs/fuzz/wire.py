"""A Pi that says whatever it is told to, byte for byte: over a real connection, or quicker, without one."""

from __future__ import annotations

import io
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

Talk = Callable[[socket.socket], None]


@dataclass
class Wire:
    """`talk` is what the next caller hears."""

    url: str
    talk: Talk = socket.socket.close
    over: threading.Event = field(default_factory=threading.Event)

    def says(self, content: bytes, *, reset: bool = False) -> None:
        """Answer the next callers with this, then close the connection, with or without good manners."""

        def talk(line: socket.socket) -> None:
            line.sendall(content)
            if reset:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        self.talk = talk

    def goes_on(self, head: bytes, piece: bytes, *, every: float) -> None:
        """Answer the next callers with `head`, then `piece` every so many seconds until the test is over."""

        def talk(line: socket.socket) -> None:
            line.settimeout(1)  # for one who has stopped to listen, but has not hung up
            line.sendall(head)
            while not self.over.wait(every):
                line.sendall(piece)

        self.talk = talk


@contextmanager
def wire() -> Iterator[Wire]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        pi = Wire(f"http://127.0.0.1:{listening.getsockname()[1]}")

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listening.accept()
                    with line, suppress(OSError):
                        line.recv(65_536)
                        pi.talk(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield pi
        pi.over.set()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)


class Said(HTTPAdapter):
    """Answers each request with `status` and `body`, without a connection."""

    status = 200
    body = b""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        raw = HTTPResponse(io.BytesIO(self.body), status=self.status, preload_content=False)
        return self.build_response(request, raw)
