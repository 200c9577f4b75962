-- a copy of the database has no key and sends nothing
UPDATE res_company
   SET cloudprinter_signal_api_key = NULL,
       cloudprinter_fingerprint = NULL,
       cloudprinter_hold = true;
