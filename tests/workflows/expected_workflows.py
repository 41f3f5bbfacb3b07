"""The workflows of the checkout, and what each is to have: triggers, permissions, environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ops.ci.image_tags import BRANCH_TAGS

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
BRANCHES, STACKS = list(BRANCH_TAGS), list(BRANCH_TAGS.values())
ENVIRONMENTS = [
    ("preview.yml", "preview", "preview"),
    ("deploy.yml", "up", "${{ needs.decide.outputs.stack }}"),
    ("rollback.yml", "rollback", "${{ inputs.stack }}"),
    ("drift.yml", "look", "preview"),
    ("retention.yml", "retention", "preview"),
    ("pr-stack.yml", "up", "pr-stacks"),
    ("pr-stack.yml", "down", "pr-stacks"),
    ("pr-stack.yml", "sweep", "pr-stacks"),
]
PROGRAM = ["__main__.py", "Pulumi*.yaml", "components/**", "convos_infra/**", "pool/**", "requirements.txt", "stack/**"]
TRIGGERS: dict[str, dict[str, Any]] = {
    "preview.yml": {"pull_request": {"branches": BRANCHES}, "merge_group": None},
    "deploy.yml": {
        "push": {"branches": BRANCHES, "paths": PROGRAM},
        "workflow_call": {
            "inputs": {
                "image": {
                    "description": "Which image was just built, runtime or pool.",
                    "type": "string",
                    "required": True,
                },
                "digest": {"description": "Its digest.", "type": "string", "required": True},
            }
        },
        "workflow_dispatch": {
            "inputs": {
                "accept": {
                    "description": "The fingerprint of a preview that differs from the reviewed one, "
                    "to apply it nevertheless.",
                    "type": "string",
                    "required": False,
                }
            }
        },
    },
    "drift.yml": {"schedule": [{"cron": "17 6 * * *"}], "workflow_dispatch": None},
    "pr-stack.yml": {
        "pull_request": {
            "branches": BRANCHES,
            "types": ["labeled", "unlabeled", "synchronize", "reopened", "closed"],
        },
        "schedule": [{"cron": "41 * * * *"}],
        "workflow_dispatch": None,
    },
    "retention.yml": {
        "schedule": [{"cron": "23 4 * * 1"}],
        "workflow_dispatch": {
            "inputs": {
                "delete": {
                    "description": "Delete; otherwise only say what would go.",
                    "type": "boolean",
                    "default": False,
                },
                "days": {
                    "description": "What was built in this many days stays.",
                    "type": "string",
                    "default": "14",
                },
                "newest": {"description": "How many of the newest stay.", "type": "string", "default": "10"},
            }
        },
    },
    "test.yml": {"pull_request": None, "merge_group": None},
    "rollback.yml": {
        "workflow_dispatch": {
            "inputs": {
                "stack": {"type": "choice", "options": STACKS, "required": True},
                "tag": {
                    "description": "The image, sha-1a2b3c4; empty to follow the branch again.",
                    "type": "string",
                    "required": False,
                },
                "apply": {
                    "description": "Update at once; the pull request is opened in any case.",
                    "type": "boolean",
                    "default": False,
                },
            }
        }
    },
}
READS = {"contents": "read", "packages": "read"}
BUILDS = {"contents": "read", "packages": "write"}
IMAGES = {"runtime": ".", "pool": "pool"}
"""Each image that is built, with the folder of its build context."""
RIGHTS: dict[str, dict[str, dict[str, str]]] = {
    "build-image.yml": {"build": BUILDS},
    "build-pool.yml": {"build": BUILDS, "qa": READS, "deploy": {**READS, "pull-requests": "read"}},
    "build-runtime.yml": {"build": BUILDS, "qa": READS, "deploy": {**READS, "pull-requests": "read"}},
    "preview.yml": {"preview": {**READS, "pull-requests": "write"}, "without-secrets": {}},
    "deploy.yml": {"decide": {"contents": "read"}, "up": {**READS, "pull-requests": "read"}},
    "drift.yml": {"look": {**READS, "issues": "write"}},
    "pr-stack.yml": {
        "up": {**READS, "actions": "read", "pull-requests": "write"},
        "down": READS,
        "sweep": {**READS, "actions": "read", "pull-requests": "read"},
    },
    "retention.yml": {"retention": {"contents": "read", "packages": "write"}},
    "test.yml": {"test": {"contents": "read"}},
    "rollback.yml": {"rollback": {"contents": "write", "packages": "read", "pull-requests": "write"}},
}


def read(name: str) -> dict[Any, Any]:
    return yaml.safe_load((FOLDER / name).read_text())


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as a boolean.
    return workflow[True]


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]
