"""The rule, without a database: documents → stage → what is due."""

from itertools import combinations_with_replacement, product

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..rule.stage import (
    FILLED_IN,
    MILESTONES,
    STAGE_OF,
    STAGES,
    TERMINAL,
    Facts,
    Move,
    derive_stage,
    plan_signals,
)

ORDER_OF_API = list(MILESTONES.values())
MIDDLE = ("ItemProduce", "ItemProduced", "ItemPacked")
thoroughly = settings(deadline=None, derandomize=True, database=None, max_examples=300)

# Moves to the customer: the delivery itself, and a pick or pack step before it.
DRAFT, OPEN, DONE, CANCELED = (Move(state, final=True) for state in ("draft", "open", "done", "cancel"))
PACKED, DONE_PACKED = OPEN._replace(packed=True), DONE._replace(packed=True)
PICK, PICKED, PICK_CANCELED = (Move(state, final=False) for state in ("open", "done", "cancel"))
PICK_PACKED = PICK._replace(packed=True)

ORDERED = Facts(accepted=True)
CALLED_OFF = Facts(canceled=True)
HAND_MADE = Facts(enough=False)

# name: (manufacturing orders, moves to the customer, the item's stage[, other facts])
SITUATIONS = {
    "nothing but ids": ("", [], "new"),
    "accepted, nothing made of it yet": ("", [], "registered", ORDERED),
    "quotation": ("draft", [DRAFT], "new"),
    "manufacturing order confirmed": ("open", [], "registered"),
    "sold: both confirmed": ("open", [OPEN], "registered"),
    "sold from stock": ("", [OPEN], "registered"),
    "transfer drafted by hand": ("", [DRAFT], "new"),
    "first work order started": ("started", [OPEN], "in_production"),
    "started before the delivery exists": ("started", [], "in_production"),
    "part produced, the rest in a backorder": ("done open", [OPEN], "in_production"),
    "part produced, the backorder started": ("done started", [OPEN], "in_production"),
    "part produced, the backorder drafted": ("done draft", [OPEN], "in_production"),
    "the last backorder produced": ("done done", [OPEN], "produced"),
    "part produced, the rest canceled": ("done cancel", [OPEN], "produced"),
    "made, nothing to deliver": ("done", [], "produced"),
    "reprint open beside a canceled order": ("cancel open", [OPEN], "registered"),
    "reprint started beside the first print": ("done started", [OPEN], "in_production"),
    "two orders, one started": ("open started", [OPEN], "in_production"),
    # packed
    "all of it in packages": ("done", [PACKED], "packed"),
    "from stock, all of it in packages": ("", [PACKED], "packed"),
    "2 of 4 reserved and packed": ("done", [OPEN], "produced"),
    "one of two moves packed": ("done", [PACKED, OPEN], "produced"),
    "both moves packed": ("done", [PACKED, PACKED], "packed"),
    "packed, but still being made": ("started", [PACKED], "in_production"),
    "packed, and more of it in a backorder": ("done open", [PACKED], "in_production"),
    "packed in the pick step": ("done", [PICK_PACKED], "packed"),
    "pick step packed and done, the delivery keeps the package": ("done", [PICKED, PACKED], "packed"),
    "pick step done, nothing packed": ("done", [PICKED, OPEN], "produced"),
    "from stock, pick step done, the delivery not made yet": ("", [PICKED], "registered"),
    "part picked and packed, the rest open": ("done", [PICKED, PACKED, PICK], "produced"),
    "packed beside a canceled move": ("done", [CANCELED, PACKED], "packed"),
    # shipped
    "delivered": ("done", [DONE], "shipped"),
    "delivered from stock": ("", [DONE], "shipped"),
    "delivered in three steps": ("done", [PICKED, PICKED, DONE], "shipped"),
    "part delivered, a backorder open": ("done", [DONE, OPEN], "produced"),
    "part of three steps delivered": ("done", [PICKED, DONE, PICK], "produced"),
    "the last backorder delivered": ("done", [DONE, DONE, DONE], "shipped"),
    "part delivered in packages, the rest packed": ("done", [DONE_PACKED, PACKED], "packed"),
    "part delivered without a package, the rest packed": ("done", [DONE, PACKED], "produced"),
    "part delivered in packages, the rest not packed": ("done", [DONE_PACKED, OPEN], "produced"),
    "part delivered, the rest not (another move)": ("done", [DONE, CANCELED], "shipped"),
    "kit: cover delivered, block in a backorder": ("done done", [DONE, OPEN], "produced"),
    "kit: cover delivered, block given up": ("done done", [DONE, CANCELED], "shipped"),
    "delivered while an order was forgotten open": ("done open", [DONE], "shipped"),
    "delivered from stock, its order never started": ("open", [DONE], "shipped"),
    "delivered, then an exchange": ("done", [DONE, OPEN], "produced"),
    "hand-made delivery, more to come": ("", [DONE], "registered", HAND_MADE),
    "hand-made delivery, an earlier one canceled": ("", [CANCELED, DONE], "registered", HAND_MADE),
    "over-delivered": ("done", [DONE], "shipped"),
    "quantity zeroed after part was delivered": ("started", [DONE, CANCELED], "shipped"),
    # canceled
    "only order canceled, nothing to deliver": ("cancel", [], "canceled"),
    "sold from stock, delivery canceled": ("", [CANCELED], "canceled"),
    "both canceled": ("cancel", [CANCELED], "canceled"),
    "three steps, canceled after the pick": ("done", [PICKED, CANCELED], "canceled"),
    "three steps, pick canceled": ("cancel", [PICK_CANCELED], "canceled"),
    "made, then the delivery canceled": ("done", [CANCELED], "canceled"),
    "delivery canceled, still being made": ("started", [CANCELED], "in_production"),
    "delivery canceled, not begun": ("open", [CANCELED], "registered"),
    "order canceled, delivery open": ("cancel", [OPEN], "registered"),
    "canceled, but a replacement is open": ("cancel draft", [CANCELED], "new"),
    "canceled delivery replaced by another": ("cancel", [CANCELED, OPEN], "registered"),
    "canceled by a user before anything": ("", [], "canceled", CALLED_OFF),
    "canceled by a user while being made": ("started", [OPEN], "canceled", CALLED_OFF),
    "canceled by a user when packed": ("done", [PACKED], "canceled", CALLED_OFF),
    "canceled by a user after it left": ("done", [DONE], "shipped", CALLED_OFF),
    "rejected": ("", [], "canceled", CALLED_OFF._replace(accepted=True)),
}

states = st.sampled_from(("draft", "open", "started", "done", "cancel"))
moves = st.builds(Move, st.sampled_from(("draft", "open", "done", "cancel")), *[st.booleans()] * 2)
facts = st.builds(
    Facts,
    st.booleans(),
    st.booleans(),
    st.lists(states, max_size=4).map(tuple),
    st.lists(moves, max_size=4).map(tuple),
    st.booleans(),
)
reported_types = st.sets(st.sampled_from(MIDDLE))
# events between two evaluations of an item: its stage, actions of the sender and users on its rows, a company's choice
events = st.one_of(
    st.tuples(st.just("stage"), st.sampled_from(STAGES)),
    st.tuples(st.just("post"), st.integers(0, 6)),
    st.tuples(st.just("report"), reported_types),
)


def rank(name):
    return STAGES.index(STAGE_OF.get(name, name))


class Outbox:
    """Rows as `_make_due_signals` keeps them: in the order of their creation."""

    def __init__(self):
        self.live, self.posted, self.history = [], [], []

    def apply(self, plan):
        self.live = [row for row in self.live if row not in plan.withdraw]
        self.live += [signal_type for signal_type, _origin in plan.create]
        self.history.append(plan)

    def plan(self, stage, reported):
        return plan_signals(stage, set(self.live), set(self.posted), reported)

    def post(self, index):
        """Attempt one of the rows as the sender does, often but not always the oldest (others need attention)."""
        unposted = [row for row in self.live if row not in self.posted]
        if unposted:
            self.posted.append(unposted[index % len(unposted)])


@tagged("post_install", "-at_install", "cloudprinter")
class TestStage(BaseCase):
    def test_situations(self):
        for name, (productions, moves_, expected, *rest) in SITUATIONS.items():
            with self.subTest(name):
                given_facts = (rest[0] if rest else Facts())._replace(
                    productions=tuple(productions.split()), moves=tuple(moves_)
                )
                self.assertEqual(derive_stage(given_facts), expected, given_facts.as_text())

    @thoroughly
    @given(facts)
    def test_every_combination_has_a_stage(self, seen):
        self.assertIn(derive_stage(seen), STAGES)

    @thoroughly
    @given(facts)
    def test_what_never_lowers_the_stage(self, seen):
        """Acceptance, progress in production, packing and delivery never lower the stage."""
        before = rank(derive_stage(seen))
        forward = {
            "accepted": seen._replace(accepted=True),
            "enough left": seen._replace(enough=True),
            "packed": seen._replace(moves=tuple(move._replace(packed=True) for move in seen.moves)),
        }
        steps = ("draft", "open", "started", "done")
        for step, following in zip(steps, steps[1:]):
            forward[f"{step} → {following}"] = seen._replace(
                productions=tuple(following if state == step else state for state in seen.productions)
            )
        if any(move.final for move in seen.moves) and seen.enough and not seen.canceled:
            forward["all left"] = seen._replace(
                moves=tuple(m if m.state == "cancel" else m._replace(state="done") for m in seen.moves)
            )
        for name, after in forward.items():
            self.assertGreaterEqual(rank(derive_stage(after)), before, f"{name}: {seen.as_text()} → {after.as_text()}")

    @thoroughly
    @given(facts)
    def test_what_each_stage_means(self, seen):
        stage = derive_stage(seen)
        leaving = [move for move in seen.moves if move.state in ("draft", "open")]
        left = [move for move in seen.moves if move.final and move.state == "done"]
        making = [state for state in seen.productions if state in ("draft", "open", "started")]
        if stage == "shipped":
            self.assertTrue(left and not leaving)
        if stage == "canceled":
            self.assertFalse(left)
            self.assertTrue(seen.canceled or not (leaving or making))
        if stage == "packed":
            self.assertTrue(leaving and all(move.packed for move in leaving))
        if stage in ("packed", "produced"):
            self.assertFalse(making)
        if stage == "produced":
            self.assertIn("done", seen.productions)
        if seen.canceled:
            self.assertEqual(stage == "canceled", not left)

    @thoroughly
    @given(facts, st.randoms(use_true_random=False))
    def test_text_ignores_the_order_of_documents(self, seen, random):
        shuffled = seen._replace(
            productions=tuple(random.sample(seen.productions, len(seen.productions))),
            moves=tuple(random.sample(seen.moves, len(seen.moves))),
        )
        self.assertEqual(shuffled.as_text(), seen.as_text())

    def test_text_differs_where_facts_differ(self):
        """Every set of up to two orders and two moves has its own text, so that another stage has another text."""
        all_moves = [Move(*values) for values in product(("draft", "open", "done", "cancel"), *[(False, True)] * 2)]
        some_orders = [c for n in range(3) for c in combinations_with_replacement(("open", "done", "cancel"), n)]
        some_moves = [c for n in range(3) for c in combinations_with_replacement(all_moves, n)]
        flags = list(product((False, True), repeat=2))
        texts = {
            Facts(accepted, False, orders, moves_, enough).as_text()
            for (accepted, enough), orders, moves_ in product(flags, some_orders, some_moves)
        }
        self.assertEqual(len(texts), len(flags) * len(some_orders) * len(some_moves))
        self.assertNotEqual(Facts().as_text(), Facts(canceled=True).as_text())


@tagged("post_install", "-at_install", "cloudprinter")
class TestPlan(BaseCase):
    def test_due_from_nothing(self):
        """An item is first seen at a stage: skipped milestones are filled in, but packing is never assumed."""
        for stage, expected in {
            "new": [],
            "registered": ["ItemRegistered"],
            "in_production": ["ItemRegistered", "ItemProduce"],
            "produced": [*FILLED_IN],
            "packed": [*FILLED_IN, "ItemPacked"],
            "shipped": [*FILLED_IN, "ItemShipped"],
            "canceled": ["ItemRegistered", "ItemCanceled"],
        }.items():
            with self.subTest(stage):
                plan = plan_signals(stage, set(), set())
                origins = ["filled"] * (len(expected) - 1) + ["observed"] * bool(expected)
                self.assertEqual(plan, (list(zip(expected, origins)), set()))
        due = [*FILLED_IN, "ItemPacked", "ItemShipped"]
        self.assertEqual([t for t, _origin in plan_signals("shipped", set(), set(), packed=True)[0]], due)
        self.assertEqual(
            [t for t, _origin in plan_signals("canceled", set(), set(), called_off=True)[0]], ["ItemCanceled"]
        )

    def test_named_plans(self):
        """Signals by the stages that they report: (stage, in the outbox, of those posted, due, withdrawn)."""
        made = "registered in_production produced"
        for name, (stage, *columns) in {
            "canceled before anything was sent": ("canceled", made, "", "canceled", "in_production produced"),
            "canceled when shipping was not sent": ("canceled", f"{made} shipped", made, "canceled", "shipped"),
            "shipped, and packed is no longer true": ("shipped", f"{made} packed", made, "shipped", "packed"),
            "canceled when shipping was sent": ("canceled", f"{made} shipped", f"{made} shipped", "", ""),
            "reprinted in time": ("registered", "registered canceled", "registered", "", "canceled"),
            "reprinted too late": ("produced", "registered canceled", "canceled", "", ""),
            "unpacked in time": ("produced", f"{made} packed", made, "", "packed"),
            "unpacked after packing was sent": ("produced", f"{made} packed", f"{made} packed", "", ""),
            "packed again": ("packed", made, made, "packed", ""),
            "started again after produced was sent": ("in_production", made, made, "", ""),
            "shipped from stock": ("shipped", "registered", "", "in_production produced shipped", ""),
            "exchange before shipping was sent": ("produced", f"{made} shipped", made, "", "shipped"),
        }.items():
            with self.subTest(name):
                live, posted, due, withdrawn = ([MILESTONES[of] for of in column.split()] for column in columns)
                plan = plan_signals(stage, set(live), set(posted))
                self.assertEqual([signal_type for signal_type, _origin in plan.create], due)
                self.assertEqual(plan.withdraw, set(withdrawn))

    def test_company_choices(self):
        self.assertEqual(
            [t for t, _origin in plan_signals("shipped", set(), set(), reported=())[0]],
            ["ItemRegistered", "ItemShipped"],
            "the ends are always reported",
        )
        plan = plan_signals("packed", {"ItemRegistered", "ItemPacked"}, set())
        self.assertEqual(plan, ([], set()), "switched on later: never back")

    @thoroughly
    @given(st.lists(events, max_size=25))
    def test_any_history(self, history):
        outbox, stage, reported = Outbox(), "new", MIDDLE
        for kind, value in history:
            if kind == "post":
                outbox.post(value)
            elif kind == "report":
                reported = value
            else:
                stage = value
            plan, before, posted = outbox.plan(stage, reported), list(outbox.live), list(outbox.posted)
            outbox.apply(plan)
            created = [signal_type for signal_type, _origin in plan.create]

            self.assertEqual(outbox.live, sorted(set(outbox.live), key=ORDER_OF_API.index), "in order, nothing twice")
            self.assertFalse(plan.withdraw.intersection(posted), "what was posted is never withdrawn")
            self.assertLessEqual(plan.withdraw, set(before))
            self.assertFalse(created and set(posted).intersection(TERMINAL), "nothing after a posted end")
            furthest = max(map(rank, posted), default=-1)
            self.assertTrue(all(rank(signal_type) > furthest for signal_type in created), "never back")
            self.assertLessEqual(set(created).intersection(MIDDLE), set(reported))
            self.assertNotIn("ItemPacked", [t for t, _origin in plan.create if stage != "packed"], "never assumed")
            self.assertEqual(outbox.plan(stage, reported), ([], set()), "a second look finds nothing to do")
            if stage != "new" and not set(posted).intersection(TERMINAL):
                unsent = [row for row in outbox.live if row not in posted]
                self.assertTrue(all(rank(row) <= rank(stage) for row in unsent), "nothing waits that is not true")
