from . import cloudprinter_demo
