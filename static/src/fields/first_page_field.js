import { Component, onWillStart, onWillUpdateProps, useState, xml } from "@odoo/owl";
import { generatePdfThumbnail } from "@mail/utils/common/pdf_thumbnail";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const SIZE = { width: 256, height: 320 };
// formats that browsers show without help
const IMAGES = ["jpeg", "jpg", "png"];

/**
 * Shows the first page of an attached PDF file, or an attached picture. The browser renders it, and asks the server only for the parts of the
 * file that it needs: on the server, the file would have to be read in Odoo's own process.
 */
export class FirstPageField extends Component {
    static template = xml`
        <div class="o_cloudprinter_first_page">
            <img t-if="state.image" class="img-thumbnail" style="max-height: 320px" t-att-src="state.image" t-att-alt="label"/>
        </div>`;
    static props = { ...standardFieldProps };

    setup() {
        this.label = _t("First page");
        this.state = useState({ image: false });
        onWillStart(() => this.load(this.props));
        onWillUpdateProps((props) => this.load(props));
    }

    load(props) {
        const attachment = props.record.data[props.name];
        if (attachment?.id === this.attachmentId) {
            return;
        }
        this.attachmentId = attachment?.id;
        this.state.image = false;
        if (IMAGES.includes((props.record.data.format || "").toLowerCase())) {
            this.state.image = attachment && `/web/content/${attachment.id}`;
        } else if (attachment) {
            // the rest of the form does not wait
            this.renderPage(attachment.id);
        }
    }

    async renderPage(attachmentId) {
        try {
            const { thumbnail } = await generatePdfThumbnail(`/web/content/${attachmentId}`, SIZE);
            if (thumbnail && attachmentId === this.attachmentId) {
                this.state.image = `data:image/jpeg;base64,${thumbnail}`;
            }
        } catch {
            // the first page cannot be rendered: the list of checks says what is wrong
        }
    }
}

registry.category("fields").add("cloudprinter_first_page", {
    component: FirstPageField,
    displayName: _t("First Page"),
    supportedTypes: ["many2one"],
    fieldDependencies: [{ name: "format", type: "char" }],
});
