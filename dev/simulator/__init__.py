"""Delivery over simulated time: an endpoint, companies, the sender, users, crashes and clocks. No Odoo, no network.

`make simulate ARGS="--scenarios 5000 --seed 1"` looks for a scenario in which a sentence of `checks` does not hold.
"""
