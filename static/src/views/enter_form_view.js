import { useHotkey } from "@web/core/hotkeys/hotkey_hook";
import { registry } from "@web/core/registry";
import { FormController } from "@web/views/form/form_controller";
import { formView } from "@web/views/form/form_view";

/**
 * Enter in a field presses the main button of the dialog, as it does where Odoo creates a card: a hand scanner ends each
 * code with it, and in Odoo's dialogs only Ctrl+Enter does.
 */
export class EnterFormController extends FormController {
    setup() {
        super.setup();
        useHotkey("enter", () => this.pressMainButton(), {
            bypassEditableProtection: true,
            isAvailable: (target) => target.matches("input"),
        });
    }

    pressMainButton() {
        document.querySelector(".o_dialog:not(.o_inactive_modal) .modal-footer .btn-primary")?.click();
    }
}

registry.category("views").add("cloudprinter_enter_form", {
    ...formView,
    Controller: EnterFormController,
});
