"""Jobs: calls that somebody asks for and does not wait for.

One that was acknowledged is in the database. ``orders`` says what may be asked, ``claims`` has one
host begin a job and write down its end, ``running`` makes the call, ``dispatching`` looks what
waits, tenant by tenant, ``watching`` wakes who waits for a job, ``following`` tells what happens to
one, ``upkeep`` forgets old ones, and ``jobs`` is what callers see and change.
"""

from wardian.runtime.jobs.askers import ANYBODY, Asker
from wardian.runtime.jobs.jobs import Jobs
from wardian.runtime.jobs.orders import JobOrder, JobPolicy, JobState
from wardian.runtime.jobs.views import JobResult, JobsPage, JobView
from wardian.runtime.jobs.working import Jobbing, JobsParts

__all__ = [
    "ANYBODY",
    "Asker",
    "JobOrder",
    "JobPolicy",
    "JobResult",
    "JobState",
    "JobView",
    "Jobbing",
    "Jobs",
    "JobsPage",
    "JobsParts",
]
