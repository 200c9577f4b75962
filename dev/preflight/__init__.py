"""`make preflight`: print files, generated and real, read here and by other readers."""
