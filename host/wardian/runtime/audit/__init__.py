"""The audit trail: who did what to what, from where, and who decided."""

from wardian.runtime.audit.denials import Denials, is_denial
from wardian.runtime.audit.trail import AuditEntry, AuditPage, AuditTrail, Exported

__all__ = ["AuditEntry", "AuditPage", "AuditTrail", "Denials", "Exported", "is_denial"]
