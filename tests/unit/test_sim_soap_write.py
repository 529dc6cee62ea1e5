"""Writing to the simulated NAV over SOAP (nav-webservices.md 13; 15 no. 26, 29)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import zeep.exceptions

from navplugin.nav.contract import Naming
from navplugin.simulator.soap_key import write_key
from navplugin.simulator.state import State
from navplugin.simulator.view import views
from tests.unit.sim_odata_face import sales
from tests.unit.sim_soap_face import BROKER, PROMPT, Soap, fault

GRANT = {"Receipt_No": "R1", "Coupon_Code": "AP1"}


@pytest.fixture
def soap(state: State) -> Soap:
    return Soap(state)


def prompts(state: State) -> list[tuple[str, str]]:
    return [(row["Prompt_Key"], row["Text_1"]) for row in state.rows("AIQ_POSPrompts")]


def test_create_gives_the_row_as_nav_made_it(state: State, soap: Soap) -> None:
    made = soap.page("AIQ_POSPrompts").Create({**PROMPT, "Receipt_No": " r1 ", "Kind": "Message"})
    assert (made["Receipt_No"], made["Kind"], made["Answer"], made["Text_2"]) == ("R1", "Message", "_blank_", None)
    assert made["Key"]
    assert prompts(state) == [("K1", "Join?")]


def test_a_second_row_with_the_same_key_is_refused(state: State, soap: Soap) -> None:
    soap.page("AIQ_POSPrompts").Create(PROMPT)
    with pytest.raises(zeep.exceptions.Fault) as caught:
        soap.page("AIQ_POSPrompts").Create({**PROMPT, "Text_1": "Again?"})
    assert caught.value.message == (
        "The AIQ POS Prompts already exists. Identification fields and values: Receipt No.='R1',Prompt Key='K1'"
    )
    assert caught.value.code.endswith("NavCSideDuplicateKeyException")
    assert prompts(state) == [("K1", "Join?")]


def test_a_row_without_its_key_fields_is_refused(state: State, soap: Soap) -> None:
    with pytest.raises(zeep.exceptions.Fault, match="Prompt Key must have a value in AIQ POS Prompts"):
        soap.page("AIQ_POSPrompts").Create({"Receipt_No": "R1"})
    assert prompts(state) == []


def test_an_absent_element_is_untouched_and_an_empty_one_is_cleared(state: State, soap: Soap) -> None:
    page = soap.page("AIQ_POSPrompts")
    made = page.Create({**PROMPT, "Text_2": "Two", "Text_3": "Three"})
    page.Update({"Key": made["Key"], "Text_2": "", "Text_3": None})
    row = state.get("AIQ_POSPrompts", "R1", "K1")
    assert row is not None
    assert (row["Text_1"], row["Text_2"], row["Text_3"]) == ("Join?", "", "Three")


def test_point_26_an_update_with_an_old_key_is_a_fault_with_status_500(state: State, soap: Soap) -> None:
    page = soap.page("AIQ_POSPrompts")
    first = page.Create(PROMPT)["Key"]
    second = page.Update({"Key": first, "Text_1": "One"})["Key"]
    inner = f"<AIQ_POSPrompts><Key>{first}</Key><Text_1>Two</Text_1></AIQ_POSPrompts>"
    code, text = fault(soap.call("AIQ_POSPrompts", "Update", inner))
    assert code == BROKER
    assert text == 'Other user has modified "AIQ POS Prompt" "Receipt No.=\'R1\',Prompt Key=\'K1\'".'
    assert prompts(state) == [("K1", "One")]
    assert page.Update({"Key": second, "Text_1": "Two"})["Text_1"] == "Two"


def test_point_26_a_key_that_the_till_made_old_is_refused_too(state: State, soap: Soap) -> None:
    made = soap.page("AIQ_POSTotalDiscountOfferLines").Create({**GRANT, "Value": Decimal("10.00")})
    state.put("AIQ_POSTotalDiscountOfferLines", {**GRANT, "Status": "Picked"})
    with pytest.raises(zeep.exceptions.Fault, match="Other user has modified"):
        soap.page("AIQ_POSTotalDiscountOfferLines").Update({"Key": made["Key"], "Status": "Withdrawn"})


def test_point_26_delete_answers_true_or_is_a_fault(state: State, soap: Soap) -> None:
    page = soap.page("AIQ_POSPrompts")
    old = page.Create(PROMPT)["Key"]
    key = page.Update({"Key": old, "Text_1": "One"})["Key"]
    with pytest.raises(zeep.exceptions.Fault, match="Other user has modified"):
        page.Delete(old)
    assert page.Delete(key) is True
    assert prompts(state) == []
    for again in (lambda: page.Delete(key), lambda: page.Update({"Key": key, "Text_1": "Two"})):
        with pytest.raises(zeep.exceptions.Fault, match="does not exist") as caught:
            again()
        assert caught.value.code.endswith("NavCSideRecordNotFoundException")


@pytest.mark.parametrize(
    ("operation", "inner"),
    [
        ("Create", ""), ("Create", "<Other/>"), ("Create", "<AIQ_POSPrompts/><AIQ_POSPrompts/>"), ("Update", ""),
        ("CreateMultiple", ""), ("CreateMultiple", "<AIQ_POSPrompts_List><Other/></AIQ_POSPrompts_List>"),
        ("UpdateMultiple", "<AIQ_POSPrompts/>"), ("Delete", ""), ("Delete", "<key>1</key>"),
    ],
)  # fmt: skip
def test_a_write_that_does_not_fit_the_wsdl_is_refused(state: State, soap: Soap, operation: str, inner: str) -> None:
    assert fault(soap.call("AIQ_POSPrompts", operation, inner))[0] == "s:Client"
    assert prompts(state) == []


def test_a_key_that_no_row_can_have_is_not_valid(state: State, soap: Soap) -> None:
    status, sale = soap.page("AIQ_POSStatus"), soap.page("AIQ_Sale")
    sales(state, 1)
    key = sale.Read("R1")["Key"]
    state.put("AIQ_POSStatus", {"Receipt_No": "R1"})
    longer = write_key(views(Naming.BC)["AIQ_POSStatus"], {"Receipt_No": "R" * 21}, 1)
    for wrong in (key, longer):
        with pytest.raises(zeep.exceptions.Fault, match="The Key is not valid for this page"):
            status.Delete(wrong)


def test_an_update_without_a_key_is_refused(soap: Soap) -> None:
    soap.page("AIQ_POSPrompts").Create(PROMPT)
    with pytest.raises(zeep.exceptions.Fault, match='"Key" of AIQ_POSPrompts is missing'):
        soap.page("AIQ_POSPrompts").Update({**PROMPT, "Text_1": "One"})


def test_several_rows_are_made_and_changed_in_one_call(state: State, soap: Soap) -> None:
    page = soap.page("AIQ_POSPrompts")
    made = page.CreateMultiple({"AIQ_POSPrompts": [PROMPT, {**PROMPT, "Prompt_Key": "K2"}]})
    keys = [row["Key"] for row in made]
    changed = page.UpdateMultiple({"AIQ_POSPrompts": [{"Key": key, "Text_1": "New"} for key in keys]})
    assert [row["Text_1"] for row in changed] == ["New", "New"]
    assert prompts(state) == [("K1", "New"), ("K2", "New")]


def test_one_row_that_is_refused_undoes_the_whole_call(state: State, soap: Soap) -> None:
    page = soap.page("AIQ_POSPrompts")
    with pytest.raises(zeep.exceptions.Fault, match="already exists"):
        page.CreateMultiple({"AIQ_POSPrompts": [PROMPT, PROMPT]})
    assert prompts(state) == []
    key = page.Create(PROMPT)["Key"]
    with pytest.raises(zeep.exceptions.Fault, match="Other user has modified"):
        page.UpdateMultiple({"AIQ_POSPrompts": [{"Key": key, "Text_1": "A"}, {"Key": key, "Text_1": "B"}]})
    assert prompts(state) == [("K1", "Join?")]


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ("<Text_1>" + "x" * 101 + "</Text_1>", "NavNCLStringLengthExceededException"),
        ("<Member_Ref>" + "x" * 101 + "</Member_Ref>", "NavNCLStringLengthExceededException"),
        ("<Kind>Nonsense</Kind>", "NavNCLEvaluateException"),
        ("<Kind>confirm</Kind>", "NavNCLEvaluateException"),
        ("<Kind></Kind>", "NavNCLEvaluateException"),
        ("<Priority>high</Priority>", "NavNCLEvaluateException"),
        ("<Priority>1.5</Priority>", "NavNCLEvaluateException"),
        ("<Priority></Priority>", "NavNCLEvaluateException"),
        ("<Priority>99999999999</Priority>", "NavNCLEvaluateException"),
        ("<Expires_At>yesterday</Expires_At>", "NavNCLEvaluateException"),
        ("<Expires_At>2026-13-01T00:00:00Z</Expires_At>", "NavNCLEvaluateException"),
        ("<No_Such_Field>1</No_Such_Field>", "s:Client"),
        ("<Text_1>a</Text_1><Text_1>b</Text_1>", "s:Client"),
        ("<Text_1><b>a</b></Text_1>", "s:Client"),
        ("<Answered_By>101</Answered_By>", "NavPageFieldNotEditableException"),
        ("<Answer>Yes</Answer>", "NavPageFieldNotEditableException"),
    ],
)
def test_a_value_that_the_field_does_not_take_is_refused_and_nothing_is_written(
    state: State, soap: Soap, element: str, code: str
) -> None:
    inner = f"<AIQ_POSPrompts><Receipt_No>R1</Receipt_No><Prompt_Key>K1</Prompt_Key>{element}</AIQ_POSPrompts>"
    assert fault(soap.call("AIQ_POSPrompts", "Create", inner))[0].endswith(code)
    assert prompts(state) == []


@pytest.mark.parametrize(
    ("name", "text", "stored"),
    [
        ("Value", "010.50", Decimal("10.50")), ("Value", "-.5", Decimal("-0.5")), ("Needs_PIN", "1", True),
        ("Needs_PIN", "false", False), ("Value_Kind", "percent", "percent"), ("Points", "_blank_", " "),
        ("Coupon_Code", " ap1 ", "AP1"), ("Description", " two words ", " two words "),
        ("Valid_Until", "0001-01-01T00:00:00Z", None), ("Valid_Until", "0001-01-01T00:00:00", None),
    ],
)  # fmt: skip
def test_values_are_read_as_xml_writes_them(state: State, soap: Soap, name: str, text: str, stored: Any) -> None:
    other = "" if name == "Coupon_Code" else "<Coupon_Code>AP1</Coupon_Code>"
    entity = f"<Receipt_No>R1</Receipt_No>{other}<{name}>{text}</{name}>"
    inner = f"<AIQ_POSTotalDiscountOfferLines>{entity}</AIQ_POSTotalDiscountOfferLines>"
    assert soap.call("AIQ_POSTotalDiscountOfferLines", "Create", inner).status == 200
    row = state.get("AIQ_POSTotalDiscountOfferLines", "R1", "AP1")
    assert row is not None
    assert row[name] == stored


def test_a_moment_without_an_offset_is_one_in_utc(state: State, soap: Soap) -> None:
    for number, text in enumerate(("2026-05-01T12:00:00", "2026-05-01T14:00:00.0000000+02:00")):
        soap.call("AIQ_POSPrompts", "Create", "<AIQ_POSPrompts><Receipt_No>R1</Receipt_No>"
                  f"<Prompt_Key>K{number}</Prompt_Key><Expires_At>{text}</Expires_At></AIQ_POSPrompts>")  # fmt: skip
    assert {row["Expires_At"].isoformat() for row in state.rows("AIQ_POSPrompts")} == {"2026-05-01T12:00:00+00:00"}


def test_a_key_field_cannot_be_renamed_but_may_be_repeated(state: State, soap: Soap) -> None:
    page = soap.page("AIQ_POSPrompts")
    key = page.Create(PROMPT)["Key"]
    with pytest.raises(zeep.exceptions.Fault, match=r"Receipt No\. of AIQ POS Prompts cannot be edited"):
        page.Update({"Key": key, "Receipt_No": "R2"})
    assert page.Update({"Key": key, **PROMPT, "Text_1": "One"})["Text_1"] == "One"


@pytest.mark.parametrize("service", ["AIQ_POSJournal", "AIQ_POSJournalLines", "AIQ_Transactions"])
@pytest.mark.parametrize("operation", ["Create", "CreateMultiple", "Update", "UpdateMultiple", "Delete"])
def test_a_page_that_is_only_read_refuses_every_write(state: State, soap: Soap, service: str, operation: str) -> None:
    state.put(service, {})
    (row,) = soap.page(service).ReadMultiple(zeep.xsd.SkipValue, setSize=1)
    inner = f"<{service}><Key>{row['Key']}</Key></{service}>"
    code, text = fault(soap.call(service, operation, inner))
    assert (code, text) == ("s:Client", f'The element "{operation}" is not expected in {service}.')
    assert len(state.rows(service)) == 1


def test_the_fields_of_the_till_are_not_ours_to_write(state: State, soap: Soap) -> None:
    sales(state, 1)
    sale = soap.page("AIQ_Sale")
    key = sale.Read("R1")["Key"]
    with pytest.raises(zeep.exceptions.Fault, match="The field State of AIQ Sale cannot be edited"):
        sale.Update({"Key": key, "State": "POSTED"})
    assert sale.Update({"Key": key, "Footer_Code": "W-1"})["Footer_Code"] == "W-1"


def test_point_29_danish_changes_the_words_of_a_fault_and_not_its_code(state: State, soap: Soap) -> None:
    danish = Soap(state, "da-DK")
    key = soap.page("AIQ_POSPrompts").Create(PROMPT)["Key"]
    soap.page("AIQ_POSPrompts").Update({"Key": key, "Text_1": "One"})
    stale = f"<AIQ_POSPrompts><Key>{key}</Key></AIQ_POSPrompts>"
    again = "<AIQ_POSPrompts><Receipt_No>R1</Receipt_No><Prompt_Key>K1</Prompt_Key></AIQ_POSPrompts>"
    for operation, inner in (
        ("Update", stale), ("Delete", f"<Key>{key}</Key>"), ("Create", again), ("Create", "<AIQ_POSPrompts/>"),
        ("Create", again.replace("</AIQ", "<Kind>x</Kind></AIQ")), ("IsUpdated", "<Key>x</Key>"), ("Read", ""),
        ("Create", again.replace("R1", "R" * 21)), ("Rename", ""),
        ("ReadMultiple", "<filter><Field>Kind</Field><Criteria>(</Criteria></filter>"),
    ):  # fmt: skip
        english, foreign = (fault(one.call("AIQ_POSPrompts", operation, inner)) for one in (soap, danish))
        assert english[0] == foreign[0]
        assert english[1] != foreign[1]
    assert b'xml:lang="da-DK"' in danish.call("AIQ_POSPrompts", "Delete", f"<Key>{key}</Key>").body


def test_point_29_the_server_has_a_language_of_its_own_for_a_caller_that_names_none(state: State, soap: Soap) -> None:
    state.set_doc("nav.settings", {"language": "da-DK"})
    assert "er ikke gyldig" in fault(soap.call("AIQ_POSPrompts", "IsUpdated", "<Key>x</Key>"))[1]
    answer = soap.call("AIQ_POSPrompts", "IsUpdated", "<Key>x</Key>", accept_language="en-US")
    assert "is not valid" in fault(answer)[1]
