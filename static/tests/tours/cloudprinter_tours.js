import { registry } from "@web/core/registry";

// A salesperson links a confirmed sales order by typing Cloudprinter's ids.
registry.category("web_tour.tours").add("cloudprinter_link_sale_order", {
    steps: () => [
        {
            content: "The order id is typed on the first page",
            trigger: "div[name=cloudprinter_order_ref] input",
            run: "edit 123456780000",
        },
        {
            trigger: "div[name=cloudprinter_order_ref] input",
            run: "press Tab",
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
            content: "The item says why it needs attention",
            trigger: "td[name=attention]:contains(Refused by Cloudprinter)",
            run: "click",
        },
        {
            trigger: ".alert:contains(Refused by Cloudprinter)",
        },
        {
            trigger: ".o_notebook td[name=state]:contains(Failed)",
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

// The administrator is told why nothing is sent, tests the connection without and with a test order, and releases.
registry.category("web_tour.tours").add("cloudprinter_settings", {
    steps: () => [
        {
            trigger: ".app_settings_block[data-key=cloudprinter] .alert:contains(Sending is on hold)",
        },
        {
            trigger: ".app_settings_block[data-key=cloudprinter] .alert:contains(1 queued)",
        },
        {
            trigger: "button:contains(Test Connection)",
            run: "click",
        },
        {
            trigger: ".modal button[name=action_test]",
            run: "click",
        },
        {
            trigger: ".modal div[name=verdict]:contains(Works)",
        },
        {
            trigger: ".modal div[name=key_result]:contains(Accepted)",
        },
        {
            trigger: ".modal div[name=signal_result]:contains(Not tested)",
        },
        {
            trigger: ".modal div[name=order_ref] input",
            run: "edit T1",
        },
        {
            trigger: ".modal div[name=item_ref] input",
            run: "edit T2",
        },
        {
            trigger: ".modal button[name=action_test]",
            run: "click",
        },
        {
            trigger: ".modal div[name=signal_result]:contains(Accepted: ItemRegistered T2)",
        },
        {
            trigger: ".modal button[special=cancel]",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal))",
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

// An operator sees his order's item and ship-by date, and reports a delay from it.
registry.category("web_tour.tours").add("cloudprinter_operator", {
    steps: () => [
        {
            trigger: "div[name=cloudprinter_item_ref]:contains(123456780001)",
        },
        {
            trigger: "div[name=cloudprinter_ship_by]",
        },
        {
            trigger: "button[name=action_cloudprinter_report]:contains(Report a Delay)",
            run: "click",
        },
        {
            content: "The reason is chosen in one's own language",
            trigger: ".modal div[name=reason] input",
            run: "click",
        },
        {
            trigger: ".o_select_menu_item:contains(Machine breakdown)",
            run: "click",
        },
        {
            content: "What will be sent is shown",
            trigger: ".modal div[name=preview]:contains(will be ready on):contains(“Machine breakdown”)",
        },
        {
            trigger: ".modal button[name=action_report]:contains(Report)",
            run: "click",
        },
        {
            content: "The result is visible at once",
            trigger: ".o_notification:contains(Cloudprinter will be informed)",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
        {
            trigger: ".nav-link[name=cloudprinter]",
            run: "click",
        },
        {
            trigger: "div[name=cloudprinter_signal_ids] .o_data_row:contains(Delayed)",
        },
    ],
});

// A manager cancels one of the two items of a sales order; the other one goes on.
registry.category("web_tour.tours").add("cloudprinter_cancel_one", {
    steps: () => [
        {
            trigger: ".o_statusbar_buttons button[name=action_cloudprinter_report]:contains(Cancel)",
            run: "click",
        },
        {
            trigger: ".modal div[name=preview]:contains(cannot be undone)",
        },
        {
            content: "Untick the second item",
            trigger: ".modal .o_data_row:contains(123456780002) td[name=is_chosen] input",
            run: "click",
        },
        {
            trigger: ".modal div[name=preview]:contains(123456780001):not(:contains(123456780002))",
        },
        {
            trigger: ".modal button[name=action_report]:contains(Cancel at Cloudprinter)",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Cloudprinter will be informed)",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
        {
            trigger: ".o_data_row:contains(123456780001) td[name=product_uom_qty]:contains(0.00)",
        },
    ],
});

// A manager works through the items that need attention.
registry.category("web_tour.tours").add("cloudprinter_next_steps", {
    steps: () => [
        {
            trigger: ".o_data_row:contains(Refused by Cloudprinter) button[name=action_next_step]:contains(Send Again)",
            run: "click",
        },
        {
            content: "It no longer needs attention",
            trigger: ".o_list_view:not(:contains(Refused by Cloudprinter))",
        },
        {
            trigger: ".o_data_row:contains(123456780002) .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: ".o_control_panel button[name=action_discard]",
            run: "click",
        },
        {
            trigger: ".modal div[name=reason] input",
            run: "edit Agreed on the phone",
        },
        {
            trigger: ".modal button[name=action_discard]",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_list_view:not(:contains(the tracking reference is missing))",
        },
    ],
});
