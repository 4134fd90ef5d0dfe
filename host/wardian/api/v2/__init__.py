"""Version 2 of the API: batches, jobs, streams of calls, and what a call spent of its limits."""
