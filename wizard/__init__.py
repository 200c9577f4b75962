from . import cloudprinter_discard, cloudprinter_report, cloudprinter_report_line
