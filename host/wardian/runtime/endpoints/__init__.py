"""Endpoints of host apps: where events of a tenant are posted to, signed."""

from wardian.runtime.endpoints.endpoints import Endpoints
from wardian.runtime.endpoints.orders import EndpointChange, EndpointOrder
from wardian.runtime.endpoints.views import (
    AttemptsPage,
    AttemptView,
    EndpointView,
    NewEndpoint,
    UndeliveredPage,
)
from wardian.runtime.endpoints.webhooks import Webhooks, WebhooksParts, WebhooksPolicy

__all__ = [
    "AttemptView",
    "AttemptsPage",
    "EndpointChange",
    "EndpointOrder",
    "EndpointView",
    "Endpoints",
    "NewEndpoint",
    "UndeliveredPage",
    "Webhooks",
    "WebhooksParts",
    "WebhooksPolicy",
]
