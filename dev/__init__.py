"""For developers only: environment, stand-in CloudSignal server, demo. Never imported by the add-on."""
