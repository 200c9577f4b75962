-- a copy of the database has no keys, sends nothing, takes no orders and seals no ledger
UPDATE res_company
   SET cloudprinter_signal_api_key = NULL,
       cloudprinter_order_api_key = NULL,
       cloudprinter_fingerprint = NULL,
       cloudprinter_auditor_email = NULL,
       cloudprinter_stamp_url = NULL,
       cloudprinter_hold = true;
