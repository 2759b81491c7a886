"""An endpoint that a service integration is bound to: tells what it got, fails on request, answers a task by its token.

Usage: endpoint.py. Says where it listens.
"""
import http.server
import json
import threading
import urllib.request


def answer_task(message):
    url = f"{message['answer']}/v1/tasks/{message['token']}/success"
    request = urllib.request.Request(url, b'{"answered": true}', {"content-type": "application/json"}, method="POST")
    urllib.request.urlopen(request, timeout=30).read()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        got = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = got["MessageBody"]
        if message == "fail":
            return self.answer(429, {"error": "QueueFull", "cause": "later"})
        if isinstance(message, dict):
            # After this answer, as a worker would.
            threading.Timer(0.1, answer_task, [message]).start()
        key, action = self.headers.get("x-key"), self.headers.get("fleetstep-action")
        self.answer(200, {"got": got, "key": key, "action": action})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
