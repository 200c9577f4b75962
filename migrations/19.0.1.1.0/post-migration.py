def migrate(cr, version):
    # Release proposes that what is older was reported elsewhere: without a date that would be all that is queued
    cr.execute(
        """
        UPDATE res_company company
           SET cloudprinter_key_date = (SELECT min(date) FROM cloudprinter_request WHERE company_id = company.id)
         WHERE cloudprinter_signal_api_key IS NOT NULL AND cloudprinter_key_date IS NULL
        """
    )
