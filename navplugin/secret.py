"""Secrets by name: `env:NAME` from the environment, `keyring:NAME` from the system's keyring."""

from __future__ import annotations

import os

from navplugin.core.errors import Misconfigured

SERVICE = "navplugin"


def resolve_secret(reference: str, what: str) -> str:
    """The secret behind a reference of the profile. Misconfigured, with the step to take, when there is none."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name)
        if not value:
            raise Misconfigured(f"the environment variable {name} is not set; it holds {what}")
        return value
    import keyring
    from keyring.errors import KeyringError

    try:
        value = keyring.get_password(SERVICE, name)
    except KeyringError as problem:
        raise Misconfigured(f"the keyring cannot be read for {what}: {problem}") from problem
    if not value:
        raise Misconfigured(f"the keyring of this account has no entry {name} for {what}; store it under this account")
    return value
