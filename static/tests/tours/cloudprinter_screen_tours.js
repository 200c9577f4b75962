import { registry } from "@web/core/registry";

const isVisible = (element) => element.offsetParent !== null;

// The status bar is whole, the documents and all that can be done are one click away.
registry.category("web_tour.tours").add("cloudprinter_item_form", {
    steps: () => [
        {
            trigger: ".o_form_view .o_statusbar_status:has(.o_arrow_button_current:contains(Confirmed))",
            run: () => {
                const chips = [...document.querySelectorAll(".o_statusbar_status .o_arrow_button")].filter(isVisible);
                if (chips.length !== 5) {
                    throw new Error(`${chips.length} stages instead of 5`);
                }
            },
        },
        {
            trigger: ".o-form-buttonbox button[name=action_open_productions]",
        },
        {
            trigger: ".o-form-buttonbox button[name=action_open_pickings]",
        },
        {
            content: "The words, not the types of the API",
            trigger: "div[name=signal_ids] td[name=label]:contains(Confirmed)",
        },
        {
            trigger: ".o_form_view:not(:contains(ItemRegistered))",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_report]:contains(Cancel Item)",
        },
        {
            trigger: "button[name=action_upload_file]",
        },
        {
            trigger: "button[name=action_reprint]",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_statusbar_buttons button[name=action_confirm]",
        },
    ],
});

// The bar over a column counts what is late, and a click on it shows only that.
registry.category("web_tour.tours").add("cloudprinter_item_cards", {
    steps: () => [
        {
            trigger: ".o_data_row td[name=stage_text]:contains(Confirmed)",
        },
        {
            trigger: ".o_switch_view.o_kanban",
            run: "click",
        },
        {
            trigger: ".o_kanban_group .o_kanban_record:contains(123456780001):contains(Poster)",
        },
        {
            trigger: ".o_kanban_group .progress-bar.bg-warning",
            run: "click",
        },
        {
            trigger: ".o_kanban_group .o_kanban_record:contains(123456780001)",
        },
    ],
});

// On a phone there are cards instead of a list.
const CARD = ".o_kanban_view .o_kanban_record";
registry.category("web_tour.tours").add("cloudprinter_phone_items", {
    steps: () => [{ trigger: `${CARD}:contains(123456780001):contains(days ago)` }],
});
registry.category("web_tour.tours").add("cloudprinter_phone_orders", {
    steps: () => [{ trigger: `${CARD}:contains(123456780000):contains(days ago)` }],
});
registry.category("web_tour.tours").add("cloudprinter_phone_incoming", {
    steps: () => [
        { trigger: `${CARD}:contains(123456780000):has(div[name=answer_date])` },
        { trigger: ".o_control_panel_main_buttons button:contains(Import)", run: "click" },
        { trigger: ".modal:contains(Import Orders)" },
    ],
});
// On a tablet, work can be started without scrolling.
registry.category("web_tour.tours").add("cloudprinter_workorder_list", {
    steps: () => [
        {
            trigger: ".o_data_row:contains(123456780001) button[name=button_start]",
            run: ({ anchor }) => {
                if (anchor.getBoundingClientRect().right > window.innerWidth) {
                    throw new Error("The button is not in the window");
                }
            },
        },
    ],
});
registry.category("web_tour.tours").add("cloudprinter_phone_documents", {
    steps: () => [{ trigger: `${CARD}:contains(123456780001):contains(days ago)` }],
});
