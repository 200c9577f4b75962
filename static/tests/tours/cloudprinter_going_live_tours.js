import { registry } from "@web/core/registry";

// A manager links a sales order that is in progress.
registry.category("web_tour.tours").add("cloudprinter_link_in_progress", {
    steps: () => [
        {
            trigger: ".o_cp_action_menus button:has(.fa-cog)",
            run: "click",
        },
        {
            trigger: ".o-dropdown-item:contains(Link to Cloudprinter)",
            run: "click",
        },
        {
            content: "The order id is proposed, and so is what Cloudprinter knows",
            trigger: ".modal .o_data_row:contains(123456780000):contains(Confirmed) td[name=item_ref]",
            run: "click",
        },
        {
            trigger: ".modal .o_selected_row td[name=item_ref] input",
            run: "edit 123456780001",
        },
        {
            trigger: ".modal button[name=action_link]",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Linked to Cloudprinter: 1)",
        },
        {
            trigger: "body:not(:has(.modal)) .o_form_view",
        },
    ],
});

// The administrator ends the hold: what is older was reported elsewhere.
registry.category("web_tour.tours").add("cloudprinter_release", {
    steps: () => [
        {
            trigger: ".alert button[name=action_cloudprinter_release]",
            run: "click",
        },
        {
            trigger: ".modal:contains(1 signals of 1 items are recorded) table:contains(ItemRegistered)",
        },
        {
            trigger: ".modal button[name=action_release]",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(signals are being sent)",
        },
        {
            content: "The banner is gone at once",
            trigger:
                "body:not(:has(.modal)) .app_settings_block[data-key=cloudprinter]:not(:contains(Sending is on hold))",
        },
    ],
});
