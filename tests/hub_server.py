"""A local HTTP server that speaks the Hub's endpoints this project uses, for tests.

Repositories live in memory: `files[repo][path]`. `token` is what a writer must show; `fail` maps a
part of a path to the status it is answered with, `cut` to how often the connection is cut there,
`hold` to an event for which the answer waits.
"""

import base64
import hashlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The server and what it holds."""

    def __init__(self):
        self.files: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.token = ""
        self.fail: dict[str, int] = {}
        self.cut: dict[str, int] = {}
        self.hold: dict[str, threading.Event] = {}
        self.requests: list[str] = []
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def environment(self):
        """What a process needs to talk to this Hub and no other."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_TOKEN": self.token,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args):
        pass

    def do_GET(self):
        self._route()

    do_HEAD = do_POST = do_PUT = do_GET

    def _route(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        for part, event in self.hub.hold.items():
            if part in path:
                event.wait(60)
        for part, times in self.hub.cut.items():
            if part in path and times:
                self.hub.cut[part] -= 1
                return self._cut()
        for part, status in self.hub.fail.items():
            if part in path:
                return self._json({"error": "on purpose"}, status)
        for method, pattern, answer in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in method:
                return answer(self, body, *match.groups())
        return self._json({"error": f"no route {self.command} {path}"}, 404)

    def _cut(self):
        """Promise a long answer, begin it, and hang up."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"{")
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _json(self, value, status=200, **headers):
        self._send(
            json.dumps(value).encode(), status, {"Content-Type": "application/json", **headers}
        )

    def _send(self, body, status=200, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refused(self):
        if self.hub.token and self.headers.get("Authorization") == f"Bearer {self.hub.token}":
            return False
        self._json({"error": "Invalid credentials"}, 401)
        return True

    def _missing(self, repo):
        if repo in self.hub.files:
            return False
        self._json({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        return True

    def create(self, body):
        if self._refused():
            return
        asked = json.loads(body)
        repo = (
            f"{asked['organization']}/{asked['name']}"
            if asked.get("organization")
            else asked["name"]
        )
        if asked.get("private") or asked.get("visibility") == "private":
            self.hub.private.add(repo)
        known = repo in self.hub.files
        self.hub.files.setdefault(repo, {})
        self._json({"url": f"{self.hub.url}/{repo}"}, 409 if known else 200)

    def validate(self, body):
        self._json({"errors": [], "warnings": []})

    def preupload(self, body, repo, revision):
        if self._refused() or self._missing(repo):
            return
        self._json(
            {
                "files": [
                    {
                        "path": each["path"],
                        "uploadMode": "lfs" if each["path"].endswith(".safetensors") else "regular",
                        "shouldIgnore": False,
                    }
                    for each in json.loads(body)["files"]
                ]
            }
        )

    def batch(self, body, repo):
        objects = []
        for each in json.loads(body)["objects"]:
            known = each["oid"] in self.hub.objects
            actions = {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}", "header": {}}}
            objects.append({**each} if known else {**each, "actions": actions})
        self._json({"transfer": "basic", "objects": objects})

    def put(self, body, oid):
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.objects[oid] = body
        self._send(b"")

    def commit(self, body, repo, revision):
        if self._refused() or self._missing(repo):
            return
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                self.hub.files[repo][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.hub.files[repo][value["path"]] = self.hub.objects[value["oid"]]
        self._json(
            {"success": True, "commitOid": SHA, "commitUrl": f"{self.hub.url}/{repo}/commit/{SHA}"}
        )

    def info(self, body, repo, revision=None):
        if self._missing(repo):
            return
        siblings = [{"rfilename": p, "size": len(c)} for p, c in self.hub.files[repo].items()]
        self._json({"id": repo, "modelId": repo, "sha": SHA, "siblings": siblings})

    def tree(self, body, repo, revision):
        if self._missing(repo):
            return
        self._json(
            [
                {"type": "file", "path": p, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                for p, c in self.hub.files[repo].items()
            ]
        )

    def resolve(self, body, repo, revision, path):
        if self._missing(repo):
            return
        content = self.hub.files[repo].get(path)
        if content is None:
            self._json({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
            return
        etag = hashlib.sha256(content).hexdigest()
        self._send(content, headers={"ETag": f'"{etag}"', "X_Repo_Commit": SHA})


_REPO = r"([\w.-]+/[\w.-]+)"
_ROUTES = (
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate),
    ("POST", rf"/api/(?:models|spaces)/{_REPO}/preupload/(\w+)", _Handler.preupload),
    ("POST", rf"(?:/spaces)?/{_REPO}\.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", r"/lfs/(\w+)", _Handler.put),
    ("POST", rf"/api/(?:models|spaces)/{_REPO}/commit/(\w+)", _Handler.commit),
    ("GET", rf"/api/(?:models|spaces)/{_REPO}/tree/(\w+)", _Handler.tree),
    ("GET", rf"/api/(?:models|spaces)/{_REPO}(?:/revision/(\w+))?", _Handler.info),
    ("GET HEAD", rf"/{_REPO}/resolve/(\w+)/(.+)", _Handler.resolve),
)
