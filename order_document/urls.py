"""Addresses of files."""

from urllib.parse import urlsplit


def get_path(url):
    """Return the path of an address: what names the file, without the signature that changes with each push."""
    try:
        return urlsplit(url).path
    except ValueError:
        return url
