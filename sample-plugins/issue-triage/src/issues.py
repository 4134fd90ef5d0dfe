"""Issues of a repository, over an API in the shape of GitHub's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wardian_sdk import http

CREDENTIAL = "github"
PAGE_SIZE = 100
TIMEOUT_SECONDS = 3

_ACCEPT = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}


class RateLimited(Exception):
    """The service takes no more requests for now."""

    def __init__(self, headers: http.Headers) -> None:
        super().__init__("the service's rate limit is met")
        self.seconds = _number(headers.get("retry-after"))
        self.until = _number(headers.get("x-ratelimit-reset"))


@dataclass(frozen=True)
class Issue:
    """An open issue."""

    number: int
    title: str
    body: str
    labels: list[str]
    comments: int


class Repository:
    """One repository, asked with the credential ``github``, which this plugin never sees.

    Everything raises ``RateLimited``, ``http.HttpError``, ``ValueError`` for an answer that has
    another shape, or what the host refuses.
    """

    def __init__(self, api_url: str, name: str) -> None:
        self._path = f"/repos/{name}/issues"
        self._session = http.Session(
            api_url, headers=_ACCEPT, credential=CREDENTIAL, timeout=TIMEOUT_SECONDS
        )

    def open_issues(self) -> Iterator[Issue]:
        """Go through all open issues, newest first; a page is one request."""
        params = {"state": "open", "sort": "created", "direction": "desc", "per_page": PAGE_SIZE}
        page = self._answered(self._session.get(self._path, params=params))
        while True:
            for item in page.json():
                # A pull request is an issue, too, as far as this API is concerned.
                if "pull_request" not in item:
                    yield issue_of(item)
            following = page.links.get("next")
            if following is None:
                return
            page = self._answered(self._session.get(following["url"]))

    def add_labels(self, issue: Issue, labels: list[str]) -> None:
        """Add labels; those that it has already stay as they are."""
        self._answered(self._session.post(self._at(issue, "labels"), json={"labels": labels}))

    def add_comment(self, issue: Issue, text: str) -> None:
        """Add a comment."""
        self._answered(self._session.post(self._at(issue, "comments"), json={"body": text}))

    def has_comment(self, issue: Issue, mark: str) -> bool:
        """Tell whether ``mark`` is in one of its first hundred comments."""
        if not issue.comments:
            return False
        params = {"per_page": PAGE_SIZE}
        answer = self._answered(self._session.get(self._at(issue, "comments"), params=params))
        return any(mark in (comment.get("body") or "") for comment in answer.json())

    def _at(self, issue: Issue, what: str) -> str:
        return f"{self._path}/{issue.number}/{what}"

    def _answered(self, response: http.Response) -> http.Response:
        limited = response.headers.get("x-ratelimit-remaining") == "0"
        if response.status_code == 429 or (response.status_code == 403 and limited):
            raise RateLimited(response.headers)
        return response.raise_for_status()


def issue_of(item: dict[str, Any]) -> Issue:
    """Return an issue as the API and its webhooks tell of it; ``ValueError`` if it is none."""
    try:
        return Issue(
            number=item["number"],
            title=item["title"],
            body=item["body"] or "",
            labels=[label["name"] for label in item["labels"]],
            comments=item["comments"],
        )
    except (KeyError, TypeError) as fault:
        raise ValueError(f"an issue of another shape: {fault!r}") from None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
