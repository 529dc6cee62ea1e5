"""Codeunits of the AIQ objects, published as unbound actions (OData V4) and as SOAP services. All are optional: where a
site has none, the pages alone do (native-screens.md 2.2 no. 8, 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from navplugin.nav.contract.page import Kind


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as AL declares it; by_ref: a `var`, which SOAP gives back beside the return value."""

    name: str
    kind: Kind
    by_ref: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A public function. returns: the type of `return_value`, None when it gives nothing back."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: Kind | None
    doc: str


@dataclass(frozen=True, slots=True)
class Codeunit:
    """A published codeunit."""

    service: str
    caption: str
    functions: tuple[Function, ...]


WORKER = Codeunit(
    service="AIQ_Worker",
    caption="AIQ Worker",
    functions=(
        Function(
            "WaitForChange",
            (Parameter("After", Kind.BIG_INTEGER), Parameter("MaxMs", Kind.INTEGER)),
            Kind.BIG_INTEGER,
            "Waits, at most MaxMs milliseconds, for a Change Mark of AIQ Sale above After; the greatest one there is.",
        ),
        Function(
            "Version",
            (Parameter("Profile", Kind.TEXT, by_ref=True),),
            Kind.TEXT,
            "The version of the AIQ objects, and the profile they were made for.",
        ),
    ),
)

CODEUNITS = (WORKER,)
