"""Large files: what reading them costs in time and memory."""

import io
import os
import tempfile
import time

import pikepdf

from ..environment import say
from .print_files import make_pdf

SECONDS = 2.0  # of CPU time: other processes of the machine do not count
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

    def report(name, file, must=True):
        file.flush()
        file.seek(0)
        start, cpu = time.monotonic(), get_cpu()
        facts = preflight.read_file(file)
        seconds, cpu = time.monotonic() - start, get_cpu() - cpu
        # the process has at most 300 MB, see `reader.LIMITS`
        result = facts.problem or facts.limit or "read"
        say(f"{name}: {cpu:.2f} s of CPU, {seconds:.2f} s; {facts.page_count} pages; {result}")
        if must and (cpu > SECONDS or result != "read"):
            problems.append(f"{name}: {cpu:.2f} s, {result}")

    for name, pages, images in (("800 pages of 500 MB", 800, 800), ("one image of 500 MB", 1, 1)):
        with tempfile.NamedTemporaryFile() as file:
            make_large(file, pages, images)
            report(name, file)
            file.truncate(os.path.getsize(file.name) - 400)
            if pages > 1:
                # rebuilding it may take too long, which is said
                report(f"{name}, without its end", file, must=False)
    with tempfile.TemporaryFile() as file:
        file.write(make_pdf(800))
        report("800 pages of text", file)
    with tempfile.TemporaryFile() as file:
        file.write(make_pdf(24))
        file.flush()
        cpu = get_cpu()
        for _number in range(FILES_A_MINUTE):
            file.seek(0)
            preflight.read_file(file)
        cpu = get_cpu() - cpu
    say(f"{FILES_A_MINUTE} files of 24 pages, one after the other: {cpu:.1f} s of CPU")
    if cpu > 60:
        problems.append(f"{FILES_A_MINUTE} files take {cpu:.1f} s")
    return problems


def get_cpu():
    """Return the CPU seconds of all processes that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system
