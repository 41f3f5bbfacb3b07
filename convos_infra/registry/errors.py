"""Every way in which a registry can fail.

    RegistryError
      InvalidReferenceError        the text is not an image reference
      NoSuchRepositoryError        the registry does not have the repository
      NoSuchTagError               it has the repository, but not the tag
      NoSuchManifestError          a digest does not exist (also a child of an index)
      NoSuchPlatformError          the image is not built for the platform
      AmbiguousError               several tags begin with the given prefix
      DisagreementError            two statements about one image contradict each other
      NotAnImageError              something else is stored under that name
      UnauthorizedError            the registry requires (other) credentials
      UnreachableError             no answer
      BusyError                    it kept answering "later" or failing until the retry budget was used up
      BadAnswerError               an invalid answer: HTML, a wrong digest, a redirect that we refuse
      UnsupportedError             the registry does not support the operation
      RefusedError                 it supports the operation, but refuses it for this manifest

`subject` is a name that the user knows: a config key such as `imageTag`, or the reference itself.
"""

from __future__ import annotations

from convos_infra.errors import InfraError


class RegistryError(InfraError):
    """The base of all errors of registries."""


class InvalidReferenceError(RegistryError):
    """The text is not an image reference."""


class NoSuchRepositoryError(RegistryError):
    """The registry does not have the repository."""


class NoSuchTagError(RegistryError):
    """The registry has the repository, but not the tag."""


class NoSuchManifestError(RegistryError):
    """A digest does not exist."""


class NoSuchPlatformError(RegistryError):
    """The image is not built for the platform."""


class AmbiguousError(RegistryError):
    """Several tags begin with the given prefix."""


class DisagreementError(RegistryError):
    """Two statements about one image contradict each other."""


class NotAnImageError(RegistryError):
    """Something is stored under that name, but a container cannot be started from it."""


class UnauthorizedError(RegistryError):
    """The registry requires credentials, or other ones."""


class UnreachableError(RegistryError):
    """The registry did not answer."""


class BusyError(RegistryError):
    """The registry kept answering "later" or failing until the retry budget was used up."""


class BadAnswerError(RegistryError):
    """An answer that is invalid for a registry."""


class UnsupportedError(RegistryError):
    """The registry does not support the operation."""


class RefusedError(RegistryError):
    """The registry supports the operation, but refuses it for this manifest."""
