import { registry } from "@web/core/registry";

// An operator sees what is wrong with a file; a manager looks at it and accepts it all the same.
registry.category("web_tour.tours").add("cloudprinter_wrong_file", {
    steps: () => [
        {
            trigger: ".alert:contains(A print file is not as ordered)",
        },
        {
            trigger: "div[name=cloudprinter_checks] li:contains(The pages are 154 × 216 mm) i.text-danger",
        },
        {
            trigger: ".nav-link[name=cloudprinter]",
            run: "click",
        },
        {
            trigger: "div[name=cloudprinter_file_ids] .o_data_row td[name=check_state]:contains(Wrong)",
            run: "click",
        },
        {
            trigger: ".modal div[name=check_list] li:contains(Fonts) i.text-success",
        },
    ],
});

registry.category("web_tour.tours").add("cloudprinter_overrule_file", {
    steps: () => [
        {
            content: "The browser has rendered the first page",
            trigger: ".o_cloudprinter_first_page img",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_overrule]",
            run: "click",
        },
        {
            trigger: ".modal div[name=reason] input",
            run: "edit Agreed by phone",
        },
        {
            trigger: ".modal button[name=action_overrule]",
            run: "click",
        },
        {
            trigger: "div[name=overruled_reason]:contains(Agreed by phone)",
        },
    ],
});
