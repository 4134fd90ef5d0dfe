"""issue-triage: labels issues by configured rules, and answers each with one comment."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from issues import Issue, RateLimited, Repository, issue_of
from rules import Rule, labels_for
from wardian_sdk import (
    Err,
    Exhausted,
    Unavailable,
    WardianError,
    config,
    context,
    http,
    kv,
    logging,
)
from wit_world.exports.triage import (
    Outcome,
    Pause,
    Report,
    TriageError_NotConfigured,
    TriageError_NotFound,
    TriageError_RateLimited,
    TriageError_Refused,
    TriageError_Unauthorized,
    TriageError_UnexpectedAnswer,
)
from wit_world.exports.webhook_handler import Reply, Webhook

P = ParamSpec("P")
T = TypeVar("T")

MARK = "<!-- wardian: issue-triage -->"
"""At the end of each comment: nobody sees it, and this plugin knows its own comments by it."""

CLAIMED, DONE = "claimed", "done"
CLAIM = timedelta(minutes=5)
"""Longer than any call, so that a claim which has run out is one of a call that was ended."""

REQUESTS_EACH = 3
"""At most, to treat an issue: its labels, a look at its comments, a comment."""

_BY_STATUS = {
    401: TriageError_Unauthorized,
    403: TriageError_Unauthorized,
    404: TriageError_NotFound,
    410: TriageError_NotFound,
}


@dataclass(frozen=True)
class Settings:
    """The configuration; the manifest has a default for all but the repository."""

    api_url: str
    dry_run: bool
    comment: str
    rules: list[Rule]
    repository: str | None = None


@dataclass
class Progress:
    """What a call has come to so far."""

    seen: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: str | None = None


def _answers_refusals(
    function: Callable[Concatenate["Triage", P], T],
) -> Callable[Concatenate["Triage", P], T]:
    @wraps(function)
    def call(self: "Triage", *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return function(self, *arguments, **named)
        except RateLimited as limit:
            raise Err(TriageError_RateLimited(Pause(limit.seconds, limit.until))) from None
        except http.HttpError as failure:
            kind = _BY_STATUS.get(failure.status_code, TriageError_UnexpectedAnswer)
            raise Err(kind(str(failure))) from None
        except WardianError as refusal:
            raise Err(TriageError_Refused(str(refusal))) from None
        except ValueError as fault:
            raise Err(TriageError_UnexpectedAnswer(str(fault))) from None

    return call


class Triage:
    """What ``wit/world.wit`` exports as the interface ``triage``."""

    @_answers_refusals
    def run(self) -> Report:
        """Treat the open issues that were not treated before, newest first."""
        settings = config.load(Settings)
        if settings.repository is None:
            raise Err(TriageError_NotConfigured("`repository` is not set: OWNER/NAME."))
        progress = Progress()
        try:
            _go_through(settings, settings.repository, progress)
        except (RateLimited, Exhausted, Unavailable) as limit:
            # What was done is told; only a call that could do nothing at all has failed.
            if not progress.seen:
                raise
            progress.stopped = str(limit)
            logging.warn("stopped before the end", seen=progress.seen, reason=progress.stopped)
        return Report(settings.repository, settings.dry_run, **vars(progress))

    @_answers_refusals
    def classify(self, title: str, body: str) -> list[str]:
        """Return the labels that the rules give to a text."""
        return labels_for(config.load(Settings).rules, title, body)


class WebhookHandler:
    """What the host calls with each request whose signature it has verified."""

    def handle(self, webhook: Webhook) -> Reply:
        """Treat an issue that was opened; of anything else take note only.

        An ``Err`` has GitHub told that it failed; what is sent again after that comes here again.
        """
        try:
            opened = _opened(webhook)
        except (KeyError, TypeError, ValueError) as fault:
            return Reply(400, f"This tells of no issue: {fault!r}.")
        if opened is None:
            return Reply(200, "Nothing to do.")
        name, issue = opened
        settings = config.load(Settings)
        if name != settings.repository:
            return Reply(422, "This is not the configured repository.")
        progress = Progress()
        try:
            _look_at(settings, Repository(settings.api_url, name), name, issue, progress)
        except (RateLimited, WardianError, http.HttpError, ValueError) as failure:
            raise Err(str(failure)) from None
        if progress.stopped is not None:
            raise Err(progress.stopped)
        labels = [label for outcome in progress.outcomes for label in outcome.labels]
        return Reply(200, f"#{issue.number}: {_listed(labels) or 'no label'}")


def _opened(webhook: Webhook) -> tuple[str, Issue] | None:
    """Return the repository and the issue that was opened; None if that is not what is told."""
    if dict(webhook.headers).get("x-github-event") != "issues":
        return None
    told = json.loads(webhook.body)
    if told["action"] != "opened":
        return None
    return told["repository"]["full_name"], issue_of(told["issue"])


def _go_through(settings: Settings, name: str, progress: Progress) -> None:
    repository = Repository(settings.api_url, name)
    # One host call for all of them, and not one for each issue.
    treated = set(kv.keys(_key(name)))
    for issue in repository.open_issues():
        if _key(name, issue) in treated:
            progress.seen += 1
            continue
        _look_at(settings, repository, name, issue, progress)
        if progress.stopped is not None:
            return


def _look_at(
    settings: Settings, repository: Repository, name: str, issue: Issue, progress: Progress
) -> None:
    """Treat one issue if a rule fits it, and nobody has or is about to."""
    progress.seen += 1
    labels = labels_for(settings.rules, issue.title, issue.body)
    if not labels:
        return
    key = _key(name, issue)
    if settings.dry_run:
        progress.outcomes.append(_outcome(issue, labels, commented=False))
    elif context.remaining().http_requests < REQUESTS_EACH:
        progress.stopped = "The call may send no more requests; the next one goes on."
    elif kv.compare_and_set(key, None, CLAIMED, ttl=CLAIM):
        progress.outcomes.append(_treat(settings, repository, issue, labels, key))


def _key(name: str, issue: Issue | None = None) -> str:
    return f"treated/{name}/{issue.number if issue else ''}"


def _treat(
    settings: Settings, repository: Repository, issue: Issue, labels: list[str], key: str
) -> Outcome:
    """Label an issue that this call has claimed, and answer it unless that was done before."""
    outcome = _outcome(issue, labels, commented=False)
    try:
        if outcome.labels:
            repository.add_labels(issue, outcome.labels)
        if settings.comment and not repository.has_comment(issue, MARK):
            text = settings.comment.replace("{labels}", _listed(labels))
            repository.add_comment(issue, f"{text}\n\n{MARK}")
            outcome.commented = True
    except (Exhausted, Unavailable):
        # It may have arrived, and only the answer be late or lost. The claim stays until it runs
        # out, and then the comment is looked for.
        raise
    except Exception:
        kv.delete(key)
        raise
    kv.set(key, DONE)
    logging.info("issue treated", number=issue.number, labels=labels, commented=outcome.commented)
    return outcome


def _outcome(issue: Issue, labels: list[str], *, commented: bool) -> Outcome:
    missing = [label for label in labels if label not in issue.labels]
    return Outcome(issue.number, issue.title, missing, commented)


def _listed(labels: list[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)
