import { registry } from "@web/core/registry";

// A packer types a code, presses Enter and scans the next one.
registry.category("web_tour.tours").add("cloudprinter_packer", {
    steps: () => [
        {
            content: "The oldest delivery is on top",
            trigger: ".o_list_view .o_data_row:nth-child(1) td[name=carrier_tracking_ref]",
            run: "click",
        },
        {
            trigger: ".o_data_row:nth-child(1).o_selected_row td[name=carrier_tracking_ref] input",
            run: "edit TYPED1",
        },
        {
            trigger: ".o_data_row:nth-child(1).o_selected_row td[name=carrier_tracking_ref] input",
            run: "press Enter",
        },
        {
            content: "The first is done, and the cursor is in the next line",
            trigger: ".o_data_row:nth-child(1).text-success td[name=carrier_tracking_ref]:contains(TYPED1)",
        },
        {
            trigger: ".o_data_row:nth-child(2).o_selected_row td[name=carrier_tracking_ref] input:focus",
            run: "edit SCANNED2",
        },
        {
            content: "A scanner ends with Enter",
            trigger: ".o_data_row:nth-child(2).o_selected_row td[name=carrier_tracking_ref] input",
            run: "press Enter",
        },
        {
            trigger: ".o_data_row:nth-child(2).text-success td[name=carrier_tracking_ref]:contains(SCANNED2)",
        },
        {
            content: "The list ends here: the next scan goes nowhere, and not over the first code",
            trigger: ".o_list_view:not(:has(.o_selected_row))",
        },
    ],
});

// The codes come as a table the next morning: paste, look, import.
registry.category("web_tour.tours").add("cloudprinter_import_tracking", {
    steps: () => [
        {
            trigger: ".o_control_panel button:contains(Import)",
            run: "click",
        },
        {
            trigger: ".modal div[name=text] textarea",
            run: (helpers) => helpers.edit("o1;CODE1\nnever;CODE2"),
        },
        {
            trigger: ".modal button[name=action_preview]",
            run: "click",
        },
        {
            trigger: ".modal .o_data_row:contains(o1):contains(WH/OUT)",
        },
        {
            trigger: ".modal .o_data_row.text-danger:contains(There is no delivery, order or item named never)",
        },
        {
            trigger: ".modal button[name=action_import]",
            run: "click",
        },
        {
            trigger: ".modal .alert-success:contains(The signals that waited for these codes are being sent)",
        },
        {
            trigger: ".modal button[name=action_close]",
            run: "click",
        },
        {
            content: "The list shows what still waits",
            trigger: "body:not(:has(.modal)) .o_view_nocontent:contains(No deliveries waiting for a tracking code)",
        },
    ],
});
