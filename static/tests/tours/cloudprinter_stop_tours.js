import { registry } from "@web/core/registry";

/** The buttons that lead on, wherever they are in the form. */
function countPrimary() {
    const buttons = document.querySelectorAll(
        ".o_form_view .o_form_statusbar .btn-primary, .o_form_view button[name=button_start], .o_form_view button[name=button_finish]"
    );
    return [...buttons].filter((button) => button.offsetParent).length;
}

const STOPPED = {
    content: "The banner says it",
    trigger: ".o_form_view .alert-danger:contains(Do not produce or ship)",
};

// No primary button leads on in the form of a stopped document.
registry.category("web_tour.tours").add("cloudprinter_stopped_form", {
    steps: () => [
        STOPPED,
        {
            trigger: ".o_form_view .o_form_statusbar .o_statusbar_status",
            run: () => {
                if (countPrimary()) {
                    throw new Error(`${countPrimary()} primary buttons in a stopped document`);
                }
            },
        },
    ],
});

// A user goes on all the same: the usual buttons are back.
registry.category("web_tour.tours").add("cloudprinter_go_on", {
    steps: () => [
        STOPPED,
        {
            trigger: ".o_statusbar_buttons button[name=action_cloudprinter_go_on]",
            run: "click",
        },
        {
            trigger: ".modal:contains(only if this was agreed) .btn-primary",
            run: "click",
        },
        {
            trigger: ".o_statusbar_buttons button[name=button_mark_done].btn-primary",
        },
        {
            trigger: ".o_form_view:not(:has(button[name=action_cloudprinter_go_on]))",
        },
    ],
});

// Red row and STOP, in the list and on the card.
const LIST_STEPS = [
    {
        trigger: ".o_list_view .o_data_row.text-danger td[name=cloudprinter_stop]:contains(STOP)",
    },
    {
        trigger: ".o_switch_view.o_kanban",
        run: "click",
    },
    {
        trigger: ".o_kanban_record:contains(STOP):contains(123456780001)",
    },
];

registry.category("web_tour.tours").add("cloudprinter_stopped_list", {
    steps: () => LIST_STEPS,
});

// The list of work orders has no button to start, and its status asks first.
registry.category("web_tour.tours").add("cloudprinter_stopped_work_orders", {
    steps: () => [
        ...LIST_STEPS,
        {
            trigger: ".o_switch_view.o_list",
            run: "click",
        },
        {
            trigger: ".o_data_row.text-danger:not(:has(button[name=button_start]))",
        },
        {
            trigger: ".o_data_row.text-danger .o_widget_mo_view_list_dropdown button",
            run: "click",
        },
        {
            trigger: ".o-dropdown-item:contains(In Progress)",
            run: "click",
        },
        {
            trigger: ".modal:contains(STOP) button:contains(Go On Anyway)",
            run: "click",
        },
        {
            content: "Now it can be started as usual",
            trigger: ".o_data_row:not(.text-danger) button[name=button_start]",
        },
    ],
});
