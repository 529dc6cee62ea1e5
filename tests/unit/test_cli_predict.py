"""`navplugin predict` as typed: every rule of its contract by name, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from navplugin.cli import build_app
from navplugin.cli.predict import EXAMPLE

LINE = {"line_no": 10000, "item": "A", "quantity": "2", "price": "50.00", "line_discount_percent": "10",
        "line_discount_amount": None, "discountable": True}  # fmt: skip
OFFER = {"no": "AP0001", "coupon_code": "AP0001", "priority": 1, "items": ["A"],
         "benefits": [{"step": "0", "type": "amount", "value": "10.00"}], "maximum_discount": None,
         "block_total_discount": False}  # fmt: skip
SALE: dict[str, Any] = {
    "currency_precision": "0.01", "minimum_judged": "before", "reached": "at-least", "lines": [LINE],
    "offers": [OFFER], "picked": ["AP0001"],
}  # fmt: skip


def line(number: int, price: str, **fields: Any) -> dict[str, Any]:
    return {"line_no": number, "item": "A", "quantity": "1", "price": price, **fields}


def offer(no: str, value: str = "10.00", kind: str = "amount", step: str = "0", **fields: Any) -> dict[str, Any]:
    benefits = [{"step": step, "type": kind, "value": value}]
    return {"no": no, "coupon_code": no, "priority": 1, "items": ["*"], "benefits": benefits, **fields}


def ask(sale: dict[str, Any] | str, *options: str) -> tuple[int, str, str]:
    text = sale if isinstance(sale, str) else json.dumps(sale)
    result = CliRunner().invoke(build_app(), ["predict", *options], input=text)
    return result.exit_code, result.stdout, result.stderr


def told(**fields: Any) -> dict[str, Any]:
    code, out, err = ask({**SALE, **fields})
    assert code == 0, out + err
    found: dict[str, Any] = json.loads(out)
    return found


def applied(**fields: Any) -> dict[str, str]:
    return {o["no"]: o["applied"] for o in told(**fields)["offers"]}


def refused(sale: dict[str, Any] | str) -> str:
    code, out, err = ask(sale)
    assert code == 1, out + err
    assert json.loads(out)["problems"], out
    return err


# ---- the contract ---------------------------------------------------------------------------------------------------


def test_the_input_of_the_contract_gives_the_output_of_the_contract() -> None:
    assert told(returned=[{"line_no": 10000, "quantity": "1"}]) == {
        "total_before": "90.00", "total_discount": "10.00", "total": "80.00",
        "offers": [{"no": "AP0001", "applied": "10.00", "step": "0.00", "refused": None}],
        "lines": [{"line_no": 10000, "amount_before": "90.00", "amount": "80.00", "shares": {"AP0001": "10.00"}}],
        "refund": "40.00",
    }  # fmt: skip


def test_json_on_standard_input_and_json_out_between_real_processes() -> None:
    command = [sys.executable, "-m", "navplugin", "predict"]
    done = subprocess.run(command, input=EXAMPLE.encode(), capture_output=True, check=True)
    found = json.loads(done.stdout.decode("utf-8"))
    assert (found["total_discount"], found["total"], found["refund"]) == ("100.00", "20.00", "7.50")


def test_the_order_of_offers_and_lines_in_the_answer_is_that_of_the_question() -> None:
    found = told(lines=[line(30000, "5"), line(10000, "5")], offers=[offer("B", priority=9), offer("A")], picked=[])
    assert [o["no"] for o in found["offers"]] == ["B", "A"]
    assert [x["line_no"] for x in found["lines"]] == [30000, 10000]


def test_an_offer_that_is_not_picked_reports_0_and_a_reason() -> None:
    (one,) = told(picked=[])["offers"]
    assert (one["applied"], one["step"]) == ("0.00", None)
    assert one["refused"] == "coupon code AP0001 was not picked"


def test_picked_lists_coupon_codes_in_pick_order() -> None:
    offers = [offer("A", "50", "percent"), offer("B", "10")]
    assert applied(lines=[line(1, "100")], offers=offers, picked=["A", "B"]) == {"A": "50.00", "B": "10.00"}
    assert applied(lines=[line(1, "100")], offers=offers, picked=["B", "A"]) == {"A": "45.00", "B": "10.00"}


def test_priority_comes_before_pick_order() -> None:
    offers = [offer("A", "50", "percent"), offer("B", "10", priority=0)]
    assert applied(lines=[line(1, "100")], offers=offers, picked=["A", "B"])["A"] == "45.00"


@pytest.mark.parametrize(
    ("fields", "before"),
    [
        ({"line_discount_percent": "33.333"}, "6.67"),
        ({"line_discount_amount": "0.005"}, "9.99"),
        ({"line_discount_percent": "10", "quantity": "3", "price": "0.335"}, "0.91"),
        ({"quantity": "0.333", "price": "7.77"}, "2.59"),
        ({"quantity": "0"}, "0.00"),
    ],
)  # fmt: skip
def test_the_line_discount_is_for_the_whole_line_rounded_half_up(fields: dict[str, Any], before: str) -> None:
    found = told(lines=[{**line(1, "10"), **fields}], offers=[])
    assert (found["total_before"], found["lines"][0]["amount_before"]) == (before, before)


def test_total_discount_counts_offers_only_and_total_before_follows_line_discounts() -> None:
    found = told()
    assert (found["total_before"], found["total_discount"], found["total"]) == ("90.00", "10.00", "80.00")


def test_both_line_discount_fields_set_is_refused() -> None:
    err = refused({**SALE, "lines": [{**LINE, "line_discount_amount": "1.00"}]})
    assert "lines[0] has line_discount_percent and line_discount_amount; write null for one of them" in err


@pytest.mark.parametrize(("judged", "amount"), [("before", "10.00"), ("after", "0.00")])
def test_before_compares_quantity_times_price_and_after_what_is_left(judged: str, amount: str) -> None:
    offers = [offer("AP0001", step="100")]
    assert applied(minimum_judged=judged, offers=offers) == {"AP0001": amount}


def test_after_is_what_is_left_at_that_offers_turn() -> None:
    offers = [offer("A", "10"), offer("B", "5", step="95")]
    sale = {"lines": [line(1, "100")], "offers": offers, "minimum_judged": "after"}
    assert applied(**sale, picked=["B", "A"]) == {"A": "10.00", "B": "5.00"}
    assert applied(**sale, picked=["A", "B"]) == {"A": "10.00", "B": "0.00"}
    reason = told(**sale, picked=["A", "B"])["offers"][1]["refused"]
    assert reason == "the total is 90.00, the lowest step of B is 95.00"


@pytest.mark.parametrize(("reached", "amount"), [("at-least", "10.00"), ("above", "0.00")])
def test_whether_equality_reaches_a_step_is_a_setting(reached: str, amount: str) -> None:
    assert applied(reached=reached, offers=[offer("AP0001", step="100")]) == {"AP0001": amount}


def test_the_highest_step_reached_counts_alone() -> None:
    benefits = [{"step": s, "type": "amount", "value": v} for s, v in (("50", "5"), ("100", "12"), ("200", "30"))]
    (one,) = told(offers=[{**OFFER, "benefits": benefits}])["offers"]
    assert (one["applied"], one["step"]) == ("12.00", "100.00")


def test_a_maximum_caps_the_discount() -> None:
    assert applied(offers=[offer("AP0001", "50", "percent", maximum_discount="7.77")]) == {"AP0001": "7.77"}


def test_an_offer_blocks_later_ones_only_if_it_applied_more_than_zero() -> None:
    blocking = offer("A", priority=0, block_total_discount=True)
    sale = {"lines": [line(1, "100")], "picked": ["A", "B"]}
    assert applied(**sale, offers=[blocking, offer("B", "5")]) == {"A": "10.00", "B": "0.00"}
    assert applied(**sale, offers=[{**blocking, "items": ["X"]}, offer("B", "5")]) == {"A": "0.00", "B": "5.00"}


def test_only_the_offers_items_and_no_line_that_takes_no_discount() -> None:
    lines = [line(1, "50"), line(2, "50", item="B"), line(3, "50", discountable=False)]
    found = told(lines=lines, offers=[offer("AP0001", items=["A"])])
    assert [x["shares"] for x in found["lines"]] == [{"AP0001": "10.00"}, {}, {}]
    assert told(lines=lines, offers=[offer("AP0001", items=[])])["offers"][0]["refused"] == (
        "AP0001 covers no item of the sale"
    )


def test_shares_are_exact_and_the_rest_goes_to_the_largest_share_first_line_on_a_tie() -> None:
    found = told(lines=[line(n, "9.99") for n in range(1, 8)], offers=[offer("AP0001", "15")])
    assert [x["shares"]["AP0001"] for x in found["lines"]] == ["2.16", *["2.14"] * 6]


def test_a_rest_too_large_for_the_largest_share_goes_on_to_the_next() -> None:
    found = told(lines=[line(n, "0.01") for n in range(1, 8)], offers=[offer("AP0001", "0.03")])
    assert [x["amount"] for x in found["lines"]] == ["0.00", "0.00", "0.00", "0.01", "0.01", "0.01", "0.01"]


def test_nothing_left_is_0_and_recorded_with_the_reason() -> None:
    found = told(lines=[line(1, "10")], offers=[offer("A", "50"), offer("B", "5")], picked=["A", "B"])
    assert (found["total"], found["offers"][1]["applied"]) == ("0.00", "0.00")
    assert found["offers"][1]["refused"] == "nothing is left to discount for B"


@pytest.mark.parametrize(
    ("precision", "total", "discount"), [("0.01", "100.01", "3.33"), ("0.05", "100.00", "3.35"), ("1", "100", "3"),
                                         ("0.001", "100.010", "3.334")],
)  # fmt: skip
def test_money_is_text_at_the_currencys_precision(precision: str, total: str, discount: str) -> None:
    found = told(currency_precision=precision, lines=[line(1, "100.01")],
                 offers=[offer("AP0001", "3.3333", "percent")])  # fmt: skip
    assert (found["total_before"], found["total_discount"]) == (total, discount)


@pytest.mark.parametrize(
    ("returned", "refund"),
    [
        ([], "0.00"),
        ([(1, "1")], "3.33"),
        ([(1, "2")], "6.67"),
        ([(1, "3")], "10.00"),
        ([(1, "1"), (1, "2")], "10.00"),
        ([(1, "1"), (2, "1")], "23.33"),
    ],
)
def test_the_refund_is_the_net_amount_paid_for_the_returned_quantity(
    returned: list[tuple[int, str]], refund: str
) -> None:
    lines = [line(1, "5", quantity="3"), line(2, "30")]
    offers = [offer("AP0001", "33.3333", "percent")]
    back = [{"line_no": no, "quantity": quantity} for no, quantity in returned]
    assert told(lines=lines, offers=offers, returned=back)["refund"] == refund


def test_text_for_people_says_the_same() -> None:
    code, out, _ = ask(EXAMPLE, "--format", "text")
    assert code == 0
    assert "120.00 less 100.00 = 20.00 to pay" in out
    assert "FLOWER 62.50, VAPE 37.50" in out


# ---- what is refused ------------------------------------------------------------------------------------------------


def with_line(**fields: Any) -> dict[str, Any]:
    return {**SALE, "lines": [{**LINE, **fields}]}


def with_offer(**fields: Any) -> dict[str, Any]:
    return {**SALE, "offers": [{**OFFER, **fields}]}


def step(*steps: tuple[str, str]) -> list[dict[str, str]]:
    return [{"step": s, "type": "amount", "value": v} for s, v in steps]


@pytest.mark.parametrize(
    ("sale", "expected"),
    [
        ('{"lines": [}', "stdin:1:12: error bad-json"),
        ("[]", "the input must be a JSON object"),
        ("", "stdin:1:1: error bad-json"),
        ({**SALE, "pickd": []}, "'pickd' is not a key of the input; did you mean 'picked'?"),
        (with_line(qty="1"), "'qty' is not a key of lines[0]"),
        (with_offer(trigger="1"), "'trigger' is not a key of offers[0]"),
        (with_offer(benefits=[{"step": "0", "type": "amount", "value": "1", "kind": "x"}]),
         "'kind' is not a key of offers[0].benefits[0]"),
        (with_offer(benefits=[]), "offers[0] has no benefit, so it gives nothing"),
        (with_offer(benefits=step(("0", "-5"))), 'offers[0].benefits[0].value cannot be "-5"; write 0 or more'),
        (with_offer(benefits=step(("100", "5"), ("50", "3"))), "the step of offers[0].benefits[1] is 50 and follows"),
        (with_offer(benefits=step(("50", "5"), ("50", "3"))), "write the steps in rising order, each once"),
        (with_offer(benefits=[{"step": "0", "type": "amout", "value": "1"}]), "write one of amount, percent"),
        (with_offer(maximum_discount="-1"), "offers[0].maximum_discount cannot be"),
        (with_offer(priority="1"), "offers[0].priority cannot be"),
        (with_offer(items="A"), "write a list"),
        (with_line(quantity="-1"), 'lines[0].quantity cannot be "-1"; write 0 or more'),
        (with_line(price="NaN"), "lines[0].price cannot be"),
        (with_line(price="1e5"), "lines[0].price cannot be"),
        (with_line(price="1.1234567"), "at most 9 digits before the point and 6 behind it"),
        (with_line(price=True), "lines[0].price cannot be true"),
        (with_line(line_discount_percent="101"), "write a percentage from 0 to 100"),
        (with_line(line_discount_percent=None, line_discount_amount="100.01"), "the line costs 100.00"),
        (with_line(discountable="yes"), "write true or false"),
        (with_line(line_no="1"), "lines[0].line_no cannot be"),
        ({**SALE, "lines": [LINE, LINE]}, "line_no 10000 stands there twice"),
        ({**SALE, "offers": [OFFER, OFFER]}, "no AP0001 stands there twice"),
        ({**SALE, "picked": ["AP0001", "AP0001"]}, "coupon code AP0001 is picked twice"),
        ({**SALE, "reached": "over"}, "reached cannot be"),
        ({**SALE, "currency_precision": "0"}, "currency_precision cannot be"),
        ({**SALE, "returned": [{"line_no": 5, "quantity": "1"}]}, "there is no line 5"),
        ({**SALE, "returned": [{"line_no": 10000, "quantity": "3"}]}, "line 10000 was sold 2 times"),
        ({"offers": []}, "the input has no 'lines'"),
        ('{"lines": [], "lines": [], "offers": []}', "lines stands there twice"),
        ('{"lines": [], "offers": [{"no": "\\ud800", "benefits": []}]}', "offers[0].no cannot be"),
        ("[" * 100_000, "nested too deeply"),
        ({**SALE, "lines": [line(n, "1") for n in range(20_001)]}, "lines has 20,001 entries; at most 20,000"),
    ],
)  # fmt: skip
def test_bad_input_is_a_problem_with_its_place(sale: dict[str, Any] | str, expected: str) -> None:
    assert expected in refused(sale)


def test_the_place_is_the_line_and_column_of_the_value() -> None:
    text = '{"lines": [\n  {"line_no": 1, "item": "{[\\"", "quantity": "1",\n   "price": "-5"}], "offers": []}'
    assert "stdin:3:13: error bad-value: lines[0].price" in refused(text)


def test_every_problem_is_found_at_once_but_never_more_than_a_person_reads() -> None:
    lines = [line(n, "-1") for n in range(1, 200)]
    err = refused({**SALE, "lines": lines, "offers": [], "picked": []})
    assert err.count("error bad-value") == 50
    assert "149 more problems are not shown" in err


def test_many_warnings_hide_no_error() -> None:
    lines = [line(n, "5", line_discount_amount="0.001") for n in range(1, 100)]
    assert "lines[99].price cannot be" in refused({**SALE, "lines": [*lines, line(100, "-1")]})


def test_an_amount_with_six_decimals_is_rounded_and_said() -> None:
    code, out, err = ask(with_offer(benefits=step(("0", "1.234565"))))
    assert (code, json.loads(out)["total_discount"]) == (0, "1.23")
    assert "offers[0].benefits[0].value is finer than 0.01: 1.234565 counts as 1.23" in err


def test_a_price_with_six_decimals_counts_in_full_and_the_line_is_rounded() -> None:
    assert told(lines=[line(1, "1.234567", quantity="1000")])["total_before"] == "1234.57"


def test_a_pick_without_an_offer_is_a_warning() -> None:
    code, _, err = ask({**SALE, "picked": ["AP0002"]})
    assert code == 0
    assert "no offer has coupon code AP0002; did you mean 'AP0001'?" in err


def test_a_cart_of_10000_lines_is_worked_out() -> None:
    lines = [line(n, "19.995", quantity="3") for n in range(1, 10_001)]
    found = told(lines=lines, offers=[offer("AP0001", "12.5", "percent"), offer("B", "777.77")],
                 picked=["AP0001", "B"])  # fmt: skip
    shares = [sum(round(float(s) * 100) for s in x["shares"].values()) for x in found["lines"]]
    assert sum(shares) == round(float(found["total_discount"]) * 100)


def test_more_work_than_can_be_done_is_refused() -> None:
    lines = [line(n, "1") for n in range(1, 10_001)]
    offers = [offer(f"C{n}") for n in range(101)]
    assert "10,000 lines with 101 picked offers are more than can be worked out" in refused(
        {**SALE, "lines": lines, "offers": offers, "picked": [o["no"] for o in offers]}
    )


def test_a_file_that_is_not_there_or_not_text_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(build_app(), ["predict", str(tmp_path / "none.json")])
    assert result.exit_code == 3
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    result = CliRunner().invoke(build_app(), ["predict", str(tmp_path / "x")])
    assert (result.exit_code, "is not UTF-8 text" in result.stderr) == (1, True)
