"""What a manifest asks an operator for, reviewed and compared."""

from __future__ import annotations

from wardian.plugins.manifest import Manifest
from wardian.policy import reviews
from wardian.policy.reviews import Asked, Demands, Widening


def demands_of(manifest: Manifest) -> Demands:
    """Return what a manifest asks for."""
    return Demands(
        permissions=tuple(
            Asked(request.parsed(), request.reason, request.optional)
            for request in manifest.permissions
        ),
        level=manifest.sandbox_level,
        required_scopes=manifest.required_scopes,
        oauth_scopes=tuple(
            f"{oauth.provider}:{scope}" if scope else oauth.provider
            for oauth in manifest.oauth
            for scope in (*oauth.scopes, "")
        ),
        webhooks=tuple(webhook.surface for webhook in manifest.webhooks),
    )


def widened(old: Manifest, new: Manifest) -> tuple[Widening, ...]:
    """Return what a new version asks for that the old one did not cover; each needs an approval."""
    return reviews.widened(demands_of(old), demands_of(new))
