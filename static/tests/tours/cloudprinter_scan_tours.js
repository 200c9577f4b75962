import { registry } from "@web/core/registry";

const CODE = ".o_field_widget[name=code] input";

/** Type a code into the field, as a scanner does that ends with Enter. */
function type(code) {
    return [
        { trigger: CODE, run: `edit ${code}` },
        { trigger: CODE, run: "press Enter" },
    ];
}

/** Scan a code while no field has the focus. */
function scan(code) {
    return {
        trigger: ".o_form_view",
        run() {
            document.activeElement.blur();
            for (const key of [...code, "Enter"]) {
                document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            }
        },
    };
}

/** Leave what was scanned, so that nothing is saved after the tour. */
function leave() {
    return [
        // not shown to users
        { trigger: ".o_form_button_cancel:not(:visible)", run: ({ anchor }) => anchor.click() },
        { trigger: ".o_form_saved" },
    ];
}

function press(name) {
    return { trigger: `button[name=${name}]:enabled`, run: "click" };
}

// From the app's menu: one scan and one click for each step.
registry.category("web_tour.tours").add("cloudprinter_scan_operator", {
    steps: () => [
        { trigger: "[data-menu-xmlid='cloudprinter.mrp_scan_menu']", run: "click" },
        { content: "The field waits for a code", trigger: `${CODE}:focus` },
        ...type("123456780001"),
        { trigger: ".o_cloudprinter_at_hand:contains(5 × Poster)" },
        { trigger: "div[name=document]:contains(Print)" },
        { content: "Ready for the next code", trigger: `${CODE}:value()` },
        press("action_start"),
        press("action_finish"),
        { trigger: "div[name=document]:contains(Cut)" },
        press("action_start"),
        press("action_finish"),
        { trigger: "button[name=action_produce].btn-primary" },
        press("action_produce"),
        { trigger: "div[name=stage]:contains(Produced)" },
        scan("123456780002"),
        { trigger: ".o_cloudprinter_at_hand:contains(2 × Poster)" },
        scan("nobody"),
        { trigger: ".alert-danger:contains(nobody is not known)" },
        { content: "Nothing is left to press", trigger: "body:not(:has(.o_cloudprinter_at_hand button))" },
        ...leave(),
    ],
});

// A wrong item is refused; pack and ship appear when all are here.
registry.category("web_tour.tours").add("cloudprinter_scan_packer", {
    steps: () => [
        { trigger: "[data-menu-xmlid='cloudprinter.stock_scan_menu']", run: "click" },
        ...type("123456780000"),
        { trigger: "div[name=checklist]:contains(0 of 2 are here)" },
        { trigger: "body:not(:has(button[name=action_ship]))" },
        scan("123456780001"),
        { trigger: "div[name=checklist]:contains(1 of 2 are here)" },
        scan("999900000001"),
        { trigger: ".alert-danger:contains(WRONG: 999900000001 belongs to order 999900000000)" },
        { trigger: "div[name=checklist]:contains(1 of 2 are here)" },
        ...type("123456780002"),
        { trigger: "div[name=checklist]:contains(2 of 2 are here)" },
        scan("00340434"),
        { trigger: ".alert-info:contains(00340434 is taken as the tracking code)" },
        press("action_ship"),
        { trigger: "div[name=stage]:contains(Shipped)" },
        { trigger: "body:not(:has(button[name=action_ship]))" },
        scan("999900000001"),
        { trigger: ".o_cloudprinter_at_hand:contains(1 × Book)" },
        ...leave(),
    ],
});
