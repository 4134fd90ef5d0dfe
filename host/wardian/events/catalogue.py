"""Every event that a host tells of itself: when it does, and which fields its data has.

The page of the reference is made of this, and a test compares it with whatever changes are written
down. Whoever adds a change adds its row here. No field holds a secret: values of configuration,
credentials, tokens and data of plugins stay where they are, and their names are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """One kind of event.

    Attributes:
        when: what has happened, in a sentence for people.
        fields: of its data, which is an object; those behind a ``?`` are there sometimes.
    """

    when: str
    fields: tuple[str, ...]


def _told(when: str, fields: str) -> Told:
    return Told(when, tuple(fields.split()))


def _of_plugin(when: str, fields: str = "") -> Told:
    return _told(when, f"plugin actor {fields}")


def _of_job(when: str) -> Told:
    return _told(when, f"job {_JOB}")


def _of_endpoint(when: str, fields: str = "") -> Told:
    return _told(when, f"endpoint actor {fields}")


_STATE = "from reason version cause?"
_VERSIONS = "upgrade from to package granted"
_FAILED = "from to reason step"
_JOB = "plugin function state error attempt link notify?"
_LAYER = "layer environment origin paths further_paths version"

SYSTEM_EVENTS: Mapping[str, Told] = {
    "agent.opened": _told(
        "An agent did not answer as often as its circuit breaker lets it, and is asked nothing "
        "`until` a question may try it again.",
        "agent reason failures until",
    ),
    "agent.recovered": _told(
        "An agent that was asked nothing for `seconds` answers, or begins anew, and is asked "
        "again.",
        "agent seconds reason",
    ),
    "agent.trial-decided": _told(
        "Of two versions of an agent that are tried one is `better`, with the `confidence` asked "
        "for.",
        "agent actor active other better confidence",
    ),
    "agent.trial-ended": _told(
        "A trial of two versions of an agent ended: why as `reason`, and what it shows as "
        "`verdict`.",
        "agent actor active other reason verdict",
    ),
    "agent.trial-started": _told(
        "A kept version of an agent answers a `share` of its questions beside the active one.",
        "agent actor active other share confidence",
    ),
    "api.denied": _told(
        "A key was refused what it asked for: the `request`, the type of the error as `name`, and "
        "how often within the hour.",
        "request actor layer name? count",
    ),
    "audit.exported": _told("The audit trail was exported.", "audit actor"),
    "budget.removed": _told(
        "A tenant may spend on agents for this capability (as `budget`, `*` for all) without this "
        "bound.",
        "budget actor period",
    ),
    "budget.set": _told(
        "What a tenant may spend on agents for a capability (as `budget`, `*` for all) was set, in "
        "the currency's unit.",
        "budget actor period before limit",
    ),
    "config.changed": _told(
        "A configuration was changed, of one plugin or of all of the tenant's: which paths of "
        "which layer, and for which `plugins` another one is in force.",
        f"plugin plugins actor {_LAYER}",
    ),
    "config.file-refused": _told(
        "A file of configuration is not taken; its values before stay.", "file plugin path line"
    ),
    "credential.set": _told("A credential was added.", "credential actor plugin kind version"),
    "credential.rotated": _told(
        "A credential that there was has another value now; also when a token was renewed.",
        "credential actor plugin kind version",
    ),
    "credential.removed": _told("A credential was removed.", "credential actor plugin"),
    "endpoint.changed": _of_endpoint(
        "Its address, topics or description were changed, or whose rights it has.",
        "origin topics key",
    ),
    "endpoint.disabled": _of_endpoint("Nothing is posted to it any more.", "reason"),
    "endpoint.enabled": _of_endpoint("Events are posted to it again."),
    "endpoint.events-discarded": _of_endpoint(
        "Dead letters of it were removed, by their ids.", "dead_letters"
    ),
    "endpoint.events-requeued": _of_endpoint(
        "Dead letters of it are posted again, by their ids.", "dead_letters"
    ),
    "endpoint.registered": _of_endpoint("A host app has events posted to it.", "origin topics"),
    "endpoint.removed": _of_endpoint("It was removed, with what waited.", "origin topics"),
    "endpoint.secret-rotated": _of_endpoint(
        "It has another secret; with the old one is signed as well for a while.",
        "old_secret_until",
    ),
    "event.dropped": _told(
        "Events were dropped that a plugin or a host app was to publish, or a plugin or an "
        "endpoint to receive: how many in the last ten seconds, why, and the last one's topic.",
        "plugin? app? endpoint? reason count topic",
    ),
    "function.failed": _told(
        "Calls of a watched function were stopped, trapped or lost: how many in the last ten "
        "seconds, how long the longest took, and how the last one ended.",
        "plugin function count longest_seconds outcome",
    ),
    "function.slow": _told(
        "Calls of a watched function took longer than its manifest calls slow: how many in the "
        "last ten seconds, how long the longest took, and how the last one ended.",
        "plugin function count longest_seconds outcome",
    ),
    "job.cancelled": _of_job("A job was cancelled; its call is stopped, if it ran."),
    "job.failed": _of_job(
        "A job's call failed, or could not be made; `error` is the type of why, and `link` leads "
        "to what came of it."
    ),
    "job.lost": _of_job(
        "The host of a job was lost while it ran, and it was not to be run again: nobody knows how "
        "far it came."
    ),
    "job.succeeded": _of_job("A job's call has a result, to which `link` leads."),
    "permission.denied": _of_plugin(
        "A plugin was refused something by a host function: the permission that was judged as "
        "`name`, by which `layer`, and how often within the hour.",
        "layer function? name? version call_id caller count",
    ),
    "key.changed": _told(
        "An API key is described or bounded otherwise.", "key actor id scopes expires_at rate"
    ),
    "key.created": _told("An API key was made.", "key actor id scopes expires_at"),
    "key.expiring": _told(
        "An API key is about to expire; told once, some days before.",
        "key actor id scopes expires_at",
    ),
    "key.guessed": _told(
        "Too many wrong API keys came from an address, which has to wait; told in the default "
        "tenant, of an address once in a while. `key` is empty.",
        "key actor address wrong",
    ),
    "key.revoked": _told("An API key was revoked.", "key actor id scopes expires_at"),
    "key.rotated": _told(
        "An API key got another token; the one before holds until then, or not any more.",
        "key actor id scopes expires_at old_token_until",
    ),
    "plugin.active": _of_plugin("It takes calls, or does so without a reservation again.", _STATE),
    "plugin.agent-changed": _of_plugin(
        "Something of an agent was `set` in place of what its manifest says, or it was paused.",
        "before set",
    ),
    "plugin.configured": _of_plugin("Its own configuration was changed.", _LAYER),
    "plugin.degraded": _of_plugin("It takes calls, and does not do well.", _STATE),
    "plugin.disabled": _of_plugin("It takes no more calls.", _STATE),
    "plugin.enabled": _of_plugin("It may take calls.", _STATE),
    "plugin.events-discarded": _of_plugin(
        "Dead letters of it were removed, by their ids.", "dead_letters"
    ),
    "plugin.events-paused": _of_plugin("The events that wait for it are held back."),
    "plugin.events-requeued": _of_plugin(
        "Dead letters of it are delivered again, by their ids.", "dead_letters"
    ),
    "plugin.events-resumed": _of_plugin("The events that wait for it are delivered again."),
    "plugin.granted": _of_plugin(
        "It was granted these permissions, and no others.", "before? granted"
    ),
    "plugin.init-failed": _of_plugin("Its `init` failed, and it takes no calls.", "reason"),
    "plugin.installed": _of_plugin("It was installed.", "version digest package publisher key_id"),
    "plugin.kv-cleared": _of_plugin(
        "What it keeps was removed: all of it, of one namespace, or what begins with a prefix; the "
        "prefix stands in the audit trail alone.",
        "namespace removed",
    ),
    "plugin.kv-exported": _of_plugin("What it keeps was exported.", "namespace entries"),
    "plugin.monitored": _of_plugin(
        "It is written down which permissions it needs, or no longer.", "monitored"
    ),
    "plugin.oauth-broken": _of_plugin(
        "A provider renews the tokens of a connection no more.", "provider reason"
    ),
    "plugin.oauth-connected": _of_plugin(
        "It was connected to a provider.", "provider granted missing extra"
    ),
    "plugin.oauth-disconnected": _of_plugin(
        "A connection ended; `revoked` tells whether the provider took its tokens back.",
        "provider revoked",
    ),
    "plugin.oauth-scopes-changed": _of_plugin(
        "A provider gave other scopes with a renewed token.", "provider granted"
    ),
    "plugin.oauth-started": _of_plugin(
        "Somebody began to connect it to a provider.", "provider client scopes"
    ),
    "plugin.protection-waived": _of_plugin(
        "An older version, or one of another publisher, was taken because somebody said so.", "what"
    ),
    "plugin.quarantined": _of_plugin(
        "The host set it aside; `needed_by` are the plugins whose calls of it fail now.",
        f"{_STATE} needed_by",
    ),
    "plugin.recorded": _of_plugin(
        "So many of its calls are kept as recordings from now on.", "before calls"
    ),
    "plugin.recordings-removed": _of_plugin("Its recordings were removed.", "removed"),
    "plugin.rolled-back": _of_plugin("It is at an earlier version again.", _VERSIONS),
    "plugin.rollback-failed": _of_plugin("It stayed at its version.", _FAILED),
    "plugin.row-data-migrated": _of_plugin(
        "Data that it keeps beside rows was brought to the schema of its version, or could not be.",
        "kind schema_version migrated failed",
    ),
    "plugin.row-data-removed": _of_plugin(
        "What it kept beside a row of the host's own was removed.", "kind row"
    ),
    "plugin.row-data-set": _of_plugin(
        "What it keeps beside a row of the host's own was changed.", "kind row"
    ),
    "plugin.schedule-paused": _of_plugin("One of its schedules does not run any more.", "schedule"),
    "plugin.schedule-resumed": _of_plugin("One of its schedules runs again.", "schedule"),
    "plugin.schedule-run": _of_plugin("Somebody had one of its schedules run now.", "schedule"),
    "plugin.uninstalled": _of_plugin("It was removed, with all that was its own.", _STATE),
    "plugin.upgrade-failed": _of_plugin("It stayed at its version.", _FAILED),
    "plugin.upgraded": _of_plugin("It is at another version.", _VERSIONS),
    "plugin.uses-cleared": _of_plugin("Which permissions it needed was forgotten."),
    "plugin.webhooks-refused": _of_plugin(
        "Requests to its webhooks were refused in the last minute: by webhook, how many for which "
        "reason.",
        "webhooks",
    ),
    "quota.exceeded": _told(
        "A quota of the day is used up: calls that would use more of it are refused until the next "
        "day begins in UTC. Told once a day.",
        "quota used limit day",
    ),
    "quota.nearing": _told(
        "Four fifths of a quota of the day are used. Told once a day.", "quota used limit day"
    ),
    "schedule.failed": _told(
        "A run of a schedule failed, or was lost with its host; `outcome` tells which.",
        "plugin schedule run outcome reason",
    ),
    "schedule.missed": _told(
        "Ticks of a schedule passed without a run: so many, and by which policy.",
        "plugin schedule missed policy",
    ),
    "tenant.created": _told(
        "A tenant was made; told in the tenant and in the default one.", "tenant actor"
    ),
    "tenant.agent-rules-set": _told(
        "The rules were set by which the tenant's agents are chosen: how many, the digest of their "
        "JSON text, and the rules themselves unless they are very long.",
        "tenant actor default count sha256 rules?",
    ),
    "tenant.quotas-set": _told(
        "What the tenant may use in place of the host's own quotas was set.",
        "tenant actor before quotas",
    ),
    "tenant.limited": _told(
        "How many requests a tenant may make, or each of its keys, was set; told in the tenant and "
        "in the default one.",
        "tenant actor rate key_rate",
    ),
    "trust.changed": _told(
        "Whom the tenant trusts has changed: `what` is `publisher-added`, `publisher-removed`, "
        "`key-added`, `key-retired`, `key-revoked`, `list-received`, `policy-set`, `revoked` or "
        "`revocation-removed`. The audit trail has it as `trust.WHAT`.",
        "what subject actor plugins? key_id? public_key? reason? number? expires_at? unsigned? "
        "stale? id? sha256? versions?",
    ),
    "vault.rekeyed": _told(
        "A data key was wrapped by another root key.", "vault actor root_key before"
    ),
    "vault.rotated": _told(
        "Credentials were sealed anew, by the next data key.",
        "vault actor key resealed dropped damaged resumed",
    ),
}
"""By topic."""

ONLY_AUDITED: Mapping[str, str] = {
    "credential.revealed": "a plugin read a credential, which changes nothing; and one that "
    "reads in answer to events would be told of its own reading, for ever",
}
"""What auditors see and subscribers do not hear of, and why."""


def topic_of(action: str) -> str:
    """Return under which topic subscribers hear of an audit entry's ``action``."""
    return "trust.changed" if action.startswith("trust.") else action
