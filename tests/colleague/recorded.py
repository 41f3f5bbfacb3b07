"""What the state says of a fact."""

from __future__ import annotations

import json
from typing import Any

from convos_infra.railway.sealing import HIDDEN
from tests.colleague.truth import Fact
from tests.railway.fix_resources import Made


def knows(made: Made, key: Fact, value: Any) -> bool:
    """Tell whether the state says of a fact what it was."""
    kind, props = key[0], made.outputs
    if kind in ("variable", "shared"):
        recorded = (props.get("variables") or {}).get(key[-1])
        if value is not None and value[1] and recorded == HIDDEN:
            # Nobody can read it: the state says by name that others have sealed it.
            return True
        return bool((None if value is None else value[0]) == recorded)
    if kind == "field":
        return bool((None if value is None else json.loads(value)) == props.get(key[-1]))
    if kind == "mount":
        return bool(value == props.get("mountPath"))
    if kind == "attachment":
        return bool((value or "") == (props.get("serviceId") or ""))
    if kind in ("domain", "custom_domain"):
        return bool(value == props.get("domain"))
    if kind in ("domain_port", "custom_domain_port"):
        return bool(props.get("targetPort") in (None, value))
    if kind in ("service", "environment", "project"):
        return bool(value == props.get("name"))
    return True
