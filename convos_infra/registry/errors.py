"""Every way a registry can fail us.

    RegistryError
      InvalidReferenceError        the text is no image reference
      NoSuchRepositoryError        the registry does not know the repository
      NoSuchTagError               it knows the repository, not the tag
      NoSuchManifestError          a digest is not there (an index's child included)
      NoSuchPlatformError          the image is not built for the platform
      AmbiguousError               a prefix that several tags share
      DisagreementError            two statements about one image contradict each other
      NotAnImageError              something else is stored under that name
      UnauthorizedError            the registry wants (other) credentials
      UnreachableError             no answer at all
      BusyError                    it kept answering "later" or "broken" until our budget was used up
      BadAnswerError               an answer that no registry should give: HTML, wrong digest, a redirect we refuse
      UnsupportedError             the registry does not do that
      RefusedError                 it does that, but not to this one

`thing` is what the caller's user knows: a config key such as `imageTag`, or the reference itself.
"""

from __future__ import annotations

from convos_infra.errors import InfraError


class RegistryError(InfraError):
    """The base of all of them."""


class InvalidReferenceError(RegistryError):
    """The text is no image reference."""


class NoSuchRepositoryError(RegistryError):
    """The registry does not know the repository."""


class NoSuchTagError(RegistryError):
    """The registry knows the repository, not the tag."""


class NoSuchManifestError(RegistryError):
    """A digest is not there."""


class NoSuchPlatformError(RegistryError):
    """The image is not built for the platform."""


class AmbiguousError(RegistryError):
    """Several tags begin like this."""


class DisagreementError(RegistryError):
    """Two statements about one image contradict each other."""


class NotAnImageError(RegistryError):
    """Something is stored under that name, but nothing that a container can be started from."""


class UnauthorizedError(RegistryError):
    """The registry wants credentials, or other ones."""


class UnreachableError(RegistryError):
    """The registry gave no answer at all."""


class BusyError(RegistryError):
    """The registry kept answering "later" or "broken" until the budget of retries was used up."""


class BadAnswerError(RegistryError):
    """An answer that no registry should give."""


class UnsupportedError(RegistryError):
    """The registry does not do that."""


class RefusedError(RegistryError):
    """The registry does that, but not to this one manifest."""
