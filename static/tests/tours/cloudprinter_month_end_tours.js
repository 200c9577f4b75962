import { registry } from "@web/core/registry";

// An accountant closes a month in which one list is not empty: the menu, one explanation, and Close.
registry.category("web_tour.tours").add("cloudprinter_month_end", {
    steps: () => [
        {
            content: "Click 1",
            trigger: ".o_menu_sections [data-menu-xmlid='account.menu_finance_reports']",
            run: "click",
        },
        {
            content: "Click 2: the last month that is over, with its lists",
            trigger: "[data-menu-xmlid='cloudprinter.cloudprinter_closing_menu']",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_data_row:contains(To Accrue) td[name=sums]:contains(11.20)",
        },
        {
            content: "Click 3, of an exception: explain the list",
            trigger: ".o_form_view .o_data_row:contains(To Accrue) td[name=note]",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_selected_row td[name=note] input",
            run: "edit Accrued in MISC/2027/11/0001",
        },
        {
            content: "Click 4, of another exception",
            trigger: ".o_form_view .o_data_row:contains(Not Reported) td[name=note]",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_selected_row:contains(Not Reported) td[name=note] input",
            run: "edit Reported on the phone",
        },
        {
            content: "Click 5: saves, checks and closes",
            trigger: "button[name=action_close]",
            run: "click",
        },
        {
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Closed)",
        },
        {
            trigger: ".o_form_view .o_field_widget[name=closed_by_id]:contains(cp_accountant)",
        },
    ],
});

// An accountant imports a statement, accepts one line and settles it.
registry.category("web_tour.tours").add("cloudprinter_statement", {
    steps: () => [
        {
            trigger: ".o_control_panel button:contains(Import)",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=text] textarea",
            run: (helpers) => helpers.edit("Order;Items;Shipping\n1;7,00;4,20\n2;6,00;4,20"),
        },
        {
            trigger: ".modal button[name=action_import]",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_field_widget[name=query_text]:contains(order 2)",
        },
        {
            trigger: ".o_form_view .o_field_widget[name=summary]:contains(Items Differ)",
        },
        {
            trigger: "button[name=action_settle]",
            run: "click",
        },
        {
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Settled)",
        },
    ],
});
