def migrate(cr, version):
    # Release proposes that older signals were reported elsewhere; without a date, these would be all queued signals.
    # Branches without a key use that of their parent.
    cr.execute(
        """
        UPDATE res_company company
           SET cloudprinter_key_date = (
                SELECT min(request.date)
                  FROM cloudprinter_request request
                  JOIN res_company poster ON poster.id = request.company_id
                 WHERE poster.id = company.id
                    OR poster.cloudprinter_signal_api_key IS NULL
                       AND starts_with(poster.parent_path, company.parent_path))
         WHERE cloudprinter_signal_api_key IS NOT NULL AND cloudprinter_key_date IS NULL
        """
    )
