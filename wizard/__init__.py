from . import cloudprinter_discard, cloudprinter_report, cloudprinter_report_line
from . import cloudprinter_connection_test
