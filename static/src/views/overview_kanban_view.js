import { onWillUnmount, useExternalListener } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { KanbanController } from "@web/views/kanban/kanban_controller";
import { kanbanView } from "@web/views/kanban/kanban_view";

const EVERY = 60000; // ms

/** The overview stays open all day: it reads its numbers each minute, and when its window is shown again. */
export class OverviewKanbanController extends KanbanController {
    setup() {
        super.setup();
        const timer = browser.setInterval(() => this.refresh(), EVERY);
        onWillUnmount(() => browser.clearInterval(timer));
        useExternalListener(document, "visibilitychange", () => this.refresh());
    }

    refresh() {
        if (document.visibilityState === "visible") {
            this.model.load();
        }
    }
}

registry.category("views").add("cloudprinter_overview_kanban", {
    ...kanbanView,
    Controller: OverviewKanbanController,
});
