"""A client for OCI registries: parses image references, resolves them, and plans and executes retention.

    reference, manifest, challenge, hosts, retry, nearest     pure: no I/O, each one noun of the distribution API
    errors                                                    every way in which it can fail, as types
    transport -> token -> client                              one request; authentication; the endpoints that we use
    resolve                                                   a reference -> digest, platforms, labels, revision, age
    retention -> delete, packages                             the pure plan of deletions; its execution, also on GHCR
    resource                                                  `Image`: the resolved image as recorded in Pulumi's state

Import from the modules of this package; nothing is re-exported here.
Source of the protocol: the OCI distribution and image specifications, v1.1.
"""
