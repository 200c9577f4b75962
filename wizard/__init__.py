from . import (
    cloudprinter_connection_test,
    cloudprinter_discard,
    cloudprinter_report,
    cloudprinter_report_line,
    cloudprinter_link,
    cloudprinter_link_line,
    cloudprinter_order_import,
    cloudprinter_order_import_line,
    cloudprinter_reject,
    cloudprinter_release,
    cloudprinter_tracking_import,
    cloudprinter_tracking_import_line,
)
