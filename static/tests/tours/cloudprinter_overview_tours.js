import { registry } from "@web/core/registry";

/** Steps that press a number, look at the list behind it, and go back. */
function look(kind, count, row) {
    return [
        {
            content: `${kind}: ${count}`,
            trigger: `[name='${kind}'] a:contains(${count})`,
            run: "click",
        },
        {
            trigger: row,
        },
        {
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item a:contains(Overview)",
            run: "click",
        },
        {
            trigger: ".o_cloudprinter_overview",
        },
    ];
}

// The production manager starts the day with the numbers of the overview.
registry.category("web_tour.tours").add("cloudprinter_overview", {
    steps: () => [
        {
            content: "Nothing is to be searched here",
            trigger: ".o_cloudprinter_overview:not(:has(.o_searchview:visible))",
        },
        {
            trigger: "[name=open] canvas",
        },
        ...look("late", 1, ".o_list_view .o_data_row:only-of-type:contains(o1-1)"),
        ...look("attention", 2, ".o_list_view .o_data_row:contains(o3-1)"),
        ...look("documents", 1, ".o_list_view .o_data_row"),
        ...look("tracking", 1, ".o_list_view .o_data_row:contains(o4)"),
        ...look("refused", 1, ".o_list_view .o_data_row:contains(o3-1)"),
        ...look("queued", "Signals Queued", ".o_list_view .o_data_row:contains(o1-1)"),
        ...look("today", 0, ".o_view_nocontent:contains(Nothing to do here)"),
        ...look("lists", 3, ".o_list_view .o_data_row:contains(o2-1)"),
        ...look("lists", "Orders", ".o_list_view .o_data_row:contains(o2)"),
        {
            content: "The clock of the order to answer runs",
            trigger: "[name=documents] [name=answer_date]:contains(:)",
        },
    ],
});

// An administrator sets up the add-on, step by step.
registry.category("web_tour.tours").add("cloudprinter_checklist", {
    steps: () => [
        {
            trigger: "[name=checklist] [name=has_key] a:contains(Enter Key)",
            run: "click",
        },
        {
            trigger: "[name=cloudprinter_signal_api_key] input",
            run: "edit 13b37bb1ed6d3403e158abe719b4f6d0",
        },
        {
            trigger: ".o_form_button_save:enabled",
            run: "click",
            expectUnloadPage: true,
        },
        {
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item a:contains(Overview)",
            run: "click",
        },
        {
            trigger: "[name=checklist] [name=has_key] .fa-check-circle",
        },
        {
            trigger: "[name=checklist] [name=is_tested] a:contains(Test Connection)",
            run: "click",
        },
        {
            trigger: ".modal button[name=action_test]",
            run: "click",
        },
        {
            trigger: ".modal [name=verdict]:contains(Works)",
        },
        {
            trigger: ".modal footer button:contains(Close)",
            run: "click",
        },
        {
            content: "The step is done as soon as the dialog is closed",
            trigger: "[name=checklist] [name=is_tested] .fa-check-circle",
        },
        {
            trigger: "[name=checklist] [name=is_released] a:contains(Release)",
            run: "click",
        },
        {
            trigger: ".modal button[name=action_release]",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) [name=checklist] [name=is_released] .fa-check-circle",
        },
        {
            trigger: "[name=checklist] [name=has_address]:contains(Cloudprinter needs a public https address)",
        },
        {
            trigger: "[name=checklist] a[name=action_hide_checklist]",
            run: "click",
        },
        {
            trigger: ".modal button.btn-primary",
            run: "click",
        },
        {
            trigger: ".o_cloudprinter_overview:not(:has([name=checklist]))",
        },
    ],
});

// A manager who is no administrator sees what is missing, without a button that would end in an error.
registry.category("web_tour.tours").add("cloudprinter_checklist_manager", {
    steps: () => [
        {
            trigger: "[name=checklist]:contains(Keys and addresses are entered by an administrator)",
        },
        {
            trigger: "[name=checklist]:not(:has(a:contains(Enter Key), a:contains(Change Address)))",
        },
        {
            content: "There is nothing to count yet",
            trigger: ".o_cloudprinter_overview:not(:has([name=late]))",
        },
    ],
});
