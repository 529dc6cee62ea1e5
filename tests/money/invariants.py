"""Invariants of reliability.md 5 as design.md 6 reads them: checked after each round, and once all has come home."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from navplugin.core.model import Claim, SaleState
from navplugin.openings import latest_by_code
from tests.money.aiq import CODES, MEMBER
from tests.money.books import audited
from tests.money.till import ReturnSale, Till
from tests.money.world import World

MOVES_A_CODE = 8
"""I17: calls that move points, for each receipt and coupon code of a run with one fault."""


def check_now(world: World) -> None:
    """What must hold at every moment."""
    say = world.violations.append
    for receipt in world.setup.receipts:
        for code in CODES:
            net = world.aiq.net(world.sales[receipt].row().sale_guid, code)
            if net > 1 and not _is_known_stray(world, receipt, code):
                say(f"I2: {receipt} {code}: points were taken twice")
            if net < 0 and not _is_known_stray(world, receipt, code):
                say(f"I9: {receipt} {code}: points were given back twice")
            takes_early = world.setup.redeem_at == "select" and "usurp" not in world.io.plan.values()
            if takes_early and net == 0 and _is_on_open_sale(world.sales[receipt], code):
                say(f"I1: {receipt} {code}: the line stands and the points are not taken")
    if world.setup.owed != "adjust" and min(world.aiq.points.values()) < 0:
        say("I2: more points were taken than there are")
    if world.setup.lookup == "blind" and world.aiq.refunds:
        say("I9: a refund was sent in blind")
    told = Counter(row[0] for row in world.store.journal if row[1] == "tell the cashier")
    if any(times > 1 for times in told.values()):
        say("I17: AIQ refused, and was asked again")
    if world.aiq.moves > MOVES_A_CODE * len(CODES) * len(world.setup.receipts):
        say(f"I17: {world.aiq.moves} calls that move points")


def _is_known_stray(world: World, receipt: str, code: str) -> bool:
    """A stall between the last question and the first byte cannot be prevented: the worker that woke up says so."""
    claims = (c for c in world.store.claims.values() if (c.receipt_no, c.coupon_code) == (receipt, code))
    return world.io.after_question and any("two calls" in c.reason for c in claims)


def _is_on_open_sale(till: Till | ReturnSale, code: str) -> bool:
    """A line that the session put there for a pick."""
    if not isinstance(till, Till) or not till.state.is_open or code not in till.lines:
        return False
    return code in till.grants and till.grants[code].status.is_picked


LOST = ("restore", "lose", "usurp")


def check_end(world: World) -> None:
    """What must be true once nothing is in flight any more. Where a ledger was put back or lost, something may be
    beyond the worker's means, if the audit names it; where all is well, the audit is silent."""
    before, found = len(world.violations), audited(world)
    for receipt in world.setup.receipts:
        till = world.sales[receipt]
        assert isinstance(till, Till)
        for code in CODES:
            _check_code(world, till, code)
    _check_ledger(world)
    named = {(f.receipt_no, f.coupon_code) for f in found}
    if any(what.startswith(LOST) for what in world.io.plan.values()):
        wrong = world.violations[before:]
        world.violations[before:] = [w for w in wrong if not _is_named(w, named) and not _nobody_can_know(world)]
    elif not world.violations:
        world.violations += [f"audit: {f}" for f in found if not _may_be_found(world, f.receipt_no, f.coupon_code)]


def _nobody_can_know(world: World) -> bool:
    """Given back by an adjustment, which AIQ does not list, at the very moment at which the ledger was lost, and the
    return voided after that."""
    voided = any(isinstance(s, ReturnSale) and s.voided for s in world.sales.values())
    return world.setup.refund == "adjust" and voided


def _is_named(violation: str, named: set[tuple[str, str]]) -> bool:
    """Whether the audit names the receipt and discount of a violation, or the receipt as a whole."""
    return violation.startswith(("I1", "I5", "I12")) and any(r in violation and c in violation for r, c in named)


def _may_be_found(world: World, receipt: str, code: str) -> bool:
    """What a person still has to do may be found too."""
    claims = [c for c in world.store.claims.values() if c.receipt_no == receipt and code in ("", c.coupon_code)]
    return any(c.needs_person for c in claims) or world.sales[receipt].row().state.is_open


def _check_code(world: World, till: Till, code: str) -> None:
    def say(what: str) -> None:
        world.violations.append(f"{what} [{till.receipt_no} {code}: {state}, {net} times taken, claim {end}]")

    mine = [c for c in world.store.claims.values() if c.receipt_no == till.receipt_no and c.coupon_code == code]
    claims = [c for c in mine if c.sale_guid == till.row().sale_guid]
    last = latest_by_code(claims).get(code)
    end = last.end.value if last else "none"
    net = world.aiq.net(till.row().sale_guid, code)
    sold = till.state is SaleState.POSTED and till.posted is not None and till.posted.get(code, Decimal(0)) > 0
    state = f"{till.state} {'with' if sold else 'without'} the discount"
    if till.gone:
        if end == "OPEN":
            say("I8: a vanished sale's claim stays open")
        return
    if till.state.is_open:
        most = 2 if _is_known_stray(world, till.receipt_no, code) else 1
        if net > (most if world.setup.redeem_at != "posted" else 0):
            say("I1: taken too early")
        if end == "OPEN" and code not in till.lines and world.setup.redeem_at != "select":
            say("a line that the cashier removed leaves a claim behind")
        return
    if code in till.typed_seen and sold and not world.io.plan and not world.deaths:
        say("a typed coupon was seen and not removed")
    if sold and not last:
        say("I5: a posted line without a claim")
    if end == "OPEN":
        say("I8: not over")
    if len(claims) > 4:
        say(f"I17: {len(claims)} claims for one pick")
    if any(c.told for c in claims) and net and not sold:
        say("told No and taken all the same")
    if end == "SUSPECT":
        if last is not None and not _may_be_suspect(world, till, last):
            say(f"I11: suspect for no allowed reason: {last.reason}")
        return
    given = _given_back(world, till)
    wanted = 1 if sold and end == "SETTLED" and not given else 0
    if sold and end not in ("SETTLED", "OWED") and not given:
        say("I1: a posted discount that nobody answers for")
    if net != wanted:
        say(f"I1, I3: {wanted} expected")
    if end == "OWED" and not _may_be_owed(world):
        say("I11: owed although nobody else spent the points")
    if end == "SETTLED" and sold and not given:
        if last is None or till.member != last.member_card_no or till.member not in _charged(world, last):
            say("I4: settled for another member")
        if till.floor and till.basket < CODES[code][0]:
            say("I10: settled below the minimum")


def _charged(world: World, claim: Claim) -> set[str]:
    return {one.member for one in (*world.aiq.taken, *world.aiq.adjusted) if one.key == claim.key}


def _given_back(world: World, till: Till) -> bool:
    """Whether returns call for the points by this policy."""
    returns = (s for s in world.sales.values() if isinstance(s, ReturnSale) and s.sold == till.receipt_no)
    back = sum(s.quantity for s in returns if not s.voided)
    setup = world.setup
    return (back >= 2 and setup.full_return == "give") or (back == 1 and setup.part_return == "give")


def _may_be_suspect(world: World, till: Till, claim: Claim) -> bool:
    setup, planned = world.setup, set(world.io.plan.values())
    moves = [row[1] for row in world.store.journal if row[0] == claim.key]
    disagrees = till.member != claim.member_card_no or (till.floor and till.basket < CODES[claim.coupon_code][0])
    unknown = "sent" in moves or "refund sent" in moves or "collection sent" in moves
    return (
        (disagrees and till.posted is not None and (till.posted_unseen or bool(planned)))
        or (setup.lookup == "blind" and (unknown or claim.taken_at is not None))
        or (setup.refund == "manual" and claim.taken_at is not None)
        or (setup.refund == "adjust" and "refund sent" in moves)
        or "collection sent" in moves
        or (unknown and (world.aiq.spent or setup.hidden or setup.blank_listing))
        or _is_in_doubt(world, claim)
        or "points now, the member was shown" in claim.reason
        or (unknown and any(c.given_back for c in world.store.claims.values() if c.key != claim.key))
        or (world.aiq.moved and ("another person" in claim.reason or unknown))
        or _is_known_stray(world, claim.receipt_no, claim.coupon_code)
        or ("refuse" in planned and "refund sent" in moves)
        or "sale missing" in moves
    )


def _is_in_doubt(world: World, claim: Claim) -> bool:
    """A ledger was put back or took over, and nothing shows what became of the points."""
    if "took over" not in claim.reason:
        return False
    setup = world.setup
    silent = setup.drops_refunded or setup.blank_listing or not world.aiq.taken
    return silent or setup.lookup == "blind" or setup.refund == "adjust"


def _may_be_owed(world: World) -> bool:
    return "refuse" in world.io.plan.values() or world.aiq.points[MEMBER] < 100 or not world.aiq.offered


def _check_ledger(world: World) -> None:
    for claim in world.store.claims.values():
        row = world.sales[claim.receipt_no].row()
        if claim.end == "OPEN" and not (row.state.is_open and row.sale_guid == claim.sale_guid):
            world.violations.append(f"I8: {claim.key} is never over")
    known = {(c.receipt_no, c.coupon_code) for c in world.store.claims.values()}
    for one in world.aiq.taken:
        guid = one.key.split("/")[3]
        if (one.receipt_no, one.code) not in known and world.aiq.net(guid, one.code):
            world.violations.append(f"I12: AIQ has a redemption for {one.receipt_no} {one.code} that nobody knows")
    last = {row[0]: row for row in world.store.journal}
    for key, claim in world.store.claims.items():
        if last.get(key, ("", "", "", ""))[2:4] != (str(claim.points), str(claim.end)):
            world.violations.append(f"I13: the journal does not lead to {key}")
