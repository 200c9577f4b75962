import { expect, test } from "@odoo/hoot";
import { queryAll } from "@odoo/hoot-dom";
import { advanceTime, freezeTime, mockDate } from "@odoo/hoot-mock";
import { defineModels, fields, models, mountView } from "@web/../tests/web_test_helpers";
import { defineMailModels } from "@mail/../tests/mail_test_helpers";

class Deadline extends models.Model {
    date = fields.Datetime();

    _records = ["2026-12-01 12:12:05", "2026-12-01 11:56:40", "2026-12-01 09:00:00", false].map((date, i) => ({
        id: i + 1,
        date,
    }));
}

defineMailModels();
defineModels([Deadline]);

async function mountList(widget, options = "{}") {
    freezeTime();
    mockDate("2026-12-01 12:00:00", 0);
    await mountView({
        type: "list",
        resModel: "deadline",
        arch: `<list><field name="date" widget="${widget}" options="${options}"/></list>`,
    });
    return queryAll(".o_data_cell");
}

test("a countdown shows minutes and seconds, in red once the time is over", async () => {
    const cells = await mountList("cloudprinter_countdown");
    expect(cells[0]).toHaveText("12:05");
    expect(cells[1]).toHaveText("-3:20");
    expect(cells[2]).toHaveText("3 hours ago");
    expect(cells[3]).toHaveText("");
    expect(cells[0].querySelector(".text-danger")).toBe(null);
    expect(cells[1].querySelector(".text-danger")).not.toBe(null);

    await advanceTime(5000);
    expect(cells[0]).toHaveText("12:00");
    expect(cells[1]).toHaveText("-3:25");
});

test("a short deadline leaves out the days", async () => {
    const cells = await mountList("cloudprinter_deadline", "{'short': True}");
    expect(cells[0]).toHaveText("Dec 1, 12:12 PM");
    expect(cells[1].querySelector(".text-danger")).not.toBe(null);
    expect(cells[3]).toHaveText("");
});

test("a deadline shows date, hour and days left", async () => {
    const cells = await mountList("cloudprinter_deadline");
    expect(cells[0]).toHaveText("Dec 1, 12:12 PM (today)");
    expect(cells[0].querySelector(".text-warning")).not.toBe(null);
    expect(cells[1].querySelector(".text-danger")).not.toBe(null);
    expect(cells[3]).toHaveText("");
});
