"""Order documents that Cloudprinter.com pushes to print partners: JSON v2.1, JSON v2.2 and XML v2.1. Without Odoo.

if our_key in find_keys(request_body):
    document = read(request_body)
    if document.key == our_key:
        store(document.text)
        work_on(document.order)
"""

from .document import Address, Client, Costs, File, Item, Option, Order, Reorder, Shipping
from .errors import DocumentError, TooLarge, UnknownFormat
from .fields import AMOUNT_AT_MOST, COUNT_AT_MOST, ENTRIES_AT_MOST, ID_AT_MOST, ITEMS_AT_MOST
from .reader import Document, find_keys, parse, read
from .tree import DEPTH_AT_MOST, KEY_AT_LEAST, KEY_AT_MOST, SIZE_AT_MOST, TEXT_AT_MOST, URL_AT_MOST, VALUES_AT_MOST

__all__ = [
    "AMOUNT_AT_MOST",
    "COUNT_AT_MOST",
    "DEPTH_AT_MOST",
    "ENTRIES_AT_MOST",
    "ID_AT_MOST",
    "ITEMS_AT_MOST",
    "KEY_AT_LEAST",
    "KEY_AT_MOST",
    "SIZE_AT_MOST",
    "TEXT_AT_MOST",
    "URL_AT_MOST",
    "VALUES_AT_MOST",
    "Address",
    "Client",
    "Costs",
    "Document",
    "DocumentError",
    "File",
    "Item",
    "Option",
    "Order",
    "Reorder",
    "Shipping",
    "TooLarge",
    "UnknownFormat",
    "find_keys",
    "parse",
    "read",
]
