import { registry } from "@web/core/registry";

// An operator finds the files of the item on the manufacturing order.
registry.category("web_tour.tours").add("cloudprinter_operator_files", {
    steps: () => [
        {
            trigger: ".nav-link[name=cloudprinter]",
            run: "click",
        },
        {
            trigger: "div[name=cloudprinter_file_ids] .o_data_row td[name=state]:contains(Fetched)",
        },
        {
            trigger: "div[name=cloudprinter_file_ids] .o_data_row button[name=action_open]",
        },
    ],
});

// A manager has one failed file fetched again, and cancels the item of another.
registry.category("web_tour.tours").add("cloudprinter_failed_files", {
    steps: () => [
        {
            trigger: ".o_data_row:contains(o1) button[name=action_fetch_again]",
            run: "click",
        },
        {
            content: "Only the other one is still among the failed",
            trigger: ".o_list_view:not(:has(.o_data_row:contains(o1)))",
        },
        {
            trigger: "[data-menu-xmlid='cloudprinter.cloudprinter_menu_orders']",
            run: "click",
        },
        {
            trigger: "[data-menu-xmlid='cloudprinter.cloudprinter_item_menu']",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(o2) td[name=attention]:contains(A file is damaged)",
            run: "click",
        },
        {
            trigger: ".alert:contains(A file is damaged)",
        },
        {
            trigger: ".nav-link[name=files]",
            run: "click",
        },
        {
            trigger: "div[name=file_ids] .o_kanban_record div[name=state]:contains(Failed)",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_next_step]:contains(Cancel the Item)",
            run: "click",
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
    ],
});
