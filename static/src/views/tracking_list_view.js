import { registry } from "@web/core/registry";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

/**
 * Enter goes to the next delivery without a code, and stops at the last one: a list that began again at the top would
 * let the next scan overwrite the code of another delivery.
 */
export class TrackingListRenderer extends ListRenderer {
    editNextRecord(record) {
        const { list } = this.props;
        const later = list.records.slice(list.records.indexOf(record) + 1);
        const next = later.find((each) => !each.data.carrier_tracking_ref);
        list.leaveEditMode({ validate: true }).then((canProceed) => {
            if (canProceed && next) {
                list.enterEditMode(next);
            }
        });
    }
}

registry.category("views").add("cloudprinter_tracking_list", {
    ...listView,
    Renderer: TrackingListRenderer,
});
