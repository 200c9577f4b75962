-- a copy of the database has no keys, sends nothing and takes no orders
UPDATE res_company
   SET cloudprinter_signal_api_key = NULL,
       cloudprinter_order_api_key = NULL,
       cloudprinter_fingerprint = NULL,
       cloudprinter_hold = true;
