"""Serves approve.html, and hands what it sends to Fleetstep: a page and the tasks that it answers have one origin.

Usage: page.py [FLEETSTEP] [PORT]: http://127.0.0.1:8083 and 8084 unless said.
"""
import http.server
import pathlib
import sys
import urllib.error
import urllib.request

FLEETSTEP = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8083"
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 8084
PAGE = pathlib.Path(__file__).with_name("approve.html").read_bytes()
BODY_BYTES_MAX = 65_536


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, "text/html; charset=utf-8", PAGE)

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if not self.path.startswith("/v1/tasks/") or length > BODY_BYTES_MAX:
            return self.answer(404, "text/plain", b"")
        # The page's own content type goes on: it is what keeps other sites from sending this.
        headers = {"content-type": self.headers.get("content-type", "")}
        request = urllib.request.Request(FLEETSTEP + self.path, self.rfile.read(length), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                self.answer(response.status, "application/json", response.read())
        except urllib.error.HTTPError as error:
            self.answer(error.code, "application/problem+json", error.read())

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
print(f"http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
