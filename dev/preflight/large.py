"""Large files: what reading them costs in time and memory."""

import io
import os
import tempfile
import time

import pikepdf

from ..environment import say
from .print_files import change, make_pdf

SECONDS = 2.0
FILES_A_MINUTE = 40  # 20 orders of two files
SIZE = 500_000_000


def make_large(file, pages, images):
    """Write a PDF file with `images` images that together have 500 MB, on `pages` pages."""
    with pikepdf.open(io.BytesIO(make_pdf(pages))) as pdf:
        for number in range(images):
            image = pdf.make_stream(os.urandom(SIZE // images))
            image.Type, image.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
            image.Width, image.Height, image.BitsPerComponent = 100, 100, 8
            image.ColorSpace = pikepdf.Name.DeviceCMYK
            page = pdf.pages[number % pages]
            page.Resources.XObject = pikepdf.Dictionary({f"/Image{number}": image})
        pdf.save(file)


def measure(preflight):
    """Print what large files cost; return what takes too long or more memory than allowed, one line each."""
    problems = []

    def report(name, file):
        file.flush()
        file.seek(0)
        start = time.monotonic()
        facts = preflight.read_file(file)
        seconds = time.monotonic() - start
        # the process has at most 300 MB, see `reader.LIMITS`
        say(f"{name}: {seconds:.2f} s, {facts.page_count} pages {facts.problem or facts.limit or 'read'}")
        if seconds > SECONDS or facts.limit or facts.problem:
            problems.append(f"{name}: {seconds:.2f} s {facts.problem} {facts.limit}")

    for name, pages, images in (("800 pages of 500 MB", 800, 800), ("one image of 500 MB", 1, 1)):
        with tempfile.NamedTemporaryFile() as file:
            make_large(file, pages, images)
            report(name, file)
            file.truncate(os.path.getsize(file.name) - 400)
            if pages > 1:
                report(f"{name}, without its end", file)
    with tempfile.TemporaryFile() as file:
        file.write(change(make_pdf(800), lambda pdf: None))
        report("800 pages of text", file)
        start = time.monotonic()
        for _number in range(FILES_A_MINUTE):
            file.seek(0)
            preflight.read_file(file)
        seconds = time.monotonic() - start
    say(f"{FILES_A_MINUTE} files of 800 pages, one after the other: {seconds:.1f} s")
    if seconds > 60:
        problems.append(f"{FILES_A_MINUTE} files take {seconds:.1f} s")
    return problems
