import { registry } from "@web/core/registry";

// "Prove that item 123456780001 was reported shipped, and accepted": the menu, the row, and the print beside it.
registry.category("web_tour.tours").add("cloudprinter_proof", {
    steps: () => [
        {
            trigger: ".o_menu_sections [data-menu-xmlid='account.account_audit_menu']",
            run: "click",
        },
        {
            content: "First click: the ledger, among the logs",
            trigger: "[data-menu-xmlid='cloudprinter.cloudprinter_ledger_menu']",
            run: "click",
        },
        {
            trigger: ".o_last_breadcrumb_item:contains(Cloudprinter Signals)",
        },
        {
            content: "Second click: the signal",
            trigger: ".o_list_view .o_data_row:contains(123456780001):contains(ItemShipped) td[name=type]",
            run: "click",
        },
        {
            trigger: ".o_form_view .oe_title:contains(ItemShipped 123456780001)",
        },
        {
            trigger: ".o_field_widget[name=event_date]:contains(11/23/2027 15:00:00)",
        },
        {
            trigger: ".o_field_widget[name=sent_date]:contains(11/23/2027 15:02:11)",
        },
        {
            trigger: ".o_statusbar_status .o_arrow_button_current:contains(Accepted)",
        },
        {
            trigger: ".o_notebook td[name=outcome]:contains(Accepted)",
        },
        {
            trigger: ".o_cp_action_menus button:has(.fa-cog)",
            run: "click",
        },
        {
            trigger: ".o-dropdown-item:contains(Signal History)",
        },
        {
            content: "The same for the orders to reconcile",
            trigger: ".o_menu_sections [data-menu-xmlid='account.menu_finance_reports']",
            run: "click",
        },
        {
            trigger: "[data-menu-xmlid='cloudprinter.cloudprinter_order_reconcile_menu']",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(123456780000) td[name=name]",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_field_widget[name=shipped_day]:contains(11/23/2027)",
        },
        {
            trigger: ".o_cp_action_menus button:has(.fa-cog)",
            run: "click",
        },
        {
            trigger: ".o-dropdown-item:contains(Signal History)",
        },
    ],
});
