"""OCI registries and nothing else: what an image reference is, what it names right now, and what may be deleted.

    reference, manifest, challenge, hosts, retry, nearest     pure: no I/O, each one noun of the distribution API
    errors                                                    every way it can fail, as types
    transport -> token -> client                              one request; who we are; the endpoints we use
    resolve                                                   a reference -> digest, platforms, labels, revision, age
    retention -> delete, packages                             pure plan of what may go; carrying it out, GHCR's own way
    resource                                                  `Image`: the resolved image as recorded in Pulumi's state

Users of this package import from the modules; nothing is re-exported here.
Source of the protocol: the OCI distribution and image specifications, v1.1.
"""
