"""Every page of the NAV contract: declared whole, documented, and served by the simulator."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from navplugin.cli import build_app
from navplugin.nav.contract import CODEUNITS, PAGES, Kind, Naming, Page, Writer, expected
from navplugin.nav.contract.reference import contract_as_markdown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.service)
def test_a_page_says_what_it_is_for_and_is_declared_whole(page: Page) -> None:
    assert page.doc.endswith(".")
    assert set(page.key) <= set(page.names)
    assert not page.cursor or page.cursor in page.names
    assert len(set(page.names)) == len(page.names)
    for field in page.fields:
        assert bool(field.length) == (field.kind in (Kind.CODE, Kind.TEXT)), field.caption
        assert bool(field.options) == (field.kind is Kind.OPTION), field.caption
        assert not (field.optional and (field.name in page.key or field.writer is not Writer.NAV)), field.caption


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.service)
def test_only_pages_of_our_own_are_written(page: Page) -> None:
    writes = any(field.writer is not Writer.NAV for field in page.fields)
    assert bool(page.rights) == writes
    assert not writes or page.is_ours
    assert not page.is_query or not page.rights


@pytest.mark.parametrize("naming", list(Naming))
def test_the_documentation_holds_every_page_field_and_codeunit(naming: Naming) -> None:
    text = contract_as_markdown(naming)
    for page in PAGES:
        site = expected(page, naming)
        section = text.partition(f"\n## {site.service}\n")[2].partition("\n## ")[0]
        assert page.doc in section
        for field in site.fields:
            assert f"| {field.caption} | `{field.name}` |" in section
    assert all(f"\n## {codeunit.service}\n" in text for codeunit in CODEUNITS)


def test_the_command_prints_the_page_for_people_and_for_programs() -> None:
    runner = CliRunner()
    shown = runner.invoke(build_app(), ["nav-objects", "--docs", "--naming", "nav"])
    assert shown.exit_code == 0
    assert shown.stdout == contract_as_markdown(Naming.NAV)
    data = json.loads(runner.invoke(build_app(), ["nav-objects", "--format", "json"]).stdout)
    assert [page["page"] for page in data["pages"]] == [page.service for page in PAGES]
    assert "query" in {page["object"] for page in data["pages"]}
    soap = json.loads(runner.invoke(build_app(), ["nav-objects", "--soap", "--format", "json"]).stdout)
    assert {page["object"] for page in soap["pages"]} == {"page"}, "SOAP publishes no queries"
    assert runner.invoke(build_app(), ["nav-objects", "--naming", "sap"]).exit_code != 0
