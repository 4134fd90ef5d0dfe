"""What does jobs and batches, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.runtime.batches import BatchPolicy
from wardian.runtime.jobs import Jobbing, JobPolicy, JobsParts
from wardian.settings import Settings


def make_jobbing(settings: Settings, parts: JobsParts) -> Jobbing:
    return Jobbing(parts, job_policy(settings))


def job_policy(settings: Settings) -> JobPolicy:
    return JobPolicy(
        is_on=settings.jobs,
        waiting_max=settings.job_waiting_max,
        waiting_bytes_max=settings.job_waiting_bytes_max,
        at_once=settings.job_at_once or max(1, settings.workers_max * 3 // 4),
        tenant_at_once=settings.job_tenant_at_once or max(1, settings.workers_max // 2),
        lease=timedelta(seconds=settings.event_lease_seconds),
        drain=timedelta(seconds=settings.job_drain_seconds),
        outcome_bytes_max=settings.job_result_bytes_max,
        kept=settings.jobs_kept,
        kept_bytes=settings.job_results_bytes_max,
        age=timedelta(days=settings.job_days_kept),
    )


def batch_policy(settings: Settings) -> BatchPolicy:
    return BatchPolicy(
        calls_max=settings.batch_calls_max,
        at_once=settings.batch_at_once or max(1, settings.workers_max // 2),
        bytes_max=settings.batch_bytes_max,
    )
