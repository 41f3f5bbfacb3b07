"""Tells a webhook what became of a deploy, a rollout, a look for drift, or a job that failed."""
