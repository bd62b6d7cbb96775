"""A hub on this machine that holds one model, with what `huggingface_hub` asks for."""

import json
import threading
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


@contextmanager
def small_hub(model, files, *, gated=False):
    """Yield the address of a hub and the list of files that were downloaded from it.

    Args:
        model: id of the model.
        files: name to bytes.
        gated: whether the licence has not been accepted: names of files are told, files are not.
    """
    loaded = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith(f"/api/models/{model}/auth-check"):
                self.answer(b"{}", refused=gated)
            elif self.path.startswith(f"/api/models/{model}/tree/"):
                tree = [
                    {"type": "file", "path": name, "size": len(body), "oid": "0"}
                    for name, body in files.items()
                ]
                self.answer(json.dumps(tree).encode())
            elif self.path.startswith("/api/models/"):
                found = [{"rfilename": n, "size": len(b), "blobId": "0"} for n, b in files.items()]
                self.answer(json.dumps({"id": model, "sha": COMMIT, "siblings": found}).encode())
            else:
                name = self.path.partition(f"/resolve/{COMMIT}/")[2].partition("?")[0]
                if self.command == "GET":
                    loaded.append(name)
                self.answer(files[name], refused=gated)

        do_HEAD = do_GET  # noqa: N815

        def answer(self, body, *, refused=False):
            self.send_response(403 if refused else 200)
            if refused:
                self.send_header("X-Error-Code", "GatedRepo")
                body = b""
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{sha256(body).hexdigest()}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args):
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", loaded
        finally:
            server.shutdown()
            thread.join()
