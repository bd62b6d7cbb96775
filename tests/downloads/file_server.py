"""A server of files on this machine, with ranges, which can be told to misbehave."""

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Files:
    """What is served, and how.

    Attributes:
        content: bytes by path, without the first `/`
        ranges: whether ranges are answered
        most: bytes after which an answer is cut off; None: never
        refuse: status codes of the next answers
        pause: seconds before each thousand bytes
        asked: path and first byte of each request
        url: address of the server
    """

    content: dict[str, bytes]
    ranges: bool = True
    most: int | None = None
    refuse: list[int] = field(default_factory=list)
    pause: float = 0.0
    asked: list[tuple[str, int]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve(content):
    files = Files(content)
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            name = self.path.lstrip("/")
            match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(match[1]) if match and files.ranges else 0
            files.asked.append((name, start))
            data = files.content.get(name)
            status = files.refuse.pop(0) if files.refuse else 0
            if status or data is None:
                self.send_error(status or 404)
                return
            if start and start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            body = data[start:]
            kept = body if files.most is None else body[: files.most]
            for at in range(0, len(kept), 1000):
                if files.pause and stopped.wait(files.pause):
                    break
                self.wfile.write(kept[at : at + 1000])
            self.close_connection = len(kept) < len(body)

        def log_message(self, *args):
            del args

        def handle(self):
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        httpd.block_on_close = False
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        files.url = f"http://127.0.0.1:{httpd.server_port}/"
        yield files
        stopped.set()
        httpd.shutdown()
        thread.join()
