"""Print files made by reportlab and changed by pikepdf: right ones, and one for each fault.

What is expected of a file is given as values of `preflight.Expected`.
"""

import io
import zlib

import pikepdf
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas

POINTS = 72 / 25.4
EMBEDDED = "Vera"  # comes with reportlab
MCS = "pageblock_130mcs"
BOOK = {
    "part": "book",
    "is_alone": False,
    "pages": 24,
    "option_pages": 24,
    "paper": MCS,
    "width": 210,
    "height": 297,
    "bleed": 3,
    "binding": "perfect",
    "cover_kind": "spread",
}
SPINE = 2.404


def make_pdf(count=24, width=216, height=303, font=EMBEDDED, compress=1):
    """Return a PDF file with a line of text on each page, without boxes other than the MediaBox."""
    pdfmetrics.registerFont(TTFont(EMBEDDED, "Vera.ttf"))
    buffer = io.BytesIO()
    # reportlab declares Helvetica on each page of a canvas that is not told another font
    page = canvas.Canvas(
        buffer, (width * POINTS, height * POINTS), initialFontName=EMBEDDED, pageCompression=compress, invariant=1
    )
    for number in range(count):
        page.setFont(font, 12)
        page.drawString(50, 50, f"Page {number + 1}")
        page.showPage()
    page.save()
    return buffer.getvalue()


def change(content, do, **options):
    """Return the file after `do(pdf)`."""
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        do(pdf)
        pdf.save(buffer, deterministic_id=not options.get("encryption"), **options)
    return buffer.getvalue()


def set_pages(content, numbers=None, **entries):
    """Return the file with these entries on its pages, or those with these numbers."""

    def do(pdf):
        for number, page in enumerate(pdf.pages, 1):
            if numbers is None or number in numbers:
                for name, value in entries.items():
                    page[f"/{name}"] = value

    return change(content, do)


def box(left, bottom, right, top):
    """Return a box given in millimeters."""
    return [round(length * POINTS, 3) for length in (left, bottom, right, top)]


TRIM = box(3, 3, 213, 300)
WITH_MARKS = {"MediaBox": box(-10, -10, 226, 313), "TrimBox": TRIM}


def make_right():
    """Return right files: name → (content, what is expected)."""
    book = make_pdf()
    cover = make_pdf(1, 420 + SPINE + 6, 303)
    trimmed_cover = box(3, 3, 3 + 420 + SPINE, 300)
    landscape = make_pdf(24, 303, 216)
    poster = {"pages": 1, "width": 500, "height": 700, "bleed": 3}
    in_cover = {**BOOK, "part": "cover"}
    return {
        "bleed by the page size alone": (book, BOOK),
        "a trim box": (set_pages(book, TrimBox=TRIM), BOOK),
        "a trim box that equals the page": (set_pages(book, TrimBox=box(0, 0, 216, 303)), BOOK),
        "all boxes": (set_pages(book, TrimBox=TRIM, BleedBox=box(0, 0, 216, 303), ArtBox=TRIM, CropBox=TRIM), BOOK),
        "sorted the other way": (set_pages(book, MediaBox=box(216, 303, 0, 0), TrimBox=box(213, 300, 3, 3)), BOOK),
        "an origin elsewhere": (
            set_pages(book, MediaBox=box(-100, 50, 116, 353), TrimBox=box(-97, 53, 113, 350)),
            BOOK,
        ),
        "a trim box beyond the page": (set_pages(book, TrimBox=box(-50, -50, 500, 500)), BOOK),
        "turned by 90": (set_pages(landscape, Rotate=90), BOOK),
        "turned by -90": (set_pages(landscape, Rotate=-90), BOOK),
        "turned by 450": (set_pages(landscape, Rotate=450), BOOK),
        "turned by 180": (set_pages(book, Rotate=180), BOOK),
        "a larger unit": (set_pages(make_pdf(24, 21.6, 30.3), UserUnit=10), BOOK),
        "within the tolerance": (make_pdf(24, 216.9, 302.2), BOOK),
        "a standard font that is declared only": (_declare(book, "Helvetica"), BOOK),
        "a standard font that is invisible": (_show(book, "BT /Missing 12 Tf 3 Tr (hidden) Tj ET"), BOOK),
        "a font that is set but shows nothing": (_show(book, "BT /Missing 12 Tf ET"), BOOK),
        "more text after an invisible one": (
            _show(book, "q BT /Missing 12 Tf 3 Tr (hidden) Tj ET Q BT (visible) Tj ET"),
            BOOK,
        ),
        "object streams": (change(book, _nothing, object_stream_mode=pikepdf.ObjectStreamMode.generate), BOOK),
        "linearized": (change(book, _nothing, linearize=True), BOOK),
        "attributes of the tree": (change(book, _inherit), BOOK),
        "blank pages": (set_pages(book, (2, 24), Contents=[]), BOOK),
        "the number of the option": (book, {**BOOK, "pages": 20}),
        "another format": (b"\xff\xd8\xff\xe0 a picture", {"is_pdf": False, "pages": 1}),
        "nothing is known": (book, {}),
        "a poster": (make_pdf(1, 506, 706), poster),
        "saddle stitch": (book, {**BOOK, "binding": "saddle"}),
        "a cover": (cover, in_cover),
        "a cover with a trim box": (set_pages(cover, TrimBox=trimmed_cover), in_cover),
        "a cover printed inside too": (make_pdf(2, 420 + SPINE + 6, 303), in_cover),
        "a cover of an unknown kind": (cover, {**in_cover, "cover_kind": ""}),
        "a cover of single pages": (make_pdf(4), {**in_cover, "cover_kind": "pages"}),
        "single pages of an unknown kind": (make_pdf(4), {**in_cover, "cover_kind": ""}),
        "a cover on unknown paper": (cover, {**in_cover, "paper": "pageblock_special"}),
        "a cover of saddle stitch": (make_pdf(1, 426, 303), {**in_cover, "binding": "saddle"}),
        "a spine within the tolerance": (make_pdf(1, 420 + SPINE + 6.9, 303), in_cover),
        "a cover of a hardcover": (
            make_pdf(1, 420 + 2 * 3 + 1.404 + 36 + 6 + 5, 297 + 36 + 6),
            {**in_cover, "binding": "case", "wrap": 18, "overlap": 3, "squeeze": 5},
        ),
    }


def make_wrong():
    """Return faulty files: name → (content, what is expected, codes of the findings that need a user)."""
    book = make_pdf()
    in_cover = {**BOOK, "part": "cover"}
    alone = {**BOOK, "part": "", "is_alone": True, "cover_kind": "block"}
    owner = pikepdf.Encryption(owner="secret", user="")
    user = pikepdf.Encryption(owner="secret", user="secret")
    return {
        "empty": (b"", BOOK, {"no_pdf"}),
        "a page of the web": (b"<html>Not found</html>", BOOK, {"no_pdf"}),
        "only the first line": (b"%PDF-1.7\n", BOOK, {"damaged"}),
        "noise": (b"%PDF-1.7 " + bytes(range(256)) * 40, BOOK, {"damaged"}),
        "half of it": (book[: len(book) // 2], BOOK, {"damaged"}),
        "no table of objects": (book[: book.rindex(b"xref", 0, book.rindex(b"startxref"))], BOOK, {"rebuilt"}),
        "a page that is not there": (change(book, _lose_page), BOOK, {"missing", "pages_differ"}),
        "more pages promised": (book.replace(b"/Count 24", b"/Count 30"), BOOK, {"missing"}),
        "more pages promised than can be": (
            book.replace(b"/Count 24", b"/Count 9999999999"),
            BOOK,
            {"missing", "rebuilt"},
        ),
        "a page without a size": (_remove_sizes(book), BOOK, {"no_box", "size_differs"}),
        "a page larger than a country": (
            set_pages(book, [4], UserUnit=1_000_000, MediaBox=[0, 0, 10_000, 10_000]),
            BOOK,
            {"no_box", "size_differs"},
        ),
        "broken contents": (change(book, _break_contents), BOOK, {"broken"}),
        "protected": (change(book, _nothing, encryption=owner), BOOK, {"protected"}),
        "a password": (change(book, _nothing, encryption=user), BOOK, {"password"}),
        "too few pages": (make_pdf(22), BOOK, {"pages_differ"}),
        "the number of the item": (
            book,
            {**BOOK, "option_pages": 28},
            {"pages_of_item"},
        ),
        "the cover included": (make_pdf(28), alone, {"cover_included"}),
        "a number that the binding cannot have": (
            make_pdf(26),
            {**BOOK, "binding": "saddle", "pages": 26, "option_pages": 26},
            {"multiple"},
        ),
        "too few for the binding": (
            make_pdf(4),
            {**BOOK, "binding": "saddle", "pages": 4, "option_pages": 4},
            {"too_few"},
        ),
        "another size": (make_pdf(24, 148, 210), BOOK, {"size_differs"}),
        "one page of another size": (set_pages(book, (5,), MediaBox=box(0, 0, 148, 210)), BOOK, {"size_differs"}),
        "unequal sizes": (
            set_pages(book, (5,), MediaBox=box(0, 0, 148, 210)),
            {"part": "book", "pages": 24},
            {"unequal"},
        ),
        "landscape": (make_pdf(24, 303, 216), BOOK, {"turned"}),
        "turned to landscape": (set_pages(book, Rotate=90), BOOK, {"turned_by_rotation"}),
        "no bleed": (make_pdf(24, 210, 297), BOOK, {"no_bleed"}),
        "less bleed": (set_pages(book, MediaBox=box(2, 2, 214, 301), TrimBox=TRIM), BOOK, {"no_bleed"}),
        "crop marks": (set_pages(book, **WITH_MARKS), BOOK, {"marks"}),
        "crop marks and no bleed": (set_pages(book, BleedBox=TRIM, **WITH_MARKS), BOOK, {"no_bleed"}),
        "another trim box": (set_pages(book, TrimBox=box(20, 20, 180, 250)), BOOK, {"trim_differs"}),
        "spreads": (make_pdf(12, 426, 303), BOOK, {"spreads"}),
        "a font that is not embedded": (
            _show(book, "BT /Missing 12 Tf (text) Tj ET", "Garamond"),
            BOOK,
            {"fonts_missing"},
        ),
        "a standard font": (make_pdf(font="Helvetica"), BOOK, {"fonts_standard"}),
        "a font in a form": (_show(book, "/Form Do", "Garamond"), BOOK, {"fonts_missing"}),
        "a font of a graphics state": (_show(book, "BT /State gs (text) Tj ET", "Garamond"), BOOK, {"fonts_missing"}),
        "a spine that is too wide": (make_pdf(1, 420 + 6 + 6, 303), in_cover, {"spine_differs"}),
        "a spine that is a little too wide": (
            make_pdf(1, 420 + SPINE + 6 + 1.5, 303),
            in_cover,
            {"spine_near"},
        ),
        "a cover that is too high": (make_pdf(1, 420 + SPINE + 6, 320), in_cover, {"cover_differs"}),
        "a cover without bleed": (make_pdf(1, 420 + SPINE, 297), in_cover, {"no_bleed"}),
        "a cover of half the width": (
            make_pdf(1, 216, 303),
            {**in_cover, "paper": ""},
            {"cover_differs"},
        ),
        "a cover with too many pages": (make_pdf(3, 420 + SPINE + 6, 303), in_cover, {"pages_of_cover"}),
        "a hardcover that is too small": (
            make_pdf(1, 420 + SPINE + 6, 303),
            {**in_cover, "binding": "case", "wrap": 18},
            {"cover_wrap_differs"},
        ),
    }


def make_hostile():
    """Return files that readers stumble over: name → content. There is no right answer but one in time."""
    book = make_pdf(2)
    return {
        "a tree that contains itself": change(book, _tie),
        "ten thousand million pages": _multiply(book),
        "a bomb in the contents": change(book, _bomb),
        "a deep tree": change(book, _deepen),
        "a lie about the number of pages": book.replace(b"/Count 2", b"/Count 2147483647"),
    }


# === changes === #


def _nothing(pdf):
    pass


def _make_font(pdf, name):
    return pdf.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name(f"/{name}"))
    )


def _declare(content, name):
    def do(pdf):
        for page in pdf.pages:
            page.Resources.Font["/Missing"] = _make_font(pdf, name)

    return change(content, do)


def _show(content, instructions, name="Helvetica"):
    """Add instructions to page 2, which has a font that is not embedded, a form and a graphics state with it."""

    def do(pdf):
        page = pdf.pages[1]
        font = _make_font(pdf, name)
        page.Resources.Font["/Missing"] = font
        form = pdf.make_stream(b"BT /Inner 12 Tf (text) Tj ET")
        form.Type, form.Subtype, form.BBox = pikepdf.Name.XObject, pikepdf.Name.Form, [0, 0, 100, 100]
        form.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(Inner=font))
        page.Resources.XObject = pikepdf.Dictionary(Form=form)
        page.Resources.ExtGState = pikepdf.Dictionary(State=pikepdf.Dictionary(Font=[font, 12]))
        page.contents_add(pdf.make_stream(instructions.encode()))

    return change(content, do)


def _inherit(pdf):
    first = pdf.pages[0]
    pdf.Root.Pages.MediaBox, pdf.Root.Pages.Resources = first.MediaBox, first.Resources
    pdf.Root.Pages.Rotate = 0
    for page in pdf.pages:
        for name in ("/MediaBox", "/Resources", "/Rotate"):
            if name in page:
                del page[name]


def _lose_page(pdf):
    pdf.Root.Pages.Kids[3] = 42


def _remove_sizes(content):
    def do(pdf):
        del pdf.pages[4].MediaBox

    return change(content, do)


def _break_contents(pdf):
    stream = pdf.pages[2].Contents
    data = bytearray(zlib.compress(b"0 0 m 100 100 l S " * 500))
    data[20:60] = bytes(40)
    stream.write(bytes(data), filter=pikepdf.Name.FlateDecode)


def _tie(pdf):
    pdf.Root.Pages.Kids.append(pdf.Root.Pages)


def _multiply(content):
    def do(pdf):
        node = pdf.Root.Pages
        for _level in range(10):
            node = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Pages, Count=1, Kids=[node] * 10))
        pdf.Root.Pages = node

    return change(content, do)


def _bomb(pdf):
    zeros = zlib.compress(bytes(50_000_000), 9)
    data = zlib.compress(zeros, 9)
    stream = pdf.pages[0].Contents
    flate = pikepdf.Name.FlateDecode
    stream.write(data, filter=pikepdf.Array([flate, flate]))


def _deepen(pdf):
    node = pdf.Root.Pages
    for _level in range(400):
        node = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Pages, Count=2, Kids=[node]))
    pdf.Root.Pages = node
