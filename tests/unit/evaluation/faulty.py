"""A faulty endpoint on loopback. A test decides in advance what it does with each request."""

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD = "good"


class Faulty:
    """Its `script` has what it does with the next requests, in order; after that every reply is good."""

    def __init__(self) -> None:
        self.script: list[object] = []
        self.requests: list[dict] = []
        self.headers: list[dict] = []
        self.text = "the answer is {}"
        self.url = ""
        self._lock = threading.Lock()

    def next(self, body: dict, headers: dict) -> tuple[int, object]:
        """Return the number of the request and what to do with it."""
        with self._lock:
            self.requests.append(body)
            self.headers.append(headers)
            return len(self.requests), self.script.pop(0) if self.script else GOOD

    def good(self, body: dict, number: int) -> dict:
        """Return a reply with as many responses as the request asks for."""
        text = self.text.format(number)
        message = {"message": {"role": "assistant", "content": text}} if "messages" in body else {"text": text}
        logprobs = {"content": [{"logprob": -0.5}, {"logprob": -1.5}]}
        choice = message | {"finish_reason": "length"} | ({"logprobs": logprobs} if body.get("logprobs") else {})
        n = body.get("n", 1)
        return {"choices": [choice] * n, "usage": {"prompt_tokens": 7, "completion_tokens": 3 * n + 1}}


@contextmanager
def endpoint():
    """Yield a running Faulty."""
    faulty = Faulty()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self._send(*faulty.next({}, dict(self.headers)))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(*faulty.next(body, dict(self.headers)), body)

        def _send(self, number, do, body=None):
            status, extra, content = 200, {}, do
            if do == GOOD:
                content = json.dumps(faulty.good(body or {}, number))
            elif do == "hang up":
                self.close_connection = True
                return self.connection.shutdown(socket.SHUT_RDWR)
            elif isinstance(do, float):
                time.sleep(do)
                content = json.dumps(faulty.good(body or {}, number))
            elif callable(do):
                status, extra, content = do(body)
            elif isinstance(do, tuple):
                status, extra, content = do
            elif isinstance(do, dict):
                content = json.dumps(do)
            data = str(content).encode()
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(ConnectionError):  # the client gave up
                self.wfile.write(data)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that is killed is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    faulty.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield faulty
    finally:
        server.shutdown()
        server.server_close()
