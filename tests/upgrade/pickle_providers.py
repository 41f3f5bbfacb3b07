"""Print how Pulumi's SDK serialises each provider class of this program: `{"module.Class": base64}`, as JSON.

Run by any supported Python with the packages of another one on its path: those are pure Python, but for gRPC and
pydantic, which serialising does not use; `--without-compiled` puts empty shells in their places.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import types
from typing import Any


class _Shell(type):
    """A class whose attributes are all shells: a base class, a constant or a decorator that nobody calls."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Shell(name, (), {})

    def __call__(cls, *_: Any, **__: Any) -> Any:
        return cls


def _empty(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(__path__=[], __version__="999.0.0")
    module.__getattr__ = lambda name: _Shell(name, (), {})  # type: ignore[method-assign]
    return module


def main() -> None:
    """Import everything, serialise every provider."""
    if "--without-compiled" in sys.argv:
        sys.modules["pydantic"] = _empty("pydantic")
        sys.modules["grpc"] = shell = _empty("grpc")
        for name in ("_utilities", "aio", "experimental"):
            sys.modules[f"grpc.{name}"] = shell
    from pulumi.dynamic.dynamic import serialize_provider

    import convos_infra
    from convos_infra.provider import Provider

    for found in pkgutil.walk_packages(convos_infra.__path__, "convos_infra."):
        importlib.import_module(found.name)
    classes, todo = [], [Provider]
    while todo:
        below = todo.pop().__subclasses__()
        todo += below
        classes += [each for each in below if not each.__subclasses__()]
    print(json.dumps({f"{each.__module__}.{each.__qualname__}": serialize_provider(each()) for each in classes}))


main()
