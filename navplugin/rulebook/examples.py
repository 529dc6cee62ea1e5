"""A wrong and a right example for every problem code of rule files, cases, profiles and receipt templates; a test tries
each of them.

`frame` is the file around the lines: `{}` stands for the example. rules/README.md shows the lines alone.
"""

from __future__ import annotations

from dataclasses import dataclass

RULE = "[A rule]\non = wallet\nthen = hide-discount\n{}\n"
CASE = "[A case]\n{}\nexpect reports = 0\n"
SALE = "[A rule]\non = check-in\n{}\n"
FACT = "[A rule]\non = basket\nif Mine is >0\nthen = report\n[fact Mine]\n{}\n"
TEXT = "[A rule]\non = wallet\nthen = hide-discount why\n[text why]\n{}\n"
STACK = "[stack Limit]\n{}\n"
WHOLE = "{}\n"
NAV = "[nav]\nurl = https://nav:7048/BC/ODataV4\ncompany = C\nuser = AIQ\nkey = env:NAV_KEY"
AIQ = "[aiq]\nuid = 1234\nkey = env:AIQ_KEY"
PROFILE = f"{NAV}\n{AIQ}\n[store S0001]\ntime-zone = America/Denver\n{{}}\n"


@dataclass(frozen=True, slots=True)
class Example:
    """One code: the lines that bring it, and those to write in their place. file: what they stand in."""

    code: str
    wrong: str
    right: str
    frame: str = RULE
    file: str = "rules"


_LONG = "one two three four five six seven eight nine ten " * 3

EXAMPLES = (
    Example("bad-argument", "then = no-prompt please", "then = no-prompt", SALE),
    Example("bad-condition", "if Amount Short > 0", "if Amount Short is >0"),
    Example("bad-header", "[A rule\non = receipt\nthen = report", "[A rule]\non = receipt\nthen = report", WHOLE),
    Example("bad-replaces", "replaces = Other", "# in rules/stores/S0001: replaces = Other"),
    Example("bad-value", "priority = high", "priority = 50"),
    Example("case-failed", "expect footer = signup", "expect footer =", CASE, file="cases"),
    Example("comment-in-value", "if Club is GOLD # only gold", "# only gold\nif Club is GOLD"),
    Example("doubled-condition", "if Club is <>GOLD\nif Club is <>SILVER", "if Club is <>GOLD&<>SILVER"),
    Example("doubled-key", "priority = 5\npriority = 6", "priority = 5"),
    Example("doubled-section", "[A rule]\non = receipt\nthen = report", "[Another]\non = receipt\nthen = report"),
    Example("empty-file", "# nothing", "[A rule]\non = receipt\nthen = report", WHOLE),
    Example("empty-filter", "if Club is", "if Club is ''"),
    Example("empty-text", "en =", "en = Not today.", TEXT),
    Example("fact-not-here", "if Points Cost is >5\nthen = no-prompt", "if Visits is >5\nthen = no-prompt", SALE),
    Example("filter-blank", "if Discount Value is ''", "if Discount Value is 0"),
    Example("filter-boolean", "if Minor is maybe", "if Minor is No"),
    Example("filter-character", "if Club is ‘GOLD’", "if Club is 'GOLD'"),
    Example("filter-date", "if Date is 31.05.2026", "if Date is 2026-05-31"),
    Example("filter-doubtful", "if Store No. is 9..100", "if Store No. is 009..100"),
    Example("filter-missing-operator", "if Quantity is >5 <9", "if Quantity is >5&<9"),
    Example("filter-missing-value", "if Quantity is >", "if Quantity is >5"),
    Example("filter-mixed", "if Club is A|B&<>C", "if Club is A|(B&<>C)"),
    Example("filter-number", "if Quantity is 1,5", "if Quantity is 1.5"),
    Example("filter-operator", "if Loyalty Status is >Known", "if Loyalty Status is Known|Member"),
    Example("filter-option", "if Loyalty Status is Membr", "if Loyalty Status is Member"),
    Example("filter-parenthesis", "if Club is (A|B", "if Club is (A|B)"),
    Example("filter-quote", "if Discount Name is 'x", "if Discount Name is 'x'"),
    Example("filter-time", "if Time is 9 pm..", "if Time is 21:00.."),
    Example("filter-token", "if Staff ID is %me", "if Staff ID is 101"),
    Example("filter-too-long", "if Club is " + "A|" * 520 + "B", "if Club is A*|B"),
    Example("filter-too-many-terms", "if Club is " + "A|" * 110 + "B", "if Club is A*|B"),
    Example("filter-wildcard", "if Quantity is 1*", "if Quantity is 10..19"),
    Example("hidden-rule", "[Late]\non = receipt\nthen = footer plain\npriority = 9\n"
            "[Early]\non = receipt\nthen = footer wallet\npriority = 5",
            "[Late]\non = receipt\nthen = footer plain\npriority = 9\n"
            "[Early]\non = receipt\nif Club is GOLD\nthen = footer wallet\npriority = 5", WHOLE),
    Example("indented", "  if Club is GOLD", "if Club is GOLD"),
    Example("long-line", "if Club is " + "A" * 4000, "if Club is A*"),
    Example("long-text", "en = " + _LONG, "en = Not today.", TEXT),
    Example("missing-key", "if Club is GOLD", "then = no-prompt\nif Club is GOLD", SALE),
    Example("never-holds", "if Quantity is >5\nunless Quantity is >3", "if Quantity is >5"),
    Example("no-rules", "", "[A rule]\non = receipt\nthen = report", WHOLE),
    Example("no-section", "on = receipt", "[A rule]\non = receipt\nthen = report", WHOLE),
    Example("not-understood", "priority 50", "priority = 50"),
    Example("odd-character", "priority\u00a0= 50", "priority = 50"),
    Example("private-fact", "en = You have {Points Balance} points.", "en = Ask for {Discount Value}.", TEXT),
    Example("same-rule", "[Twin]\non = wallet\nthen = hide-discount", "[Twin]\non = wallet\nthen = require-pin"),
    Example("stack-not-discounts", "among Store No. is S0001\nkeep = largest 1",
            "among Coupon Code is *\nif Store No. is S0001\nkeep = largest 1", STACK),
    Example("stray-brace", "en = Needs {Amount Needed.", "en = Needs {Amount Needed}.", TEXT),
    Example("tie", "[One]\non = receipt\nif Age is >20\nthen = footer plain\n"
            "[Two]\non = receipt\nif Visits is 0\nthen = footer wallet",
            "[One]\non = receipt\nif Age is >20\nthen = footer plain\n"
            "[Two]\non = receipt\nif Visits is 0\nthen = footer wallet\npriority = 50", WHOLE),
    Example("unknown-fact", "if Amount Shrt is >0", "if Amount Short is >0"),
    Example("unknown-field", "sum = Line Colour", "sum = Line Amount", FACT),
    Example("unknown-key", "prioriti = 50", "priority = 50"),
    Example("unknown-moment", "[B]\non = walet\nthen = require-pin", "[B]\non = wallet\nthen = require-pin"),
    Example("unknown-table", "count = Lines", "count = Line", FACT),
    Example("unknown-template", "[B]\non = receipt\nthen = footer purse", "[B]\non = receipt\nthen = footer wallet"),
    Example("unknown-text", "[B]\non = basket\nthen = report hello",
            "[B]\non = basket\nthen = report hello\n[text hello]\nen = Hello."),
    Example("unknown-verb", "[B]\non = wallet\nthen = requir-pin", "[B]\non = wallet\nthen = require-pin"),
    Example("verb-not-here", "[B]\non = wallet\nthen = no-wallet", "[B]\non = basket\nthen = no-wallet"),
    Example("verbs-exclude", "then = prompt-signup, no-prompt", "then = no-prompt", SALE),
    Example("wrong-word", "where Club is GOLD", "if Club is GOLD"),
    Example("missing-section", AIQ, f"{NAV}\n{AIQ}", "{}\n[store S0001]\ntime-zone = America/Denver\n", "profile"),
    Example("refused-settings", "redeem-at = total", "redeem-at = posted", PROFILE, "profile"),
    Example("unknown-section", "[stroe S0002]\ntime-zone = America/Denver", "[store S0002]\ntime-zone = America/Denver",
            PROFILE, "profile"),
    Example("personal-link", "wallet-url = https://lab.alpineiq.com/wallet/1234?email=ana@example.com",
            "wallet-url = https://lab.alpineiq.com/wallet/1234", PROFILE, "profile"),
    Example("long-link", f"receipt-width = 32\nwallet-url = https://lab.alpineiq.com/{'our-regular-guests/' * 11}",
            "receipt-width = 32\nwallet-url = https://lab.alpineiq.com/wallet/1234", PROFILE, "profile"),
    Example("bad-address", '{{ qr("wallet") }}', "{{ qr(wallet_url) }}", WHOLE, "template"),
    Example("line-too-wide", "Thank you very much for visiting our store today",
            "Thank you very much\nfor visiting our store today", WHOLE, "template"),
    Example("lost-character", "Gracias \u2665", "Gracias", WHOLE, "template"),
    Example("template-refused", "{% for n in [1, 2] %}{{ n }}{% endfor %}", "{% if store_name %}1 2{% endif %}", WHOLE,
            "template"),
    Example("template-syntax", "{{ store_name }", "{{ store_name }}", WHOLE, "template"),
    Example("unknown-filter", "{{ store_name | centre }}", "{{ store_name | center }}", WHOLE, "template"),
    Example("unknown-function", "{{ barcode(wallet_url) }}", "{{ qr(wallet_url) }}", WHOLE, "template"),
    Example("unknown-name", "{{ stoer_name }}", "{{ store_name }}", WHOLE, "template"),
)  # fmt: skip

ELSEWHERE = {
    "bad-json": "a JSON file",
    "excel-changed": "a cell of `rules import`",
    "excel-sheet": "a sheet of `rules import`",
    "matchers-differ": "a case; it is ours to mend",
    "missing-setting": "a rule that asks for a setting which the profile has not",
    "no-file": "a folder",
    "no-offer": "`rules check --offers`",
    "not-text": "a file that is no text",
    "template-too-long": "a receipt template",
    "too-many": "a folder of more than 250 rules",
}
"""Codes that no line of a file can show, with where they come from."""
