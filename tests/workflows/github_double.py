"""GitHub's REST API as far as our scripts use it: an HTTP server on loopback that keeps what it is told.

with Repository("xmtplabs/convos") as github:
    door = GitHub("xmtplabs/convos", "token", api=github.api)
    github.rights.discard("comment")     # answers 403 as GitHub does for a token without the right
"""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

BOT = "github-actions[bot]"


class Repository:
    """One repository.

    Attributes:
        comments, issues, pulls: by number; comments' `issue` says whose they are.
        files: (branch, path) -> text.
        branches: name -> commit.
        commits: commit -> numbers of its pull requests.
        files_of: the files that a pull request changes, by its number.
        runs: of workflows, the newest first.
        compared: (base, head) -> `ahead`, `behind`, `diverged` or `identical`.
        rights: `comment`, `issue`, `contents`, `pulls`; what is not in here is answered with 403.
        seen: `METHOD path` of every request.
    """

    def __init__(self, name: str = "xmtplabs/convos", token: str = "a-token") -> None:
        self.name, self.token = name, token
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.pulls: dict[int, dict[str, Any]] = {}
        self.files: dict[tuple[str, str], str] = {}
        self.branches: dict[str, str] = {}
        self.commits: dict[str, list[int]] = {}
        self.rights = {"comment", "issue", "contents", "pulls"}
        self.seen: list[str] = []
        self.files_of: dict[int, list[str]] = {}
        self.runs: list[dict[str, Any]] = []
        self.compared: dict[tuple[str, str], str] = {}
        self.failing: list[tuple[int, dict[str, str], Any]] = []
        """Answers in place of the next ones: status, headers, body."""
        self.headers: list[dict[str, str]] = []
        """Headers of the next answers."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.api = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def says(self, issue: int, body: str, login: str = BOT) -> dict[str, Any]:
        """Write a comment."""
        number = len(self.comments) + 1
        comment = {"id": number, "issue": issue, "body": body, "user": {"login": login}, "html_url": f"c{number}"}
        self.comments.append(comment)
        return comment

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """Answer one request."""
        for pattern, handle in _ROUTES:
            if found := re.fullmatch(pattern, f"{method} {path}"):
                return handle(self, query, body, *map(unquote, found.groups()))
        return 404, {"message": "Not Found"}


def _link(path: str, query: dict[str, str], answer: Any) -> dict[str, str]:
    """Name the next page, which GitHub does with all that was asked for; here every full page has one."""
    if not isinstance(answer, list) or len(answer) < int(query.get("per_page", 30)):
        return {}
    following = urlencode({**query, "page": int(query.get("page", 1)) + 1})
    return {"Link": f'<{path}?{following}>; rel="next"'}


def _page(rows: list[Any], query: dict[str, str]) -> list[Any]:
    size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
    return rows[(number - 1) * size : number * size]


_FORBIDDEN = (403, {"message": "Resource not accessible by integration"})


def _comments(on: Repository, query: dict[str, str], _: Any, issue: str) -> tuple[int, Any]:
    return 200, _page([row for row in on.comments if row["issue"] == int(issue)], query)


def _comment(on: Repository, _: Any, body: dict[str, Any], issue: str) -> tuple[int, Any]:
    if len(body["body"]) > 65536:
        return 422, {"message": "Validation Failed: body is too long (maximum is 65536 characters)"}
    return (201, on.says(int(issue), body["body"])) if "comment" in on.rights else _FORBIDDEN


def _recomment(on: Repository, _: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
    if "comment" not in on.rights:
        return _FORBIDDEN
    on.comments[int(number) - 1]["body"] = body["body"]
    return 200, on.comments[int(number) - 1]


def _issues(on: Repository, query: dict[str, str], _: Any) -> tuple[int, Any]:
    return 200, _page([row for row in on.issues if row["state"] == query.get("state", "open")], query)


def _issue(on: Repository, _: Any, body: dict[str, Any]) -> tuple[int, Any]:
    if "issue" not in on.rights:
        return _FORBIDDEN
    number = len(on.issues) + 1
    on.issues.append({"number": number, "state": "open", "html_url": f"i{number}", **body})
    return 201, on.issues[-1]


def _reissue(on: Repository, _: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
    on.issues[int(number) - 1] |= body
    return 200, on.issues[int(number) - 1]


def _pull(on: Repository, _: Any, __: Any, number: str) -> tuple[int, Any]:
    found = on.pulls.get(int(number))
    return (200, found) if found else (404, {"message": "Not Found"})


def _pulls(on: Repository, query: dict[str, str], _: Any) -> tuple[int, Any]:
    if query.get("state") == "all":
        return 200, _page(list(on.pulls.values()), query)
    head = query["head"].partition(":")[2]
    rows = [p for p in on.pulls.values() if p["head"] == head and p["base"] == query["base"] and p["state"] == "open"]
    return 200, _page(rows, query)


def _open(on: Repository, _: Any, body: dict[str, Any]) -> tuple[int, Any]:
    if "pulls" not in on.rights:
        return 403, {"message": "GitHub Actions is not permitted to create or approve pull requests."}
    number = max(on.pulls, default=0) + 1
    on.pulls[number] = {"number": number, "state": "open", **body}
    return 201, on.pulls[number]


def _repull(on: Repository, _: Any, body: dict[str, Any], number: str) -> tuple[int, Any]:
    on.pulls[int(number)] |= body
    return 200, on.pulls[int(number)]


def _of_commit(on: Repository, query: dict[str, str], _: Any, commit: str) -> tuple[int, Any]:
    return 200, _page([on.pulls[number] for number in on.commits.get(commit, [])], query)


def _ref(on: Repository, _: Any, __: Any, branch: str) -> tuple[int, Any]:
    return (200, {"object": {"sha": on.branches[branch]}}) if branch in on.branches else (404, {"message": "Not Found"})


def _branch(on: Repository, _: Any, body: dict[str, Any]) -> tuple[int, Any]:
    name = body["ref"].removeprefix("refs/heads/")
    if "contents" not in on.rights:
        return _FORBIDDEN
    if name in on.branches:
        return 422, {"message": "Reference already exists"}
    on.branches[name] = body["sha"]
    return 201, {}


def _rebranch(on: Repository, _: Any, body: dict[str, Any], branch: str) -> tuple[int, Any]:
    on.branches[branch] = body["sha"]
    for path in [path for name, path in on.files if name == branch]:
        del on.files[branch, path]
    return 200, {}


def _file(on: Repository, query: dict[str, str], _: Any, path: str) -> tuple[int, Any]:
    text = on.files.get((query["ref"], path))
    if text is None:
        return 404, {"message": "Not Found"}
    return 200, {"content": base64.encodebytes(text.encode()).decode(), "sha": f"blob-{len(text)}"}


def _write(on: Repository, _: Any, body: dict[str, Any], path: str) -> tuple[int, Any]:
    on.files[body["branch"], path] = base64.b64decode(body["content"]).decode()
    return 200, {}


def _changed(on: Repository, query: dict[str, str], _: Any, number: str) -> tuple[int, Any]:
    return 200, _page([{"filename": name} for name in on.files_of.get(int(number), [])], query)


def _runs(on: Repository, query: dict[str, str], _: Any, workflow: str) -> tuple[int, Any]:
    rows = [run for run in on.runs if run["path"] == workflow and run["head_sha"] == query["head_sha"]]
    return 200, {"total_count": len(rows), "workflow_runs": rows}


def _compare(on: Repository, _: Any, __: Any, base: str, head: str) -> tuple[int, Any]:
    status = on.compared.get((base, head))
    return (200, {"status": status}) if status else (404, {"message": "Not Found"})


_ROUTES: list[tuple[str, Any]] = [
    (r"GET issues/(\d+)/comments", _comments),
    (r"POST issues/(\d+)/comments", _comment),
    (r"PATCH issues/comments/(\d+)", _recomment),
    (r"GET issues", _issues),
    (r"POST issues", _issue),
    (r"PATCH issues/(\d+)", _reissue),
    (r"GET pulls/(\d+)", _pull),
    (r"GET pulls", _pulls),
    (r"GET pulls/(\d+)/files", _changed),
    (r"GET actions/workflows/([\w.-]+)/runs", _runs),
    (r"GET compare/(\w+)\.\.\.(\w+)", _compare),
    (r"POST pulls", _open),
    (r"PATCH pulls/(\d+)", _repull),
    (r"GET commits/(\w+)/pulls", _of_commit),
    (r"GET git/ref/heads/(.+)", _ref),
    (r"POST git/refs", _branch),
    (r"PATCH git/refs/heads/(.+)", _rebranch),
    (r"GET contents/(.+)", _file),
    (r"PUT contents/(.+)", _write),
]


def _handler(on: Repository) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            path = parts.path.removeprefix(f"/repos/{on.name}/")
            on.seen.append(f"{self.command} {path}")
            if self.headers.get("Authorization") != f"Bearer {on.token}":
                status, answer = 401, {"message": "Bad credentials"}
            else:
                status, answer = on.answer(self.command, path, query, body)
            headers = on.headers.pop(0) if on.headers else {}
            if on.failing:
                status, headers, answer = on.failing.pop(0)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**_link(parts.path, query, answer), **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    return Handler
