"""Errors, sorted by what the worker's loop does next.

NavpluginError
├── Retriable            wait and try again with a fresh snapshot
│   ├── Unreachable      nothing was sent, or a read got no answer
│   ├── UnknownOutcome   a write was sent and its answer never came: it may have taken effect
│   ├── Busy             the server asks for patience (429, 503, 504); see retry_after
│   ├── LedgerBusy       another program holds the ledger's lock for longer than we wait
│   ├── Conflict         somebody else changed the row: read again, decide again
│   └── ProtocolError    the answer is not what the contract says (HTML, redirect, foreign link)
├── Skippable            drop this decision, go on with the others
│   ├── Refused          a definite no of the other side's business rules
│   ├── Missing          the row or record is not there
│   └── AlreadyThere     an insert met a row with the same key
└── Fatal                stop this store group, keep the others
    ├── AuthFailed       sign-in refused; stays so until a person changes it
    ├── Misconfigured    a page, field or setting is missing or wrong
    │   └── NotInstalled a setting asks for a library that is not installed
    └── LedgerUnusable   the ledger is damaged, read-only, gone or from a newer version
        └── NotInCharge  another ledger, or another copy of this one, is in charge of the company

The docstring of each class is the default message.
"""

from __future__ import annotations


class NavpluginError(Exception):
    """Something went wrong between NAV, AIQ and the ledger."""

    def __init__(
        self,
        message: str = "",
        *,
        system: str = "",
        store_no: str = "",
        where: str = "",
        say: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Keep what the loop, the log and the till need.

        system: "NAV", "AIQ" or "ledger". where: page and operation. say: one sentence for the till.
        retry_after: seconds, as the server asked for.
        """
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.message)
        self.system, self.store_no, self.where, self.say, self.retry_after = system, store_no, where, say, retry_after

    def __str__(self) -> str:
        head = " ".join(part for part in (self.system, self.where) if part)
        return f"{head}: {self.message}" if head else self.message


class Retriable(NavpluginError):
    """It may work on the next try."""


class Unreachable(Retriable):
    """The server could not be reached."""


class UnknownOutcome(Retriable):
    """The call was sent and no answer came; it may have taken effect."""


class Busy(Retriable):
    """The server is busy."""


class LedgerBusy(Retriable):
    """Another program holds the ledger."""


class Conflict(Retriable):
    """Another user has changed the row since it was read."""


class ProtocolError(Retriable):
    """The answer is not what this service should send."""


class Skippable(NavpluginError):
    """This decision cannot be carried out."""


class Refused(Skippable):
    """The other side refused."""


class Missing(Skippable):
    """The record is not there."""


class AlreadyThere(Skippable):
    """A record with this key is there already."""


class Fatal(NavpluginError):
    """The store group cannot go on."""


class AuthFailed(Fatal):
    """Sign-in was refused: check the user, the key and the permissions."""


class Misconfigured(Fatal):
    """A setting, page or field is missing or wrong."""


class NotInstalled(Misconfigured):
    """A setting asks for a library that is not installed."""


class LedgerUnusable(Fatal):
    """The ledger cannot be used."""


class NotInCharge(LedgerUnusable):
    """This ledger is not in charge of the company."""


NO_EFFECT = (Busy, AuthFailed, Unreachable)
"""Errors after which a call to AIQ certainly had no effect (loyalty adapter's table)."""
