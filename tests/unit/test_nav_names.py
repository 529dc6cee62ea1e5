"""A site's names: the maker's rule, what the server publishes, the profile over both; and what is said when one is
missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from navplugin.core.errors import Misconfigured, ProtocolError
from navplugin.core.inifile import read_ini
from navplugin.nav.contract import BY_SERVICE, PAGES, Kind, Naming, Override, canonical, expected
from navplugin.nav.contract.overrides import read_overrides
from navplugin.nav.edmx import read_edmx
from navplugin.nav.names import Service, by_rule, find_service, resolve
from navplugin.nav.odata import read_row
from navplugin.nav.rows import member_of
from navplugin.nav.wsdl import read_services, read_wsdl
from navplugin.simulator.metadata import metadata_xml

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures" / "nav"
SALE, LINES, MEMBERS = BY_SERVICE["AIQ_Sale"], BY_SERVICE["AIQ_POSJournalLines"], BY_SERVICE["AIQ_Members"]
NONE = Override()


def fixture(name: str) -> bytes:
    path = FIXTURES / name
    if not path.is_file():
        pytest.skip(f"the document {name} of a real server is not on this machine")
    return path.read_bytes()


def pieces(data: bytes, size: int = 4096) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def published(naming: Naming) -> bytes:
    return metadata_xml([expected(page, naming) for page in PAGES]).encode()


# ---- finding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("naming", list(Naming))
def test_every_page_is_found_in_the_metadata_of_each_maker(naming: Naming) -> None:
    known = read_edmx(pieces(published(naming)), lambda name: True)
    for page in PAGES:
        service = find_service(page, known.sets, Naming.BC, NONE)
        site = resolve(page, known.services[service], Naming.BC, NONE)
        assert {name for name in page.names if not page.field(name).optional} <= set(site.names), page.service
        assert site.wire.service == service


def test_the_percent_sign_and_the_prefix_are_makers_habits() -> None:
    known = read_edmx(pieces(published(Naming.NAV)), lambda name: True)
    site = resolve(LINES, known.services[LINES.service], Naming.BC, NONE)
    assert site.names["Discount_Percent"] == "Discount__x0025_"
    known = read_edmx(pieces(published(Naming.LSC)), lambda name: True)
    assert find_service(LINES, known.sets, Naming.NAV, NONE) == "LSC_POSJournalLines"


def test_dates_of_nav_2017_are_points_in_time() -> None:
    known = read_edmx(pieces(published(Naming.NAV)), lambda name: True)
    site = resolve(BY_SERVICE["AIQ_Transactions"], known.services["AIQ_Transactions"], Naming.BC, NONE)
    field = site.wire.field("Date")
    assert (field.kind, field.edm) == (Kind.DATE, "Edm.DateTimeOffset")


def test_a_field_that_versions_do_not_have_is_blank_there() -> None:
    types = {name: "Edm.String" for name in MEMBERS.names if name != "System_Modified_At"}
    site = resolve(MEMBERS, Service(MEMBERS.service, types), Naming.BC, NONE)
    assert "System_Modified_At" not in site.names
    assert site.wire.cursor == ""
    assert by_rule(MEMBERS, Naming.NAV, NONE).wire.cursor == ""
    assert by_rule(MEMBERS, Naming.BC, NONE).wire.cursor == "System_Modified_At"


def test_the_profile_stands_over_the_servers_names() -> None:
    types = dict.fromkeys(LINES.names, "Edm.String") | {"My_Qty": "Edm.Decimal"}
    override = Override("My_Lines", {"Quantity": "My_Qty", "Parent_Line": "-"})
    site = resolve(LINES, Service("My_Lines", types), Naming.BC, override)
    assert site.names["Quantity"] == "My_Qty"
    assert "Parent_Line" not in site.names
    assert find_service(LINES, {"My_Lines", "AIQ_POSJournalLines"}, Naming.BC, override) == "My_Lines"


def test_an_unpublished_page_is_named_with_its_table_and_the_step() -> None:
    with pytest.raises(Misconfigured) as caught:
        find_service(LINES, {"Customer"}, Naming.LSC, NONE)
    text = str(caught.value)
    for part in ("AIQ_POSJournalLines", "'LSC POS Trans. Line'", "Web Services", "[page AIQ_POSJournalLines]"):
        assert part in text


def test_all_missing_fields_are_named_at_once() -> None:
    types = {name: "Edm.String" for name in LINES.names if name not in ("Quantity", "Discount_Percent")}
    with pytest.raises(Misconfigured, match=r"no field Quantity, Discount %"):
        resolve(LINES, Service(LINES.service, types), Naming.BC, NONE)


def test_a_service_of_the_profile_that_is_not_published_gets_a_near_spelling() -> None:
    with pytest.raises(Misconfigured, match="My_Lines"):
        find_service(LINES, {"My_Lines"}, Naming.BC, Override("My_Linse"))


def test_two_services_that_could_be_meant_are_not_guessed_between() -> None:
    with pytest.raises(Misconfigured, match="say which"):
        find_service(LINES, {"LSC_POSJournalLines", "POSJournalLines"}, Naming.BC, NONE)


def test_a_field_that_navplugin_writes_cannot_be_left_out() -> None:
    types = dict.fromkeys(SALE.names, "Edm.String")
    for name in ("Receipt_No", "Footer_Code"):
        with pytest.raises(Misconfigured, match="needs the field"):
            resolve(SALE, Service(SALE.service, types), Naming.BC, Override(fields={name: "-"}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AIQ_POSJournal", "LSC_POS_Journal"), ("Discount %", "Discount__x0025_"), ("Receipt No.", "Receipt_No"),
        ("E-Mail", "E_Mail"), ("Total Disc. %", "Total_Disc_Percent"),
    ],
)  # fmt: skip
def test_names_that_mean_the_same_agree(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


# ---- the profile -------------------------------------------------------------------------------------------------


def test_the_names_of_a_profile_are_checked_all_at_once() -> None:
    text = "[page AIQ_POSJournalLines]\nservice = L\nDiscount % = Disc\nQuantty = x\nPrice =\n\n[page Customer]\n"
    sections = read_ini("site.ini", text.encode()).sections
    found, problems = read_overrides(sections)
    assert found["AIQ_POSJournalLines"] == Override("L", {"Discount_Percent": "Disc"})
    assert [(p.span.line, p.code) for p in problems] == [(4, "unknown-key"), (5, "bad-value"), (7, "unknown-section")]
    assert "Quantity" in str(problems[0].hint)


def test_fields_of_the_sites_own_are_read_with_the_type_that_the_server_declares() -> None:
    types = {**dict.fromkeys(MEMBERS.names, "Edm.String"), "Age_Verified": "Edm.Boolean", "MedicalCard": "Edm.String"}
    override = Override(also=("Age Verified", "Medical Card"))
    site = resolve(MEMBERS, Service(MEMBERS.service, types), Naming.BC, override)
    assert site.page.field("Age_Verified").kind is Kind.BOOLEAN
    assert site.names["Medical_Card"] == "MedicalCard"
    raw = dict.fromkeys(site.wire.names, "") | {"Card_No": "M1", "Age_Verified": True, "MedicalCard": "MC-1"}
    raw |= {"Date_of_Birth": "0001-01-01", "Blocked": False, "System_Modified_At": None}
    member = member_of(read_row(site, raw))
    assert (member.fields["Age_Verified"], member.fields["Medical_Card"]) == (True, "MC-1")
    wsdl = Service(MEMBERS.service, {**dict.fromkeys(MEMBERS.names, "string"), "Age_Verified": "boolean"})
    assert resolve(MEMBERS, wsdl, Naming.BC, Override(also=("Age Verified",))).page.names[-1] == "Age_Verified"


def test_a_field_of_the_sites_own_that_is_not_published_is_named() -> None:
    types = dict.fromkeys(MEMBERS.names, "Edm.String")
    with pytest.raises(Misconfigured, match="no field Medical Card"):
        resolve(MEMBERS, Service(MEMBERS.service, types), Naming.BC, Override(also=("Medical Card",)))
    with pytest.raises(Misconfigured, match="discover-names"):
        by_rule(MEMBERS, Naming.BC, Override(also=("Medical Card",)))


def test_what_a_profile_says_of_its_own_fields_is_checked() -> None:
    sections = read_ini("site.ini", b"[page AIQ_Members]\nalso = Medical Card, E-Mail\n").sections
    found, problems = read_overrides(sections)
    assert found["AIQ_Members"].also == ("Medical Card", "E-Mail")
    assert [(p.span.line, p.code) for p in problems] == [(2, "bad-value")]


# ---- documents ---------------------------------------------------------------------------------------------------


def test_metadata_of_a_real_server_is_read() -> None:
    known = read_edmx(pieces(fixture("api-v1.0.excerpt.edmx.xml"), 100), lambda name: name == "customer")
    assert known.version == "4.0"
    assert "customers" in known.sets
    assert known.services["customers"].types["displayName"] == "Edm.String"
    assert set(known.services) == {"customers"}


MEASURE = """
import resource
from navplugin.nav.edmx import read_edmx

def pieces():
    yield b'<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    yield b'<Schema Namespace="NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    yield b'<EntityType Name="AIQ_Sale"><Property Name="State" Type="Edm.String"/></EntityType>'
    for number in range(20_000):
        fields = "".join(f'<Property Name="Field_{n}" Type="Edm.String" MaxLength="100"/>' for n in range(38))
        yield f'<EntityType Name="T{number}">{fields}</EntityType>'.encode()
    yield b'<EntityContainer Name="NAV"><EntitySet Name="AIQ_Sale" EntityType="NAV.AIQ_Sale"/></EntityContainer>'
    yield b"</Schema></edmx:DataServices></edmx:Edmx>"

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
known = read_edmx(pieces(), lambda name: name.startswith("AIQ_"))
assert known.services["AIQ_Sale"].types == {"State": "Edm.String"}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_fifty_megabytes_of_metadata_cost_little_memory() -> None:
    """In a process of its own: what the XML library holds is seen by no tool of Python's."""
    if sys.platform != "linux":
        pytest.skip("the greatest memory of a process is read as Linux counts it")
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 12 * 1024, "kilobytes"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no XML"),
        (b"<html><body/></html>", "begins with html"),
        (b'<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"><edmx', "cut off"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type"),
        (b'<!DOCTYPE Edmx SYSTEM "http://127.0.0.1:1/x.dtd"><Edmx Version="4.0"/>', "document type"),
        (b"\x00\x01", "no XML"),
    ],
)
def test_what_is_no_metadata_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        read_edmx([data], lambda name: True)


def test_a_document_type_that_hides_a_million_laughs_is_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY a{n} "{"&a%s;" % (n - 1 if n else "") * 10}">' for n in range(9)
    ) + "]><x>&a8;</x>"
    with pytest.raises(ProtocolError):
        read_edmx([bomb.encode()], lambda name: True)


def test_the_version_of_odata_v3_is_seen() -> None:
    data = b'<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"/>'
    assert read_edmx([b"\xef\xbb\xbf" + data], lambda name: True).version == "1.0"


def test_a_real_wsdl_gives_fields_options_and_operations() -> None:
    service = read_wsdl(fixture("page-BOMs.nav2017.wsdl"), "BOMs")
    assert "Key" not in service.types
    assert service.options["Status"] == ("New", "Certified", "Under_Development", "Closed")
    assert {"Read", "ReadMultiple", "Create", "Update", "Delete"} <= service.operations


def test_a_wsdl_of_another_page_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no type AIQ_Sale"):
        read_wsdl(b'<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"/>', "AIQ_Sale")


def test_the_list_of_services_names_the_pages() -> None:
    data = (
        b'<discovery xmlns="http://schemas.xmlsoap.org/disco/"><contractRef xmlns="http://schemas.xmlsoap.org/disco/scl/"'
        b' ref="http://win-9:7047/NAV/WS/C/Page/AIQ_Sale"/><contractRef ref="http://win-9:7047/NAV/WS/C/Codeunit/X"/>'
        b"</discovery>"
    )
    assert read_services(data) == {"AIQ_Sale"}
