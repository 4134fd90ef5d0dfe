"""The OpenAPI document: the static routes, and every installed function on a path of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from wardian.agents.asking.records import AsksPage
from wardian.agents.registry.changes import AgentChange
from wardian.agents.views import (
    AgentView,
    AnswerView,
    AskView,
    BudgetView,
    ExplanationView,
    FeedbackView,
    RulesView,
    TrialView,
)
from wardian.api.answers import SCHEMAS, answer, answers, takes
from wardian.api.asking import AskRequest
from wardian.api.dependencies import Host, MaybeCaller, SettingsInForce
from wardian.api.deprecations import mark
from wardian.api.exposure import describes_publicly
from wardian.api.idempotency import HEADER, KEY_CHARS_MAX
from wardian.api.problems import MEDIA_TYPE
from wardian.api.statuses import problem_statuses
from wardian.api.v1.agent_budgets import BudgetRequest
from wardian.api.v1.agent_rules import RulesRequest
from wardian.api.v1.agents import TrialRequest
from wardian.api.v1.asks import FeedbackRequest
from wardian.api.v1.config_requests import ConfigEdit, ConfigProposal, RevertRequest
from wardian.api.v1.credentials import CredentialRequest, CredentialValue
from wardian.api.v1.dependencies import Uninstalled
from wardian.api.v1.enhancements import Emptied
from wardian.api.v1.events import DeadLettersRequest, EventsAnswer, PublishRequest
from wardian.api.v1.functions import CALL_PATH, CallAnswer, CallRequest
from wardian.api.v1.grants import GrantsRequest
from wardian.api.v1.keys import KeyChangeRequest, KeyRequest, KeyRotation
from wardian.api.v1.kv import ClearRequest
from wardian.api.v1.logs import LinesAnswer
from wardian.api.v1.oauth import StartRequest
from wardian.api.v1.permissions import MonitoringRequest, MonitoringView
from wardian.api.v1.publishers import PublisherKeyRequest, PublisherRequest, ReasonRequest
from wardian.api.v1.quotas import QuotasRequest
from wardian.api.v1.recordings import RecordingRequest, RemovedRecordings, ReplayRequest
from wardian.api.v1.rows import Forgotten, RowDataRequest
from wardian.api.v1.served import SERVED_PATH
from wardian.api.v1.tenants import TenantLimitsRequest, TenantRequest
from wardian.api.v1.trust import RevocationRequest, TrustPolicyRequest
from wardian.api.v1.upgrades import RollbackRequest
from wardian.api.v1.webhooks import (
    EndpointChangeRequest,
    EndpointRequest,
    LettersRequest,
    SecretRequest,
)
from wardian.api.v2 import description as v2
from wardian.api.v2.agents import AnswerV2
from wardian.api.v2.batch import BatchAnswer, BatchRequest
from wardian.api.v2.functions import CallRequestV2
from wardian.api.v2.outcomes import CallAnswerV2, Outcome, UsageEnvelope
from wardian.api.versions import VERSIONS, VersionsView, deprecated
from wardian.crypto.chains import ChainReport, Head
from wardian.events.cloud import CloudEvent
from wardian.policy.layers import ConfigLayer, Environment
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.runtime.accounting.views import AnalyticsView, QuotasView, TopView
from wardian.runtime.audit import AuditPage
from wardian.runtime.config_views import (
    ConfigJudgement,
    Explanation,
    HistoryPage,
    ReloadReport,
)
from wardian.runtime.deliveries import DeadLettersPage, SubscriberView
from wardian.runtime.endpoints import (
    AttemptsPage,
    AttemptView,
    EndpointView,
    NewEndpoint,
    UndeliveredPage,
)
from wardian.runtime.enhancements import EnhancementsView, OfferedFunction
from wardian.runtime.hooks import WebhookView
from wardian.runtime.host import (
    BatchView,
    CheckView,
    DependenciesView,
    GrantsView,
    PluginView,
    SuggestionView,
    SwitchedView,
    UpgradeEntry,
    UpgradeReport,
    UpgradeView,
    UsesView,
    VersionView,
)
from wardian.runtime.jobs import JobsPage, JobView
from wardian.runtime.oauth import ConnectionView, DisconnectedView, StartedView
from wardian.runtime.recorded import Recording
from wardian.runtime.recordings import RecordedPlugin, RecordingsPage
from wardian.runtime.rerun import ReplayOutcome
from wardian.runtime.rows.migrating import Migrated
from wardian.runtime.rows.rows import RowsPage
from wardian.runtime.rows.views import RowDataView, RowKindView
from wardian.runtime.schedules.schedules import RunsPage, RunView, ScheduleView
from wardian.runtime.served import METHODS, WITHOUT_BODY, ServedOperation
from wardian.runtime.store_views import (
    Cleared,
    EntryView,
    KeysPage,
    NamespaceView,
    StoredKeyView,
    StoreView,
)
from wardian.runtime.trust_views import (
    PublisherKeyView,
    PublisherView,
    RevocationListView,
    RevocationView,
    RevokedView,
    TrustPolicyView,
)
from wardian.runtime.vault_upkeep import DataKeyView, VaultView
from wardian.tenants import KeyView, NewKey, TenantLimits, TenantView
from wardian.tenants.scopes import may_call
from wardian.vault import CredentialView
from wardian.vault.rekeying import Rekeyed
from wardian.vault.rotation import Rotated

router = APIRouter(include_in_schema=False)

Json = dict[str, Any]

_SHAPES = (
    RowDataRequest,
    RowDataView,
    RowKindView,
    RowsPage,
    Forgotten,
    Migrated,
    AuditPage,
    ChainReport,
    Head,
    AnalyticsView,
    TopView,
    QuotasView,
    QuotasRequest,
    BatchView,
    CallAnswer,
    CallRequest,
    CheckView,
    ConfigEdit,
    ConfigJudgement,
    ConfigProposal,
    ConnectionView,
    CredentialRequest,
    CredentialValue,
    CredentialView,
    DataKeyView,
    DependenciesView,
    DisconnectedView,
    Environment,
    Explanation,
    OfferedFunction,
    GrantsRequest,
    GrantsView,
    HistoryPage,
    KeyChangeRequest,
    KeyRequest,
    KeyRotation,
    KeyView,
    LinesAnswer,
    ConfigLayer,
    Limits,
    MonitoringRequest,
    MonitoringView,
    NewKey,
    PluginView,
    PublisherKeyRequest,
    PublisherKeyView,
    PublisherRequest,
    PublisherView,
    ReasonRequest,
    RecordedPlugin,
    Recording,
    RecordingRequest,
    RecordingsPage,
    EventsAnswer,
    PublishRequest,
    CloudEvent,
    SubscriberView,
    DeadLettersPage,
    DeadLettersRequest,
    EndpointRequest,
    EndpointChangeRequest,
    SecretRequest,
    LettersRequest,
    EndpointView,
    NewEndpoint,
    AttemptView,
    AttemptsPage,
    UndeliveredPage,
    WebhookView,
    EnhancementsView,
    Emptied,
    ScheduleView,
    RunView,
    RunsPage,
    Rekeyed,
    ReloadReport,
    RemovedRecordings,
    StoreView,
    NamespaceView,
    KeysPage,
    StoredKeyView,
    EntryView,
    ClearRequest,
    Cleared,
    ReplayOutcome,
    ReplayRequest,
    RevertRequest,
    RevocationListView,
    RevocationRequest,
    RevocationView,
    RevokedView,
    RollbackRequest,
    Rotated,
    StartRequest,
    StartedView,
    SuggestionView,
    SwitchedView,
    TenantLimits,
    TenantLimitsRequest,
    TenantRequest,
    TenantView,
    TrustPolicyRequest,
    TrustPolicyView,
    Uninstalled,
    UpgradeEntry,
    UpgradeReport,
    UpgradeView,
    Usage,
    UsesView,
    VaultView,
    VersionView,
    VersionsView,
    BatchRequest,
    BatchAnswer,
    CallAnswerV2,
    CallRequestV2,
    JobView,
    JobsPage,
    Outcome,
    UsageEnvelope,
    AgentView,
    AgentChange,
    AnswerView,
    AnswerV2,
    AskRequest,
    AskView,
    AsksPage,
    BudgetRequest,
    BudgetView,
    ExplanationView,
    FeedbackRequest,
    FeedbackView,
    RulesRequest,
    RulesView,
    TrialRequest,
    TrialView,
)

_PROBLEM: Json = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "`/problems/` and the error's stable name."},
        "title": {"type": "string", "description": "The same for every error of this type."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was asked, what refused it, and why."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "request_id": {"type": "string"},
        "call_id": {"type": "string"},
        "usage": {"$ref": SCHEMAS.format(name="Usage")},
        "step": {"type": "string", "description": "At which step a change of several stopped."},
        "needs_approval": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What an upgrade asks for beyond the version before.",
        },
        "path": {"type": "string", "description": "Where in the input the fault is."},
        "line": {"type": "integer", "description": "The line of the manifest with the fault."},
        "faults": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "message": {"type": "string"},
                    "path": {"type": "string"},
                    "line": {"type": "integer"},
                },
            },
            "description": "Every fault of the manifest, the first of which is the detail's.",
        },
        "limit": {"type": "string", "description": "The limit that the call met."},
        "import": {"type": "string", "description": "The import that was refused."},
        "permission": {"type": "string", "description": "The permission that was lacking."},
        "layer": {"type": "string", "description": "Who refused it."},
        "quota": {"type": "string", "description": "The quota that is used up."},
        "payload": {"description": "The error value that the function itself answered."},
        "attempts": {
            "type": "array",
            "items": {"$ref": SCHEMAS.format(name="AskAttemptView")},
            "description": "Which agents were asked, and why each did not answer.",
        },
        "ask": {"type": "string", "description": "The question's id, where agents were asked."},
        "cost": {"type": "number", "description": "What was charged for the question."},
    },
}
_IDEMPOTENCY_KEY: Json = {
    "name": HEADER,
    "in": "header",
    "description": "A key of the client's own, such as a UUID. The same request under the same key "
    "is carried out once, and answered again as the first time.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": KEY_CHARS_MAX + 2,
        "pattern": r'^(?:"[ !#-\[\]-~]+"|[!#-+\--:<-\[\]-~]+)$',
    },
}
_IDEMPOTENCY_KEY_REF = {"$ref": "#/components/parameters/IdempotencyKey"}
_LIMITS = {"allOf": [{"$ref": SCHEMAS.format(name="Limits")}], "description": "Limits to lower."}
_PROBLEM_REF = {"$ref": "#/components/responses/Problem"}


@router.get("/openapi.json")
async def openapi(
    request: Request, host: Host, caller: MaybeCaller, settings: SettingsInForce
) -> Response:
    """Describe the API and the functions that the caller may know of."""
    document = static_document(request.app)
    document["servers"] = [{"url": request.scope.get("root_path", "") or "/"}]
    tenant = caller.tenant if caller else settings.default_tenant
    if caller or describes_publicly(settings):
        for plugin, functions in sorted((await host.all_functions(tenant)).items()):
            if caller and not may_call(plugin, caller.scopes):
                continue
            document["tags"].append({"name": _tag(plugin)})
            for function in functions.values():
                path = function_path(plugin, function.name)
                operation = function_operation(plugin, function)
                in_v2 = v2.operation_of(operation)
                _add_problems(path, "post", operation)
                _add_problems(v2.path_of(path), "post", in_v2)
                document["paths"][path] = {"post": operation}
                document["paths"][v2.path_of(path)] = {"post": in_v2}
        for plugin, operations in sorted((await host.served.operations(tenant)).items()):
            if caller and not may_call(plugin, caller.scopes):
                continue
            for served in operations:
                at = served_path(plugin, served.path)
                operation, method = served_operation(plugin, served), served.method.lower()
                _add_problems(at, method, operation)
                document["paths"].setdefault(at, {})[method] = operation
    return answer(document)


def static_document(app: FastAPI) -> Json:
    """Describe the routes of ``app``, without any plugin."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
    )
    document["paths"][CALL_PATH.replace(":path", "")] = {"post": _call_operation()}
    document["paths"][SERVED_PATH.replace(":path", "")] = {
        method.lower(): _any_served_operation(method) for method in METHODS
    }
    document["paths"][v2.ANY_CALL_PATH] = {"post": v2.operation_of(_call_operation())}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _describe_headers(path, method, operation)
            # The framework's own shape of a validation fault is never answered here.
            operation["responses"].pop("422", None)
            _add_problems(path, method, operation)
    mark(document, deprecated(VERSIONS))
    components = document.setdefault("components", {})
    _, shapes = msgspec.json.schema_components(_SHAPES, ref_template=SCHEMAS)
    components["schemas"] = {**shapes, "Problem": _PROBLEM}
    components["schemas"]["ProblemV2"] = v2.problem_of(_PROBLEM)
    content = {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS.format(name="Problem")}}}
    components["parameters"] = {"IdempotencyKey": _IDEMPOTENCY_KEY}
    components["responses"] = {"Problem": {"description": "A problem.", "content": content}}
    components["responses"]["ProblemV2"] = v2.problem_response()
    document["tags"] = []
    return document


def _add_problems(path: str, method: str, operation: Json) -> None:
    problem = v2.PROBLEM_REF if path.startswith(v2.PREFIX) else _PROBLEM_REF
    for status in problem_statuses(path, method, operation):
        operation["responses"].setdefault(str(status), problem)


def _describe_headers(path: str, method: str, operation: Json) -> None:
    """Describe what middleware does for all routes of a kind."""
    if not path.startswith("/api/"):
        return
    if method != "get":
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY_REF)
    elif "application/json" in operation["responses"].get("200", {}).get("content", {}):
        operation["responses"]["304"] = {"description": "If-None-Match has its ETag."}


def _call_operation() -> Json:
    """Describe the call of any function, as FastAPI describes the routes that it runs."""
    return {
        "tags": ["functions"],
        "summary": "Call",
        "description": (
            "Call a function. A nested one is named `interface#function`, percent-encoded."
        ),
        "operationId": "call_api_v1_plugins__name__functions__function__post",
        "security": [{"bearer": []}],
        "parameters": [_path_parameter("name"), _path_parameter("function")],
        "responses": {str(status): response for status, response in answers(CallAnswer).items()},
        **takes(CallRequest),
    }


def _path_parameter(name: str, schema: Json | None = None) -> Json:
    described = schema or {"type": "string", "title": name.title()}
    return {"name": name, "in": "path", "required": True, "schema": described}


def _any_served_operation(method: str) -> Json:
    """Describe a request to a path that some plugin has."""
    operation: Json = {
        "tags": ["served"],
        "summary": f"{method.title()} Served",
        "description": "A path of the plugin's own, which one of its functions answers.",
        "operationId": f"served_api_v1_plugins__name__api__path__{method.lower()}",
        "security": [{"bearer": []}],
        "parameters": [_path_parameter("name"), _path_parameter("path")],
        "responses": {"200": {"description": "What the function returned.", "content": _json({})}},
    }
    if method not in WITHOUT_BODY:
        operation["requestBody"] = {"required": False, "content": _json({"type": "object"})}
    return operation


def served_path(plugin: str, path: str) -> str:
    """The path of the host's at which a ``path`` of ``plugin`` is answered."""
    return f"/api/v1/plugins/{quote(plugin, safe='')}/api{path}"


def served_operation(plugin: str, served: ServedOperation) -> Json:
    """Describe a request to one path of a plugin, with the schemas of its function."""
    function = served.function
    schemas: Json = function.parameters.get("properties", {})
    required = function.parameters.get("required", ())
    rest = {name: schema for name, schema in schemas.items() if name not in served.in_path}
    operation: Json = {
        "tags": [_tag(plugin)],
        "summary": served.description or f"{served.method} {served.path}",
        "description": f"Answered by `{function.name}`.",
        "operationId": f"{plugin}/{served.method} {served.path}",
        "security": [{"bearer": []}],
        "parameters": [_path_parameter(name, schemas[name]) for name in served.in_path],
        "responses": {
            "200": {"description": "What it returned.", "content": _json(function.result)},
        },
    }
    if served.method in WITHOUT_BODY:
        operation["parameters"] += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in rest.items()
        ]
    else:
        needed = [name for name in rest if name in required]
        body = _object(rest) | {"required": needed, "additionalProperties": False}
        operation["requestBody"] = {"required": bool(needed), "content": _json(body)}
    if function.error is not None:
        operation["responses"]["422"] = _guest_error(function.error)
    return operation


def function_path(plugin: str, function: str) -> str:
    """The path on which ``function`` of ``plugin`` is called."""
    return f"/api/v1/plugins/{quote(plugin, safe='')}/functions/{quote(function, safe='')}"


def function_operation(plugin: str, function: OfferedFunction) -> Json:
    """Describe a call of one function, with its own schemas."""
    answered = _object(
        {
            "result": function.result,
            "usage": {"$ref": SCHEMAS.format(name="Usage")},
            "call_id": {"type": "string"},
        }
    )
    asked = _object({"arguments": function.parameters})
    asked["properties"]["limits"] = {**_LIMITS, "example": {}}
    asked["additionalProperties"] = False
    responses: Json = {
        "200": {"description": "The function's result.", "content": _json(answered)},
    }
    if function.error is not None:
        responses["422"] = _guest_error(function.error)
    return {
        "tags": [_tag(plugin)],
        "summary": function.name,
        "description": "\n\n".join((f"`{function.signature}`", *_around(function))),
        "operationId": f"{plugin}/{function.name}",
        "security": [{"bearer": []}],
        "parameters": [_IDEMPOTENCY_KEY_REF],
        "requestBody": {"required": True, "content": _json(asked)},
        "responses": responses,
    }


def _around(function: OfferedFunction) -> list[str]:
    if not function.enhancements:
        return []
    return [f"What the host does around it: {'; '.join(function.enhancements)}."]


def _guest_error(error: Json) -> Json:
    problem = {
        "allOf": [
            {"$ref": SCHEMAS.format(name="Problem")},
            {"type": "object", "properties": {"payload": error}},
        ]
    }
    return {
        "description": "The function answered an error of its own: `guest-error`.",
        "content": {MEDIA_TYPE: {"schema": problem}},
    }


def _object(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _tag(plugin: str) -> str:
    return f"plugin {plugin}"
