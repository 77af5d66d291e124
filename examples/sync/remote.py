"""The service over HTTP: what may pass is tried again, what needs a person is raised."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request

# A todo or a list is gone only if the service says so by one of these codes. A proxy in front of it answers 404, too,
# while the service is away.
GONE = ("todo_not_found", "list_not_found", "todo_deleted", "list_deleted")


class Stop(Exception):
    """Nothing more can be done without a person."""


class Away(Exception):
    """No answer, or one that says nothing about the request. It may have been carried out."""

    def __init__(self, text, pause=None):
        super().__init__(text)
        self.pause = pause


class Answer:
    """A status and a JSON body; of an error the problem document (RFC 9457)."""

    def __init__(self, status, headers, text):
        self.status = status
        self.etag = headers.get("ETag")
        pause = headers.get("Retry-After", "")
        self.retry_after = int(pause) if pause.isdecimal() else 0  # A date, which only a proxy sends, counts as none.
        self.body = json.loads(text) if text else {}
        self.code = self.body.get("code") if isinstance(self.body, dict) else None
        self.ok = status in (200, 201, 204)
        self.gone = self.code in GONE

    def expect(self, status):
        if self.status != status:
            raise Away(f"the service answers {self.status} {self.code}: {self.body.get('detail')}")
        return self.body


class Remote:
    """One workspace, by its token."""

    ATTEMPTS = 5

    def __init__(self, url, token):
        self.url = url.rstrip("/")
        self.token = token

    def call(self, method, path, body=None, headers=None, query=None, timeout=30):
        """Repeats what may be repeated: every request of this program."""
        for attempt in range(1, self.ATTEMPTS + 1):
            try:
                return self.once(method, path, body, headers, query, timeout)
            except Away as away:
                if attempt == self.ATTEMPTS:
                    raise
                time.sleep(away.pause or 0.2 * 2**attempt)

    def once(self, method, path, body, headers, query, timeout):
        address = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        request = urllib.request.Request(address, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if body is not None:
            request.data = json.dumps(body).encode()
            merge_patch = "application/merge-patch+json" if method == "PATCH" else "application/json"
            request.add_header("Content-Type", merge_patch)
        try:
            try:
                with urllib.request.urlopen(request, timeout=timeout) as response:
                    return Answer(response.status, response.headers, response.read())
            except urllib.error.HTTPError as error:
                return self.refusal(error)
        # Refused, cut off, too slow, or half an answer.
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Away(f"{self.url} is away ({error})") from error

    def refusal(self, error):
        text = error.read()
        try:
            answer = Answer(error.code, error.headers, text)
        except ValueError:  # Not of the service but of something before it.
            answer = Answer(error.code, error.headers, b"")
        if error.code in (401, 403):
            raise Stop(f"the token is refused ({answer.code}); nothing is lost, go on with another one")
        foreign = error.code == 404 and not answer.gone
        if foreign or error.code == 429 or error.code >= 500 or answer.code == "idempotency_in_progress":
            raise Away(f"the service answers {error.code}", answer.retry_after or None)
        return answer
