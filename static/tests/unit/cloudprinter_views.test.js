import { expect, test } from "@odoo/hoot";
import { press } from "@odoo/hoot-dom";
import { advanceTime, animationFrame } from "@odoo/hoot-mock";
import {
    MockServer,
    contains,
    defineModels,
    fields,
    getService,
    models,
    mountView,
    mountWithCleanup,
    onRpc,
} from "@web/../tests/web_test_helpers";
import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { WebClient } from "@web/webclient/webclient";

class Delivery extends models.Model {
    code = fields.Char();

    _records = [{ id: 1, code: false }];
    _views = {
        form: /* xml */ `
            <form js_class="cloudprinter_enter_form">
                <field name="code"/>
                <footer>
                    <button name="say" type="object" string="Save" class="btn-primary"/>
                    <button special="cancel" string="Discard" class="btn-secondary"/>
                </footer>
            </form>`,
        kanban: /* xml */ `
            <kanban js_class="cloudprinter_overview_kanban">
                <templates><t t-name="card"><field name="code"/></t></templates>
            </kanban>`,
    };
}

defineMailModels();
defineModels([Delivery]);

test("Enter saves what was scanned and presses the main button of the dialog", async () => {
    onRpc("web_save", ({ args }) => {
        expect.step(`save ${args[1].code}`);
    });
    onRpc("delivery", "say", () => {
        expect.step("say");
        return false;
    });
    await mountWithCleanup(WebClient);
    await getService("action").doAction({
        type: "ir.actions.act_window",
        res_model: "delivery",
        res_id: 1,
        views: [[false, "form"]],
        target: "new",
    });
    await contains(".modal div[name=code] input").edit("1A2B", { confirm: false });
    await press("Enter");
    await animationFrame();
    await animationFrame();
    expect.verifySteps(["save 1A2B", "say"]);
    expect(".modal").toHaveCount(0);
});

test("The overview shows what happens while it is open", async () => {
    onRpc("web_search_read", () => expect.step("read"));
    await mountView({ type: "kanban", resModel: "delivery" });
    expect.verifySteps(["read"]);
    MockServer.env["delivery"].write([1], { code: "1A2B" });
    await advanceTime(60000);
    await animationFrame();
    expect.verifySteps(["read"]);
    expect(".o_kanban_record:contains(1A2B)").toHaveCount(1);
    document.dispatchEvent(new Event("visibilitychange"));
    await animationFrame();
    expect.verifySteps(["read"]);
});
