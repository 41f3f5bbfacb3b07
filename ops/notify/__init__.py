"""Notifies a webhook of deploys, rollouts, drift and failed jobs."""
