from . import cloudprinter_lead_time, cloudprinter_signal_history
