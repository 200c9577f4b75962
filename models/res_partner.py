import hashlib

from odoo import fields, models

from ..tools.discreet import discreet


class ResPartner(models.Model):
    _inherit = "res.partner"

    cloudprinter_address_digest = fields.Char(
        copy=False, readonly=True, index="btree_not_null", help="Identifies the address of an order."
    )
    # the customer has few active contacts but very many archived recipients
    _cloudprinter_contacts_idx = models.Index("(parent_id) WHERE parent_id IS NOT NULL AND active IS TRUE")

    def _get_complete_name(self):
        """Override of `base` to leave the paying company out of a recipient's name on labels and slips."""
        if self.cloudprinter_address_digest:
            return ", ".join(filter(None, (self.company_name, self.name)))
        return super()._get_complete_name()

    # must not depend on the digest, which is written together with the name: on uninstallation Odoo would also remove
    # the descriptions of fields of users and bank statement lines that depend on it
    def _compute_commercial_company_name(self):
        super()._compute_commercial_company_name()
        for partner in self.filtered("cloudprinter_address_digest"):
            partner.commercial_company_name = partner.company_name

    def _cloudprinter_find_address(self, values):
        """Return the delivery addresses of this contact that were created with these values."""
        digest = self._cloudprinter_get_digest(values)
        return self.with_context(active_test=False).search([("cloudprinter_address_digest", "=", digest)])

    def _cloudprinter_get_address(self, values, company):
        """Find or create the delivery address of this contact with these values.

        New addresses are archived immediately, as a hundred thousand recipients a year would flood the contacts. They
        belong to the company of the order, even if the contact is shared by companies.

        :param dict values: of the new contact
        """
        # one that a user has corrected is that of another order
        expected = {**values, "company_id": company.id}
        found = self._cloudprinter_find_address(values).filtered(
            lambda address: all(
                ((address[name].id if address._fields[name].relational else address[name]) or False) == (value or False)
                for name, value in expected.items()
            )
        )[:1]
        if found:
            return found
        with discreet(self.env.cr):
            address = found.with_context(tracking_disable=True).create(
                {
                    **expected,
                    "parent_id": self.id,
                    "type": "delivery",
                    "active": False,
                    "cloudprinter_address_digest": self._cloudprinter_get_digest(values),
                }
            )
            # Odoo's create clears it for contacts with a parent
            address.company_name = values["company_name"]
            address.flush_recordset()
        return address

    def _cloudprinter_get_digest(self, values):
        self.ensure_one()
        text = "\n".join(f"{name}={values[name]}" for name in sorted(values))
        return hashlib.sha256(f"{self.id}\n{text}".encode()).hexdigest()

    def _cloudprinter_anonymize(self):
        """Anonymize the recipients and delete their messages."""
        recipients = self.filtered("cloudprinter_address_digest").with_context(tracking_disable=True)
        names = ("street", "street2", "zip", "city", "state_id", "email", "phone", "company_name", "comment")
        # the country is kept for accounting reports
        recipients.write(
            {**dict.fromkeys(names, False), "name": self.env._("Anonymized"), "cloudprinter_address_digest": False}
        )
        recipients.message_ids.sudo().unlink()
