from . import cloudprinter_lead_time
