import { registry } from "@web/core/registry";
import { formatDateTime } from "@web/views/fields/formatters";
import {
    RemainingDaysField,
    remainingDaysField,
} from "@web/views/fields/remaining_days/remaining_days_field";

const { DateTime } = luxon;

/**
 * Shows date, hour and days left, for example "Dec 1, 2:00 PM (in 3 days)": "Next month" does not help on the last
 * of November. What is late is red, what is due today is amber. With the option `short`, the days are left out.
 */
export class DeadlineField extends RemainingDaysField {
    static props = { ...RemainingDaysField.props, short: { type: Boolean, optional: true } };

    get value() {
        return this.props.record.data[this.props.name];
    }

    get diffDays() {
        const days = super.diffDays;
        return days === 0 && this.value < DateTime.local() ? -1 : days;
    }

    get diffString() {
        if (!this.value) {
            return "";
        }
        const date = formatDateTime(this.value, { showSeconds: false });
        return this.props.short ? date : `${date} (${this.value.toRelativeCalendar({ unit: "days" })})`;
    }
}

registry.category("fields").add("cloudprinter_deadline", {
    ...remainingDaysField,
    component: DeadlineField,
    extractProps: (field) => ({
        ...remainingDaysField.extractProps(field),
        short: Boolean(field.options.short),
    }),
});
