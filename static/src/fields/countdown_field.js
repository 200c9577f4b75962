import { Component, onWillUnmount, useState, xml } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const { DateTime, Duration } = luxon;

/** Shows the minutes and seconds that are left, for example "12:05", and in red how long the time is over: "-3:20". */
export class CountdownField extends Component {
    static template = xml`<span t-att-class="left &lt; 0 ? 'text-danger fw-bold' : ''" t-esc="text"/>`;
    static props = { ...standardFieldProps };

    setup() {
        this.state = useState({ now: DateTime.now() });
        const timer = setInterval(() => (this.state.now = DateTime.now()), 1000);
        onWillUnmount(() => clearInterval(timer));
    }

    get date() {
        return this.props.record.data[this.props.name];
    }

    get left() {
        return this.date ? this.date.toMillis() - this.state.now.toMillis() : 0;
    }

    get text() {
        if (!this.date) {
            return "";
        }
        if (Math.abs(this.left) >= 3600000) {
            return this.date.toRelative({ base: this.state.now });
        }
        const text = Duration.fromMillis(Math.abs(this.left)).toFormat("m:ss");
        return this.left < 0 ? `-${text}` : text;
    }
}

registry.category("fields").add("cloudprinter_countdown", {
    component: CountdownField,
    displayName: _t("Countdown"),
    supportedTypes: ["datetime"],
});
