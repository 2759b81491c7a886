"""Three services in one: flights (not well at the first two requests), hotels (with a password), weather.

Usage: services.py [PORT]: 8085 unless said.
"""
import base64
import http.server
import json
import sys
import threading
import urllib.parse

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8085
ALLOWED = "Basic " + base64.b64encode(b"trips:a long password").decode()
asked = 0
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global asked
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/flights":
            with lock:
                asked += 1
                is_well = asked > 2
            if not is_well:
                return self.answer(503, {"message": "not now"})
            return self.answer(200, {"flight": "FS 12", "to": query["to"], "day": query["day"]})
        if url.path == "/weather/Lisboa":
            return self.answer(200, {"sky": "clear"})
        self.answer(404, {"message": "no such place"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if self.headers.get("authorization") != ALLOWED:
            return self.answer(401, {"message": "who are you?"})
        form = urllib.parse.parse_qs(body)
        # It says more than it should: what it was shown is masked where it comes back.
        self.answer(200, {"city": form["city"][0], "nights": form["nights[]"], "shown": self.headers["authorization"]})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
