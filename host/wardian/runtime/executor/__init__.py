"""Where calls run: compiled code, worker processes, and the conversation with each."""

from wardian.runtime.executor.executor import Executor
from wardian.runtime.executor.job import ExecutorSettings, HostCalls, Job, WorkersReport

__all__ = ["Executor", "ExecutorSettings", "HostCalls", "Job", "WorkersReport"]
