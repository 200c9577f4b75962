import { registry } from "@web/core/registry";

const openOrder = (name) => ({
    trigger: `.o_data_row:contains(${name}) td[name=name]`,
    run: "click",
});

// A manager maps the product that an incoming order waits for, and opens the sales order.
registry.category("web_tour.tours").add("cloudprinter_map_product", {
    steps: () => [
        {
            content: "The list says what is needed",
            trigger: ".o_data_row:contains(123456780000) td[name=problem_summary]:contains(calendar_a3)",
        },
        openOrder("123456780000"),
        {
            trigger: ".alert:contains(Choose the product for Cloudprinter's calendar_a3)",
        },
        {
            content: "Products that are mapped are there already",
            trigger: ".o_data_row:contains(poster_50x70_fc) td[name=product_id]:contains(Poster)",
        },
        {
            trigger: ".o_data_row:contains(calendar_a3) td[name=product_id]",
            run: "click",
        },
        {
            trigger: ".o_selected_row td[name=product_id] input",
            run: "edit Wall Calendar",
        },
        {
            trigger: ".o-autocomplete--dropdown-item:contains(Wall Calendar)",
            run: "click",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_accept]",
            run: "click",
        },
        {
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Done)",
        },
        {
            trigger: ".o_form_view:not(:has(.alert-warning:contains(calendar_a3)))",
        },
        {
            trigger: "div[name=sale_order_id] a",
            run: "click",
        },
        {
            trigger: ".o_form_view td[name=product_template_id]:contains(Wall Calendar), .o_form_view td[name=product_id]:contains(Wall Calendar)",
        },
    ],
});

// A manager drops two files, one of which is no order, and sees what became of each.
registry.category("web_tour.tours").add("cloudprinter_import_orders", {
    steps: () => [
        {
            trigger: ".o_control_panel button:contains(Import)",
            run: "click",
        },
        {
            trigger: ".modal div[name=attachment_ids] input[type=file]:not(:visible)",
            run() {
                const order = {
                    id: "o1",
                    shipping_date: "2027-01-15 08:00:00",
                    addresses: [
                        { type: "delivery", name: "Reader", street1: "Street 1", zip: "1000", city: "Town", country: "DK" },
                    ],
                    items: [{ id: "i1", count: "3", product: "poster_50x70_fc", title: "Poster" }],
                };
                const files = new DataTransfer();
                files.items.add(new File([JSON.stringify({ order })], "right.json", { type: "application/json" }));
                files.items.add(new File(["Dear print partner,"], "broken.xml", { type: "text/xml" }));
                this.anchor.files = files.files;
                this.anchor.dispatchEvent(new Event("change", { bubbles: true }));
            },
        },
        {
            content: "Both are there",
            trigger: ".modal .o_attachment:contains(right.json)",
        },
        {
            trigger: ".modal .o_attachment:contains(broken.xml)",
        },
        {
            trigger: ".modal button[name=action_import]",
            run: "click",
        },
        {
            trigger: ".modal .o_data_row:contains(broken.xml) td[name=result]:contains(Refused)",
        },
        {
            trigger: ".modal .o_data_row:contains(right.json) td[name=result]:contains(Imported)",
        },
        {
            trigger: ".modal .o_data_row:contains(right.json) button[name=action_open]",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_statusbar_status .o_arrow_button_current:contains(Done)",
        },
        {
            trigger: ".o_form_view div[name=name]:contains(o1)",
        },
    ],
});

// A manager rejects an order that cannot be made; it no longer waits.
registry.category("web_tour.tours").add("cloudprinter_reject", {
    steps: () => [
        openOrder("123456780000"),
        {
            trigger: ".o_statusbar_buttons button[name=action_reject]",
            run: "click",
        },
        {
            trigger: ".modal-title:contains(Reject Order 123456780000)",
        },
        {
            trigger: ".modal div[name=cause] input",
            run: "click",
        },
        {
            trigger: ".o_select_menu_item:contains(Wrong page count of the book block)",
            run: "click",
        },
        {
            content: "The text for Cloudprinter is proposed",
            trigger: ".modal div[name=message] input:value(Wrong page count of the book block)",
            run: "edit The book has 44 pages, its file has 40",
        },
        {
            trigger: ".modal footer button[name=action_reject]",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_statusbar_status .o_arrow_button_current:contains(Rejected)",
        },
        {
            trigger: ".o_form_view:not(:has(button[name=action_reject]))",
        },
    ],
});

// The administrator lets orders come in.
registry.category("web_tour.tours").add("cloudprinter_incoming_settings", {
    steps: () => [
        {
            trigger: "#cloudprinter_order_api_key input[type=password]",
            run: "edit 00112233445566778899aabbccddeeff",
        },
        {
            trigger: "#cloudprinter_partner_id .o_field_many2one input",
            run: "edit Cloudprinter.com",
        },
        {
            trigger: ".o-autocomplete--dropdown-item:contains(Cloudprinter.com)",
            run: "click",
        },
        {
            content: "What the contact lacks is said before it is used",
            trigger: "#cloudprinter_partner_id .text-warning:contains(Not set on this contact)",
        },
        {
            trigger: "#cloudprinter_confirm_orders input[type=checkbox]",
            run: "click",
        },
        {
            trigger: ".o_form_button_save:enabled",
            run: "click",
        },
        {
            trigger: "body:not(:has(.o_dirty_warning)) .app_settings_block[data-key=cloudprinter]",
        },
    ],
});
