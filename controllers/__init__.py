from . import ledger, order
