"""The outbox is part of the user's transaction: what is rolled back is not reported."""

from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import ORDER
from .test_manufacturing import PRODUCED, REGISTERED, STARTED, ManufacturingCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestOutbox(ManufacturingCase):
    def test_tracking_disabled(self):
        production = self.make().with_context(tracking_disable=True, mail_notrack=True)
        production.button_mark_done()
        self.assert_outbox(production.cloudprinter_item_ids, PRODUCED)

    def test_made_once_however_often_the_hook_runs(self):
        production = self.make()
        item = production.cloudprinter_item_ids
        for _time in range(2):
            item._queue_signals()
            with self.env.cr.savepoint():
                production.action_start()
            item.sudo()._make_due_signals()
        self.assert_outbox(item, STARTED)

    def test_rolled_back(self):
        production = self.make()
        item = production.cloudprinter_item_ids
        with self.assertRaises(RuntimeError), self.env.cr.savepoint():
            self.produce(production)
            self.assert_outbox(item, PRODUCED)
            raise RuntimeError("changed my mind")
        self.assert_outbox(item, REGISTERED)
        with self.assertRaises(RuntimeError), self.env.cr.savepoint():
            production.button_mark_done()
            raise RuntimeError("before anything was flushed")
        self.assert_outbox(item, REGISTERED)
        self.assertEqual(item.stage, "registered")

    def test_unsaved_form(self):
        production = self.make()
        form = Form(production)
        form.qty_producing = 5
        del form
        Form(production.browse()).cloudprinter_order_ref = "unsaved"
        self.assert_outbox(production.cloudprinter_item_ids, REGISTERED)
        self.assertFalse(self.env["cloudprinter.order"].search([("name", "=", "unsaved")]))

    def test_deleted_item(self):
        """The item is deleted in the transaction that made something due: the others are not affected."""
        order = self.env["cloudprinter.order"]._get_or_create(ORDER, self.company)
        item = self.env["cloudprinter.item"].create({"order_id": order.id, "name": "deleted"})
        self.env.cr.flush()
        with self.assertNoLogs("odoo.addons.cloudprinter", "WARNING"):
            kept = self.make("kept", confirm=False)
            kept.action_confirm()
            item._queue_signals()
            item.unlink()
            self.env.cr.flush()
        self.assert_outbox(kept.cloudprinter_item_ids, REGISTERED)

    @mute_logger("odoo.addons.cloudprinter.models.cloudprinter_item_outbox")
    def test_our_errors_do_not_stop_the_shop_floor(self):
        production = self.make()
        item = production.cloudprinter_item_ids
        self.patch(type(item), "_get_source", lambda *args: 1 / 0)
        self.produce(production)
        self.assertEqual(production.state, "done")
        self.assert_outbox(item, REGISTERED)

    def test_the_errors_of_others_are_theirs(self):
        """Another add-on refuses the transaction in its own hook: this is not suppressed."""
        production = self.make()

        def refuse():
            raise UserError(production.name)

        with self.assertRaises(UserError):
            production.button_mark_done()
            production.cloudprinter_item_ids._queue_signals()
            self.env.cr.precommit.add(refuse)
            self.env.cr.flush()

    def test_derived_fields_cannot_be_written(self):
        item = self.make().cloudprinter_item_ids
        for values in ({"stage": "shipped"}, {"facts": ""}, {"name": "other", "stage": "produced"}):
            with self.assertRaisesRegex(UserError, "follows from the documents"):
                item.with_user(self.manager).write(values)
            with self.assertRaisesRegex(UserError, "follows from the documents"):
                item.with_user(self.manager).create({"order_id": item.order_id.id, "name": "new", **values})
        self.assertEqual(item.stage, "registered")

    def test_linked_when_already_done(self):
        """All milestones at once, observed or filled in, with the document's own time."""
        production = self.make(item=None)
        with self.later(days=-1):
            self.produce(production)
        with Form(production) as form:
            form.cloudprinter_order_ref = ORDER
            form.cloudprinter_item_ref = "late"
        item = production.cloudprinter_item_ids
        self.assert_outbox(item, PRODUCED)
        signals = self.get_outbox(item)
        self.assertEqual(signals.mapped("origin"), ["filled", "filled", "observed"])
        self.assertEqual(set(signals.mapped("event_date")), {production.date_finished})

    def test_import(self):
        """Many linked orders in one create: one signal each, created together."""
        productions = (
            self.env["mrp.production"]
            .with_user(self.operator)
            .create(
                [
                    {
                        "product_id": self.book.id,
                        "product_qty": 1,
                        "cloudprinter_order_ref": f"import-{number % 5}",
                        "cloudprinter_item_ref": f"item-{number}",
                    }
                    for number in range(40)
                ]
            )
        )
        productions.action_confirm()
        items = productions.cloudprinter_item_ids
        self.assertEqual((len(items), len(items.order_id)), (40, 5))
        self.assert_outbox(items, REGISTERED * 40)
        self.assertEqual(self.get_outbox(items).item_id, items)
