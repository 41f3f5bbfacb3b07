"""The kinds of the program's resources that a plan treats differently, as `PreviewStep.kind` has them."""

from __future__ import annotations

SERVICE, INSTANCE, WAIT = "railway:Service", "railway:ServiceInstance", "railway:Deployment"
"""A service, its configuration, and the resource that waits for its deployment."""
SHARED = "railway:SharedVariables"
IMAGE = "registry:Image"
"""The record of an image; docker-build's own resource builds it."""
SCHEMA, ROLLOUT = "schema:DatabaseSchema", "convos:AgentRollout"
