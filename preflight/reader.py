"""Read what a print file has: the program of the child process, see `child.py`. It imports nothing of the add-on.

    python reader.py PATH... < file > facts

It limits itself first, then writes a JSON object per stage, so that the parent has the earlier ones if a later one
never ends. Files are hostile: pages and objects are walked by loops that remember where they were.
"""

import json
import sys
import time

SIGNATURE_WITHIN = 1100  # bytes; readers skip what is before
PAGES_AT_MOST = 20_000
NODES_AT_MOST = 200_000
RUNS_AT_MOST = 2_000
SIZE_AT_MOST = 1_000_000  # mm; a larger page has no size
NAMES_AT_MOST = 10
NAME_AT_MOST = 100  # characters
BLANK_AT_MOST = 4096  # bytes of contents; longer ones paint something
# CPU seconds
CONTENTS_BUDGET = 0.8
FONTS_BUDGET = 4.0
MEGABYTE = 2**20
LIMITS = {"RLIMIT_DATA": 300 * MEGABYTE, "RLIMIT_CPU": 8, "RLIMIT_FSIZE": MEGABYTE, "RLIMIT_CORE": 0}

PAINTS = "f F f* B B* b b* S s sh Do Tj TJ ' \" INLINE IMAGE"
SHOWS = {"Tj", "TJ", "'", '"'}
TEXT = "q Q BT Tf Tr gs Do Tj TJ ' \""
COLORS = {
    "/DeviceRGB": "RGB",
    "/CalRGB": "RGB",
    "/DeviceCMYK": "CMYK",
    "/DeviceGray": "Gray",
    "/CalGray": "Gray",
    "/Lab": "Lab",
}
COLORS_OF_ICC = {1: "Gray", 3: "RGB", 4: "CMYK"}


def limit():
    try:
        import resource
    except ImportError:
        # Windows: only the parent's time limit holds
        return
    for name, most in LIMITS.items():
        resource.setrlimit(getattr(resource, name), (most, most))


def read(stream, write):
    """Read a PDF file.

    :param stream: the open file
    :param write: called with a dict of facts for each stage, see `facts.Facts`
    """
    head = stream.read(SIGNATURE_WITHIN)
    stream.seek(0)
    if b"%PDF-" not in head:
        write({"problem": "no_pdf"})
        return
    import pikepdf

    try:
        pdf = pikepdf.open(stream, inherit_page_attributes=False, suppress_warnings=True)
    except pikepdf.PasswordError:
        write({"problem": "password"})
        return
    except (pikepdf.PdfError, ValueError):
        write({"problem": "damaged"})
        return
    with pdf:
        _Reader(pikepdf, pdf, write).read()


class _Reader:
    def __init__(self, pikepdf, pdf, write):
        self.pikepdf = pikepdf
        self.pdf = pdf
        self.write = write
        self.is_dict = lambda value: isinstance(value, (pikepdf.Dictionary, pikepdf.Stream))
        self.is_stream = lambda value: isinstance(value, pikepdf.Stream)
        self.is_array = lambda value: isinstance(value, pikepdf.Array)
        self.is_name = lambda value: isinstance(value, pikepdf.Name)
        self.pages = []  # of (page, resources)
        self.has_fonts = False  # that are not embedded

    def read(self):  # pylint: disable=method-required-super
        geometry = self.read_pages()
        warnings = " ".join(map(str, self.pdf.get_warnings()))
        if not self.pages:
            self.write({"problem": "protected" if self.pdf.is_encrypted else "damaged"})
            return
        self.write({"is_protected": self.pdf.is_encrypted, "is_rebuilt": "reconstruct" in warnings, **geometry})
        last = {"is_complete": True}
        for stage in (self.read_colors, self.read_fonts, self.read_contents, self.read_used_fonts):
            try:
                self.write(stage())
            except MemoryError:
                raise
            except Exception:
                # of several kinds, as broken objects can be anything; the other stages may still say something
                last = {"limit": "stopped"}
        self.write(last)

    # === pages === #

    def read_pages(self):
        """Walk the tree of pages; return its facts."""
        root = self.pdf.trailer.get("/Root")
        tree = root.get("/Pages") if self.is_dict(root) else None
        runs, missing, no_box, seen, nodes = [], 0, 0, set(), 0
        stack = [(tree, {})] if self.is_dict(tree) else []
        while stack:
            node, inherited = stack.pop()
            nodes += 1
            if nodes > NODES_AT_MOST or len(self.pages) >= PAGES_AT_MOST:
                return {"limit": "pages", "runs": runs, "no_box": no_box, "missing": missing}
            if not self.is_dict(node):
                missing += 1
                continue
            values = dict(inherited)
            for key in ("/MediaBox", "/Rotate", "/Resources"):
                if (value := node.get(key)) is not None:
                    values[key] = value
            kids = node.get("/Kids")
            if self.is_array(kids):
                if node.is_indirect and node.objgen in seen:
                    missing += 1
                    continue
                seen.add(node.objgen)
                # a list that is too long is not read as a whole
                count = min(len(kids), NODES_AT_MOST + 1 - nodes)
                stack += [(kids[number], values) for number in range(count - 1, -1, -1)]
                continue
            self.pages.append((node, values.get("/Resources")))
            shape = self.measure(node, values)
            no_box += shape is None
            shape = shape or [0, 0, 0, None, None, 0, 0]
            if runs and runs[-1][1:] == shape:
                runs[-1][0] += 1
            else:
                runs.append([1, *shape])
            if len(runs) > RUNS_AT_MOST:
                return {"limit": "sizes", "runs": runs, "no_box": no_box, "missing": missing}
        count = tree.get("/Count") if stack or self.pages else None
        if isinstance(count, int) and count > len(self.pages):
            missing = max(missing, min(count - len(self.pages), PAGES_AT_MOST))
        return {"runs": runs, "no_box": no_box, "missing": missing}

    def measure(self, page, inherited):
        """Return what is seen of a page, in millimeters, or None if it has no size.

        :returns: width, height, rotation, width and height of the TrimBox if it says something, and the least room
            around it to the MediaBox and to the BleedBox
        """
        media = self.read_box(inherited.get("/MediaBox"))
        if not media:
            return None
        unit = page.get("/UserUnit", 1)
        unit = float(unit) if self.is_number(unit) and 0 < unit <= 1_000_000 else 1.0
        scale = unit * 25.4 / 72
        rotation = inherited.get("/Rotate", 0)
        rotation = int(rotation) % 360 if self.is_number(rotation) else 0
        trim = self.clip(self.read_box(page.get("/TrimBox")), media)
        bleed = self.clip(self.read_box(page.get("/BleedBox")), media) or media
        if trim and max(abs(a - b) for a, b in zip(trim, media)) * scale <= 0.1:
            trim = None
        width, height = media[2] - media[0], media[3] - media[1]
        trim_width, trim_height = (trim[2] - trim[0], trim[3] - trim[1]) if trim else (None, None)
        if rotation in (90, 270):
            width, height, trim_width, trim_height = height, width, trim_height, trim_width
        lengths = [width, height, trim_width, trim_height, _get_room(trim, media), _get_room(trim, bleed)]
        width, height, trim_width, trim_height, *rooms = (
            None if length is None else round(length * scale, 2) for length in lengths
        )
        if not width or not height or max(width, height) > SIZE_AT_MOST:
            return None
        return [width, height, rotation, trim_width, trim_height, *rooms]

    def is_number(self, value):
        # pikepdf returns int, Decimal and bool
        try:
            return not isinstance(value, (bool, str)) and abs(float(value)) < 1e9
        except (TypeError, ValueError, OverflowError):
            return False

    def read_box(self, value):
        """Return left, bottom, right and top of a box in points, or None if it is not one or has no area."""
        if not self.is_array(value) or len(value) != 4:
            return None
        numbers = [value[index] for index in range(4)]
        if not all(map(self.is_number, numbers)):
            return None
        left, bottom, right, top = map(float, numbers)
        box = min(left, right), min(bottom, top), max(left, right), max(bottom, top)
        return box if box[0] < box[2] and box[1] < box[3] else None

    def clip(self, box, media):
        if not box:
            return None
        box = max(box[0], media[0]), max(box[1], media[1]), min(box[2], media[2]), min(box[3], media[3])
        return box if box[0] < box[2] and box[1] < box[3] else None

    # === resources === #

    def walk_resources(self, visit):
        """Call `visit` with each dictionary of resources, its page number, and what it belongs to.

        :returns: whether all were visited
        """
        seen, nodes = set(), 0
        for number, (page, resources) in enumerate(self.pages, 1):
            stack = [(resources, "page")]
            stack += [(stream.get("/Resources"), "appearance") for stream in self.get_appearances(page)]
            while stack:
                resources, owner = stack.pop()
                nodes += 1
                if nodes > NODES_AT_MOST:
                    return False
                if not self.is_dict(resources):
                    continue
                if resources.is_indirect:
                    if resources.objgen in seen:
                        continue
                    seen.add(resources.objgen)
                visit(resources, number, owner)
                for stream, kind in self.get_streams(resources):
                    if stream.is_indirect:
                        if stream.objgen in seen:
                            continue
                        seen.add(stream.objgen)
                    # the resources of forms, patterns, soft masks and glyphs
                    stack.append((stream.get("/Resources"), kind))
        return True

    def get_category(self, resources, category):
        values = resources.get(category) if self.is_dict(resources) else None
        return values if self.is_dict(values) else {}

    def get_values(self, resources, category):
        values = self.get_category(resources, category)
        return [values[name] for name in values.keys()]

    def get_streams(self, resources):
        """Return what these resources name that has resources of its own."""
        found = [(form, "form") for form in self.get_values(resources, "/XObject") if self.is_stream(form)]
        found += [(pattern, "pattern") for pattern in self.get_values(resources, "/Pattern") if self.is_dict(pattern)]
        for state in self.get_values(resources, "/ExtGState"):
            mask = state.get("/SMask") if self.is_dict(state) else None
            group = mask.get("/G") if self.is_dict(mask) else None
            if self.is_stream(group):
                found.append((group, "mask"))
        for font in self.get_values(resources, "/Font"):
            if self.is_dict(font) and font.get("/Subtype") == "/Type3":
                found.append((font, "glyph"))
        return found

    def get_appearances(self, page):
        """Return the streams that annotations of a page show, in all their states."""
        annotations = page.get("/Annots")
        found = []
        if not self.is_array(annotations):
            return found
        for number in range(min(len(annotations), 1000)):
            annotation = annotations[number]
            states = annotation.get("/AP") if self.is_dict(annotation) else None
            if not self.is_dict(states):
                continue
            for key in states.keys():
                state = states[key]
                if self.is_stream(state):
                    found.append(state)
                elif self.is_dict(state):
                    found += [state[name] for name in state.keys() if self.is_stream(state[name])]
        return found

    # === colors === #

    def read_colors(self):
        colors, spots = set(), []

        def visit(resources, number, owner):
            spaces = self.get_values(resources, "/ColorSpace")
            spaces += [
                image.get("/ColorSpace")
                for image in self.get_values(resources, "/XObject")
                if self.is_stream(image) and image.get("/Subtype") == "/Image"
            ]
            for space in spaces:
                self.add_color(space, colors, spots)

        self.walk_resources(visit)
        intents = self.pdf.trailer.Root.get("/OutputIntents")
        intent = intents[0] if self.is_array(intents) and len(intents) else None
        name = ""
        if self.is_dict(intent):
            name = intent.get("/OutputConditionIdentifier") or intent.get("/Info") or "?"
        return {"colors": sorted(colors), "spots": spots[:NAMES_AT_MOST], "intent": _clean(name)}

    def add_color(self, space, colors, spots):
        for _depth in range(4):
            kind = space[0] if self.is_array(space) and len(space) else space
            if _clean(kind) in COLORS:
                colors.add(COLORS[_clean(kind)])
            elif kind == "/ICCBased" and len(space) > 1 and self.is_dict(space[1]):
                colors.add(COLORS_OF_ICC.get(space[1].get("/N"), "ICC"))
            elif kind == "/Separation" and len(space) > 1:
                name = _clean(space[1]).lstrip("/")
                if name not in ("All", "None", "Black", "Cyan", "Magenta", "Yellow", *spots):
                    spots.append(name)
            elif kind in ("/Indexed", "/Pattern") and self.is_array(space) and len(space) > 1:
                space = space[1]
                continue
            return

    # === fonts === #

    def read_fonts(self):
        """Return the fonts that are declared and not embedded: a list of [name, page]."""
        found = {}

        def visit(resources, number, owner):
            for font in self.get_fonts(resources):
                if not self.is_embedded(font):
                    found.setdefault(self.get_font_name(font), number)

        is_complete = self.walk_resources(visit)
        self.has_fonts = bool(found)
        fonts = [[name, number] for name, number in found.items()]
        return {"fonts": fonts[:NAMES_AT_MOST], **({} if is_complete else {"limit": "resources"})}

    def get_fonts(self, resources):
        fonts = self.get_values(resources, "/Font")
        for state in self.get_values(resources, "/ExtGState"):
            font = state.get("/Font") if self.is_dict(state) else None
            if self.is_array(font) and len(font):
                fonts.append(font[0])
        return [font for font in fonts if self.is_dict(font)]

    def is_embedded(self, font):
        if font.get("/Subtype") == "/Type3":
            return True
        descendants = font.get("/DescendantFonts")
        if self.is_array(descendants) and len(descendants) and self.is_dict(descendants[0]):
            font = descendants[0]
        descriptor = font.get("/FontDescriptor")
        return self.is_dict(descriptor) and any(
            self.is_stream(descriptor.get(key)) for key in ("/FontFile", "/FontFile2", "/FontFile3")
        )

    def get_font_name(self, font):
        name = _clean(font.get("/BaseFont") or font.get("/Name") or "?").lstrip("/")
        return name[7:] if name[6:7] == "+" else name

    def read_used_fonts(self):
        """Return the fonts that are not embedded and show text: name → page. Declared is not used."""
        if not self.has_fonts:
            return {"used_fonts": []}
        end = time.process_time() + FONTS_BUDGET
        used, seen = {}, set()

        def visit(resources, number, owner):
            # what patterns, masks and glyphs show is not searched
            if owner in ("pattern", "mask", "glyph"):
                for font in self.get_fonts(resources):
                    if not self.is_embedded(font):
                        used.setdefault(self.get_font_name(font), number)

        self.walk_resources(visit)
        for number, (page, resources) in enumerate(self.pages, 1):
            stack = [(page, resources, 0)]
            stack += [(stream, stream.get("/Resources") or resources, 0) for stream in self.get_appearances(page)]
            while stack:
                if time.process_time() > end:
                    return {"used_fonts": None}
                content, resources, font = stack.pop()
                if content is not page:
                    key = content.objgen
                    if key in seen or len(seen) > NODES_AT_MOST:
                        continue
                    seen.add(key)
                forms = self.find_shown(content, resources, number, used)
                if forms is None:
                    return {"used_fonts": None}
                stack += [(form, form.get("/Resources") or resources, 0) for form in forms]
        return {"used_fonts": [[name, number] for name, number in used.items()][:NAMES_AT_MOST]}

    def find_shown(self, content, resources, number, used):
        """Add to `used` the fonts with which a content stream shows text; return the forms that it draws, or None."""
        instructions = self.parse(content, TEXT)
        if instructions is None:
            return None
        forms, states = [], []
        font, mode = None, 0
        fonts, objects, all_states = (
            self.get_category(resources, name) for name in ("/Font", "/XObject", "/ExtGState")
        )
        for operands, operator in instructions:
            operator = str(operator)
            if operator == "q":
                states.append((font, mode))
            elif operator == "Q" and states:
                font, mode = states.pop()
            elif operator == "Tr" and operands:
                mode = operands[-1]
            elif operator in SHOWS:
                if mode not in (3, 7) and font is not None:
                    used.setdefault(font, number)
            elif operands and self.is_name(named := operands[0]):
                if operator == "Tf":
                    value = fonts.get(str(named))
                    font = self.get_font_name(value) if self.is_dict(value) and not self.is_embedded(value) else None
                elif operator == "gs":
                    state = all_states.get(str(named))
                    value = state.get("/Font") if self.is_dict(state) else None
                    if self.is_array(value) and len(value) and self.is_dict(value[0]):
                        font = None if self.is_embedded(value[0]) else self.get_font_name(value[0])
                elif operator == "Do":
                    form = objects.get(str(named))
                    if self.is_stream(form) and form.get("/Subtype") == "/Form":
                        forms.append(form)
        return forms

    # === contents === #

    def parse(self, content, operators):
        """Return the instructions of a page or form with these operators, or None if they cannot be read."""
        try:
            if not self.is_stream(content):
                if content.get("/Contents") is None:
                    return []
                content = self.pikepdf.Page(content)
            return self.pikepdf.parse_content_stream(content, operators)
        except MemoryError:
            raise
        except Exception:
            # of several kinds, as broken contents can be anything
            return None

    def read_contents(self):
        """Return the pages whose contents are broken, and those that nothing is painted on."""
        end = time.process_time() + CONTENTS_BUDGET
        broken, blank = [], []
        for number, (page, _resources) in enumerate(self.pages, 1):
            if time.process_time() > end:
                return {"broken": broken, "blank": blank, "contents_until": number - 1}
            streams = self.get_content_streams(page)
            try:
                size = sum(len(stream.read_bytes()) for stream in streams)
            except (self.pikepdf.PdfError, RuntimeError, ValueError):
                # a ValueError if the message of the error cannot be decoded
                _add(broken, number)
                continue
            if size < BLANK_AT_MOST and self.parse(page, PAINTS) == []:
                _add(blank, number)
        return {"broken": broken, "blank": blank, "contents_until": len(self.pages)}

    def get_content_streams(self, page):
        contents = page.get("/Contents")
        parts = [contents[number] for number in range(len(contents))] if self.is_array(contents) else [contents]
        return [part for part in parts if self.is_stream(part)]


def _get_room(inner, outer):
    """Return the least distance between two boxes, or 0 if there is no inner one."""
    if not inner:
        return 0
    return max(0, min(inner[0] - outer[0], inner[1] - outer[1], outer[2] - inner[2], outer[3] - inner[3]))


def _add(ranges, number):
    """Add a page to a list of [first, last]."""
    if ranges and ranges[-1][1] == number - 1:
        ranges[-1][1] = number
    elif len(ranges) < 100:
        ranges.append([number, number])


def _clean(text):
    try:
        text = str(text)
    except UnicodeDecodeError:
        text = text.unparse().decode("latin-1")
    return "".join(character if character.isprintable() else "?" for character in text)[:NAME_AT_MOST]


def main():
    limit()
    # after the standard folders: where the parent finds its packages
    sys.path += sys.argv[1:]

    def write(facts):
        sys.stdout.buffer.write(json.dumps(facts, ensure_ascii=False).encode() + b"\n")
        sys.stdout.buffer.flush()

    try:
        with open(0, "rb", closefd=False) as stream:
            stream.seek(0)
            read(stream, write)
    except MemoryError:
        write({"limit": "memory"})


if __name__ == "__main__":
    main()
