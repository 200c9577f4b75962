import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const press = (name) => ({
    trigger: `body button[name=action_report]:contains(${name})`,
    run: "click",
});
// On phones, the choices are in a sheet outside the dialog, where steps may only start with "body".
const choose = (label) => ({
    trigger: `body .o_select_menu_item:contains(${label})`,
    run: "click",
});
const nothingIsRed = {
    content: "Nothing is red before the first click",
    trigger: ".modal .o_form_view:not(:has(.o_field_invalid))",
};
const isClosed = { trigger: "body:not(:has(.modal)) .o_form_view, body:not(:has(.modal)) .o_kanban_view" };

// An operator reports a delay from a work order: three clicks and one choice.
tours.add("cloudprinter_delay", {
    steps: () => [
        {
            trigger: ".o_statusbar_buttons button[name=action_cloudprinter_report]:contains(Report a Delay)",
            run: "click",
        },
        {
            trigger: ".modal .modal-title:contains(Report a Delay)",
        },
        nothingIsRed,
        {
            content: "One item needs no list",
            trigger: ".modal .o_form_view:not(:has(.o_list_view)):not(:has(.o_list_renderer))",
        },
        {
            trigger: ".modal div[name=reason] input",
            run: "click",
        },
        choose("Machine breakdown"),
        {
            content: "The text follows the reason, and a sentence says what Cloudprinter is told",
            trigger: ".modal div[name=preview]:contains(will be ready on):contains(“Machine breakdown”)",
        },
        {
            trigger: ".modal button[name=action_report]:contains(Report)",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Cloudprinter will be informed)",
        },
        isClosed,
    ],
});

// A manager reports a step of work that was done outside Odoo.
tours.add("cloudprinter_report_manually", {
    steps: () => [
        {
            trigger: ".o_form_view .o_statusbar_status",
        },
        press("Report Manually"),
        {
            trigger: ".modal .modal-title:contains(Report Manually)",
        },
        nothingIsRed,
        {
            trigger: ".modal div[name=step] label:contains(In Production)",
            run: "click",
        },
        {
            trigger: ".modal div[name=preview]:contains(123456780001: In Production)",
        },
        {
            trigger: ".modal button[name=action_report]:contains(Report)",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Cloudprinter will be informed)",
        },
        isClosed,
    ],
});

// A manager cancels an item.
tours.add("cloudprinter_cancel_item", {
    steps: () => [
        {
            trigger: ".o_form_view .o_statusbar_status",
        },
        {
            trigger: ".o_statusbar_buttons button[title=More]",
            isActive: ["mobile"],
            run: "click",
        },
        press("Cancel Item"),
        {
            trigger: ".modal .modal-title:contains(Cancel Item)",
        },
        nothingIsRed,
        {
            trigger: ".modal div[name=cause] input",
            run: "click",
        },
        choose("Requested by the customer"),
        {
            trigger: ".modal div[name=preview]:contains(will not be delivered):contains(cannot be undone)",
        },
        {
            trigger: ".modal button[name=action_report]:contains(Cancel at Cloudprinter)",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Cloudprinter will be informed)",
        },
        isClosed,
    ],
});

// After validating, the banner leads to the code; a scanner ends with Enter.
tours.add("cloudprinter_enter_tracking", {
    steps: () => [
        {
            trigger: ".alert button[name=action_cloudprinter_enter_tracking]:contains(Enter Tracking Code)",
            run: "click",
        },
        {
            trigger: ".modal .modal-title:contains(Tracking Code of WH/OUT)",
        },
        nothingIsRed,
        {
            content: "The cursor is in the only field",
            trigger: ".modal div[name=carrier_tracking_ref] input:focus",
            run: "edit SCANNED1",
        },
        {
            trigger: ".modal div[name=carrier_tracking_ref] input",
            run: "press Enter",
        },
        isClosed,
        {
            content: "The banner is gone",
            trigger: ".o_form_view:not(:has(.alert button[name=action_cloudprinter_enter_tracking]))",
        },
    ],
});

// On a phone: one card per delivery. The same code twice is said.
tours.add("cloudprinter_tracking_cards", {
    steps: () => [
        {
            trigger: ".o_kanban_record:contains(o1) button:contains(Enter Code)",
            run: "click",
        },
        {
            trigger: ".modal div[name=carrier_tracking_ref] input:focus",
            run: "edit SAME",
        },
        {
            trigger: ".modal div[name=carrier_tracking_ref] input",
            run: "press Enter",
        },
        isClosed,
        {
            content: "The card is gone",
            trigger: ".o_kanban_view:not(:contains(o1))",
        },
        {
            trigger: ".o_kanban_record:contains(o2) button:contains(Enter Code)",
            run: "click",
        },
        {
            trigger: ".modal div[name=carrier_tracking_ref] input:focus",
            run: "edit SAME",
        },
        {
            trigger: ".modal div[name=carrier_tracking_ref] input",
            run: "press Enter",
        },
        {
            trigger: ".o_notification:contains(is also on WH/OUT)",
        },
        {
            trigger: "body:not(:has(.modal)) .o_view_nocontent:contains(No deliveries waiting for a tracking code)",
        },
    ],
});
