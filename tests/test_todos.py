"""To-dos: one for each thing that needs a user, closed when it is settled."""

from pathlib import Path

from odoo.tests import new_test_user, tagged

from odoo.addons.cloudprinter import order_document

from .common import CloudprinterCase, DeliveryCase

DOCUMENTS = Path(__file__).parent / "order_documents"


@tagged("post_install", "-at_install", "cloudprinter")
class TestTodos(DeliveryCase, CloudprinterCase):
    """The sender creates to-dos, one for each thing, and closes them automatically."""

    def get_todos(self, records=None):
        todos = self.env["mail.activity"].search(
            [("activity_type_id", "=", self.env.ref("cloudprinter.mail_activity_type_cloudprinter").id)]
        )
        if records is not None:
            todos = todos.filtered(lambda todo: todo.res_model == records._name and todo.res_id in records.ids)
        return todos

    def test_one_for_each_refused_item(self):
        self.server.misbehave(status=400)
        item = self.sell_one()
        self.produce(item.production_ids)
        self.send()
        self.assertEqual(self.get_outbox(item).mapped("state"), ["error"] * 3)
        [todo] = self.get_todos(item)
        self.assertEqual(todo.summary, "Cloudprinter was not informed about item 123456780001")
        self.assertEqual(todo.user_id, item.production_ids.user_id or self.salesman)
        self.send()
        self.assertEqual(self.get_todos(item), todo, "not another one at each run")
        self.server.behave()
        self.get_outbox(item).action_send()
        self.send()
        self.assertFalse(self.get_todos(), "the problem is gone, and so is the to-do")

    def test_missing_tracking_after_a_day(self):
        """One to-do for the delivery, not one for each of its items."""
        items = self.sell((self.book, 1, "1"), (self.book, 1, "2")).order_line.cloudprinter_item_id
        self.produce(items.production_ids)
        picking = items.move_ids.picking_id
        self.deliver(picking, tracking=False)
        self.send()
        self.wait(hours=23)
        self.send()
        self.assertFalse(self.get_todos())
        self.wait(hours=2)
        self.send()
        [todo] = self.get_todos()
        self.assertEqual((todo.res_model, todo.res_id), ("stock.picking", picking.id))
        picking.with_user(self.packer).carrier_tracking_ref = "1A2B3C"
        self.send()
        self.assertFalse(self.get_todos())

    def test_key_once_for_the_company(self):
        self.company.cloudprinter_user_id = self.manager
        self.server.misbehave(status=401)
        self.accept("1", "2", "3")
        self.send()
        self.send()
        [todo] = self.get_todos()
        self.assertEqual((todo.res_model, todo.res_id), ("res.partner", self.company.partner_id.id))
        self.assertEqual(todo.user_id, self.manager)
        self.server.behave()
        self.company.action_cloudprinter_resume()
        self.send()
        self.assertFalse(self.get_todos())

    def test_outage_after_an_hour(self):
        self.break_down("1")
        self.assertFalse(self.get_todos())
        self.wait(hours=2)
        self.send()
        self.assertEqual(len(self.get_todos(self.company.partner_id)), 1)
        self.server.behave()
        self.wait(hours=2)
        self.send()
        self.assertFalse(self.get_todos())

    def test_there_is_always_a_responsible_user(self):
        """The responsible user of the settings has left: the to-do is for a manager of the add-on."""
        gone = new_test_user(self.env, login="cp_gone", groups="base.group_user,mrp.group_mrp_manager")
        self.company.cloudprinter_user_id = gone
        gone.active = False
        self.server.misbehave(status=400)
        self.accept("1")
        self.send()
        [todo] = self.get_todos()
        self.assertTrue(todo.user_id.has_group("cloudprinter.group_manager"))
        self.assertTrue(todo.user_id.active)

    def test_planned_activities_of_users_are_left_alone(self):
        item = self.accept("1")
        own = self.env["mail.activity"].create(
            {
                "activity_type_id": self.env.ref("cloudprinter.mail_activity_type_cloudprinter").id,
                "res_model_id": self.env["ir.model"]._get_id("cloudprinter.item"),
                "res_id": item.id,
                "user_id": self.manager.id,
            }
        )
        self.send()
        self.assertTrue(own.exists())

    def test_responsible_may_read_it_and_is_there(self):
        """A user who may not read the item is not asked, and one who leaves is replaced."""
        stranger = new_test_user(self.env, login="cp_stranger", groups="base.group_user")
        self.company.cloudprinter_user_id = stranger
        self.server.misbehave(status=400)
        self.accept("1")
        self.send()
        [todo] = self.get_todos()
        self.assertNotEqual(todo.user_id, stranger)
        another = new_test_user(self.env, login="cp_another", groups="base.group_user,mrp.group_mrp_user")
        self.company.cloudprinter_user_id = another
        todo.user_id.active = False
        self.send()
        [todo] = self.get_todos()
        self.assertEqual(todo.user_id, another)

    def test_done_by_a_user(self):
        """The user is not asked again the next minute, although nothing was sent."""
        self.server.misbehave(status=400)
        self.accept("1")
        self.send()
        self.get_todos().action_done()
        self.send()
        self.assertFalse(self.get_todos())


@tagged("post_install", "-at_install", "cloudprinter")
class TestIncomingTodos(DeliveryCase):
    """Each incoming order needs an answer: a user is informed which one waits, one at a time."""

    get_todos = TestTodos.get_todos

    def receive(self, *names, company=None):
        """Receive orders of which nothing is mapped, and run the worker."""
        documents = self.env["cloudprinter.order.document"]
        text = (DOCUMENTS / "order_v2.2.json").read_text()
        for name in names:
            content = text.replace("123456780000", name).encode()
            documents._receive(company or self.company, order_document.read(content))
        self.env.cr.flush()
        documents = documents.search([("name", "in", names)], order="id")
        for document in documents:
            document._import()
        self.assertEqual(set(documents.mapped("state")), {"waiting"})
        return documents

    def test_the_oldest_of_the_company(self):
        self.company.cloudprinter_user_id = self.manager
        first, second = self.receive("1", "2")
        self.send()
        [todo] = self.get_todos()
        self.assertEqual((todo.res_model, todo.res_id), ("cloudprinter.order.document", first.id))
        self.assertEqual(todo.user_id, self.manager)
        self.assertEqual(todo.summary, "Incoming order 1 is waiting: Cloudprinter expects an answer within 15 minutes")
        self.send()
        self.assertEqual(self.get_todos(), todo, "not another one at each run")
        reject = self.env["cloudprinter.reject"].with_user(self.manager)
        reject.create({"document_id": first.id, "cause": "CancelMiscError"}).action_reject()
        self.send()
        [todo] = self.get_todos()
        self.assertEqual(todo.res_id, second.id, "the next follows")
        reject.create({"document_id": second.id, "cause": "CancelMiscError"}).action_reject()
        self.send()
        self.assertFalse(self.get_todos(), "it is closed automatically")

    def test_in_the_language_of_its_user(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.manager.lang = "de_DE"
        self.company.cloudprinter_user_id = self.manager
        self.receive("1")
        self.send()
        self.assertNotIn("Incoming order", self.get_todos().summary)

    def test_answered_before(self):
        """Cloudprinter waits for no answer to a changed order. One that has to be answered comes first."""
        changed, new = self.receive("1", "2")
        changed.failure_type = "changed"
        self.send()
        self.assertEqual(self.get_todos().res_id, new.id)
        new.failure_type = "canceled"
        self.send()
        [todo] = self.get_todos()
        self.assertEqual((todo.res_id, todo.summary), (changed.id, "Incoming order 1 is waiting for a decision"))

    def test_done_by_a_user(self):
        """The user may not write the document, but can close the to-do."""
        self.company.cloudprinter_user_id = self.manager
        [document] = self.receive("1")
        self.send()
        self.get_todos().with_user(self.manager).action_feedback(feedback="Working on it")
        self.assertIn("Working on it", document.message_ids[0].body)
        self.send()
        self.assertFalse(self.get_todos())

    def test_one_for_each_company(self):
        manager = self.given_stranger("mrp.group_mrp_manager")
        mine, theirs = self.receive("1"), self.receive("2", company=manager.company_id)
        self.send()
        todos = {todo.res_id: todo.user_id for todo in self.get_todos()}
        self.assertEqual(todos.keys(), {mine.id, theirs.id})
        self.assertEqual(todos[theirs.id], manager)
        self.assertNotEqual(todos[mine.id], manager)

    def test_for_a_user_who_may_read_it(self):
        """The responsible user of the settings is a packer, who cannot open it."""
        self.company.cloudprinter_user_id = self.packer
        self.receive("1")
        self.send()
        [todo] = self.get_todos()
        self.assertNotEqual(todo.user_id, self.packer)
        self.assertTrue(todo.user_id.has_group("cloudprinter.group_manager"))

    def test_worker_that_does_not_run(self):
        """Nothing is wrong with the order, but after a quarter of an hour a user must know."""
        documents = self.env["cloudprinter.order.document"]
        documents._receive(self.company, order_document.read((DOCUMENTS / "order_v2.2.json").read_bytes()))
        self.send()
        self.wait(minutes=5)
        self.send()
        self.assertFalse(self.get_todos())
        self.wait(minutes=15)
        self.send()
        self.assertEqual(self.get_todos().res_id, documents.search([]).id)
