import { registry } from "@web/core/registry";

// A salesperson links a confirmed sales order by typing Cloudprinter's ids.
registry.category("web_tour.tours").add("cloudprinter_link_sale_order", {
    steps: () => [
        {
            content: "The order id is typed beside the customer's reference",
            trigger: ".nav-link[name=other_information]",
            run: "click",
        },
        {
            trigger: "div[name=cloudprinter_order_ref] input",
            run: "edit 123456780000",
        },
        {
            trigger: ".nav-link[name=order_lines]",
            run: "click",
        },
        {
            content: "The column of item ids has appeared",
            trigger: ".o_data_row td[name=cloudprinter_item_ref]",
            run: "click",
        },
        {
            trigger: ".o_selected_row td[name=cloudprinter_item_ref] input",
            run: "edit 123456780001",
        },
        {
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            trigger: ".o_form_saved, .o_form_status_indicator_buttons.invisible",
        },
    ],
});

// A manager looks at the item that was refused, and sends it again.
registry.category("web_tour.tours").add("cloudprinter_send_again", {
    steps: () => [
        {
            content: "The item says why it needs a person",
            trigger: "td[name=attention]:contains(Refused by Cloudprinter)",
            run: "click",
        },
        {
            trigger: ".alert:contains(Refused by Cloudprinter)",
        },
        {
            trigger: ".o_notebook td[name=state]:contains(Refused)",
        },
        {
            trigger: "[data-menu-xmlid='cloudprinter.cloudprinter_signal_menu']",
            run: "click",
        },
        {
            trigger: ".o_last_breadcrumb_item:contains(Signals)",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(ItemRegistered) td[name=state]",
            run: "click",
        },
        {
            trigger: ".o_form_view button[name=action_send]",
            run: "click",
        },
        {
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Queued)",
        },
    ],
});

// The administrator is told why nothing is sent, in the settings.
registry.category("web_tour.tours").add("cloudprinter_settings", {
    steps: () => [
        {
            trigger: ".app_settings_block[data-key=cloudprinter] .alert:contains(Sending is on hold)",
        },
        {
            trigger: "#cloudprinter_hold input[type=checkbox]",
            run: "click",
        },
        {
            trigger: ".o_form_button_save:enabled",
            run: "click",
        },
        {
            trigger: ".app_settings_block[data-key=cloudprinter]:not(:contains(Sending is on hold))",
        },
    ],
});
