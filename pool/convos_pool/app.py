"""The routes: HTTP in, one call to the pool, HTTP out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, jsonify, render_template_string

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from .settings import Settings

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Convos pool</title>
<h1>Convos pool</h1>
<dl><dt>environment<dd>{{ environment }}<dt>runtime image<dd>{{ image }}</dl></html>"""


def create(settings: Settings) -> Flask:
    """Return the web application."""
    app = Flask(__name__)

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return jsonify(ok=True)

    @app.get("/")
    def page() -> ResponseReturnValue:
        return render_template_string(PAGE, environment=settings.environment, image=settings.runtime_image)

    return app
