"""The OpenAPI document: the static routes, and every installed function on a path of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from wardian.api.answers import SCHEMAS, answer, answers, takes
from wardian.api.dependencies import Host, MaybeCaller, SettingsInForce
from wardian.api.exposure import describes_publicly
from wardian.api.problems import MEDIA_TYPE
from wardian.api.v1.config_requests import ConfigEdit, ConfigProposal, RevertRequest
from wardian.api.v1.credentials import CredentialRequest, CredentialValue
from wardian.api.v1.dependencies import Uninstalled
from wardian.api.v1.events import DeadLettersRequest, EventsAnswer, PublishRequest
from wardian.api.v1.functions import CALL_PATH, CallAnswer, CallRequest
from wardian.api.v1.grants import GrantsRequest
from wardian.api.v1.keys import KeyRequest
from wardian.api.v1.kv import ClearRequest
from wardian.api.v1.logs import LinesAnswer
from wardian.api.v1.oauth import StartRequest
from wardian.api.v1.permissions import MonitoringRequest, MonitoringView
from wardian.api.v1.publishers import PublisherKeyRequest, PublisherRequest, ReasonRequest
from wardian.api.v1.recordings import RecordingRequest, RemovedRecordings, ReplayRequest
from wardian.api.v1.tenants import TenantRequest
from wardian.api.v1.trust import RevocationRequest, TrustPolicyRequest
from wardian.api.v1.upgrades import RollbackRequest
from wardian.api.v1.webhooks import (
    EndpointChangeRequest,
    EndpointRequest,
    LettersRequest,
    SecretRequest,
)
from wardian.events.cloud import CloudEvent
from wardian.policy.layers import ConfigLayer, Environment
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
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
from wardian.runtime.oauth import ConnectionView, DisconnectedView, StartedView
from wardian.runtime.recorded import Recording
from wardian.runtime.recordings import RecordedPlugin, RecordingsPage
from wardian.runtime.rerun import ReplayOutcome
from wardian.runtime.schedules.schedules import RunsPage, RunView, ScheduleView
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
from wardian.sandbox import FunctionDescription
from wardian.tenants import KeyView, NewKey, TenantView
from wardian.vault import CredentialView
from wardian.vault.rekeying import Rekeyed
from wardian.vault.rotation import Rotated

router = APIRouter(include_in_schema=False)

Json = dict[str, Any]

_SHAPES = (
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
    FunctionDescription,
    GrantsRequest,
    GrantsView,
    HistoryPage,
    KeyRequest,
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
        "payload": {"description": "The error value that the function itself answered."},
    },
}
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
            document["tags"].append({"name": _tag(plugin)})
            for function in functions.values():
                path = function_path(plugin, function.name)
                document["paths"][path] = {"post": function_operation(plugin, function)}
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
    for item in document["paths"].values():
        for operation in item.values():
            # The framework's own shape of a validation fault is never answered here.
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _PROBLEM_REF
    components = document.setdefault("components", {})
    _, shapes = msgspec.json.schema_components(_SHAPES, ref_template=SCHEMAS)
    components["schemas"] = {**shapes, "Problem": _PROBLEM}
    content = {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS.format(name="Problem")}}}
    components["responses"] = {"Problem": {"description": "A problem.", "content": content}}
    document["tags"] = []
    return document


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


def _path_parameter(name: str) -> Json:
    schema = {"type": "string", "title": name.title()}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def function_path(plugin: str, function: str) -> str:
    """The path on which ``function`` of ``plugin`` is called."""
    return f"/api/v1/plugins/{quote(plugin, safe='')}/functions/{quote(function, safe='')}"


def function_operation(plugin: str, function: FunctionDescription) -> Json:
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
        "default": _PROBLEM_REF,
    }
    if function.error is not None:
        responses["422"] = _guest_error(function.error)
    return {
        "tags": [_tag(plugin)],
        "summary": function.name,
        "description": f"`{function.signature}`",
        "operationId": f"{plugin}/{function.name}",
        "security": [{"bearer": []}],
        "requestBody": {"required": True, "content": _json(asked)},
        "responses": responses,
    }


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
