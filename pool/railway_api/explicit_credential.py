"""An authentication for `requests` that leaves the credential to the headers."""

from __future__ import annotations

import requests


class ExplicitCredential(requests.auth.AuthBase):
    """Prevents `requests` from replacing our Authorization header by a login from ~/.netrc for the same host."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request unchanged."""
        return request
