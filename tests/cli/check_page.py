"""Looks at a page of `tenon report`.

check_page.py page FILE TEXT...        well-formed, loads nothing, every link has its target, no unescaped text, readable colours; and has the texts
check_page.py sorted FILE ID COLUMN    the table with row ID is sorted by that column, largest first
check_page.py pictures LIGHT DARK      screenshots: other backgrounds, and something on both
"""
import collections
import html.parser
import re
import struct
import sys
import zlib

VOID = {"meta", "br", "link", "img", "input", "hr"}
problems = []


def problem(text):
    problems.append(text)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.counts = [], [], [], collections.Counter()
        self.tables, self.inside, self.texts = [], {"script": "", "style": ""}, []
        self.feed(text)
        self.close()
        for tag in self.open:
            problem(f"<{tag}> is not closed")

    def handle_starttag(self, tag, attributes):
        self.counts[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        self.attributes(tag, attributes)

    def handle_startendtag(self, tag, attributes):
        self.counts[tag] += 1
        self.attributes(tag, attributes)

    def attributes(self, tag, attributes):
        found = dict(attributes)
        for name, value in attributes:
            if name.startswith("on") or name in ("src", "srcset", "data", "action", "xlink:href", "style"):
                problem(f"<{tag}> has the attribute {name}={value}")
            if name == "href" and not value.startswith("#"):
                problem(f"<{tag}> links to {value}")
            if name in ("d", "x", "y", "cx", "cy", "r", "width", "height", "transform", "viewbox") and re.search(r"nan|inf", value or "", re.I):
                problem(f"<{tag}> has {name}={value}")
        if tag in ("link", "img", "iframe", "object", "embed", "base", "form", "image", "use"):
            problem(f"there is a <{tag}>")
        if "id" in found:
            self.ids.append(found["id"])
        if "href" in found:
            self.links.append(found["href"])
        if tag == "table":
            self.tables.append([])
        if tag == "tr" and self.tables:
            self.tables[-1].append((found.get("id"), []))
        if tag == "td" and self.tables:
            self.tables[-1][-1][1].append(found.get("data-v"))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            problem(f"</{tag}> closes {self.open[-1] if self.open else 'nothing'}")
            return
        self.open.pop()

    def handle_data(self, text):
        if self.open and self.open[-1] in self.inside:
            self.inside[self.open[-1]] += text
        else:
            self.texts.append(text)


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a, b):
    a, b = sorted((luminance(a), luminance(b)))
    return (b + 0.05) / (a + 0.05)


def check_colours(style):
    """WCAG 2.1: 4.5 for texts, 3 for marks and lines."""
    schemes = [dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", block)) for block in re.findall(r":root\{([^}]*)\}", style)]
    if len(schemes) != 2:
        problem(f"found colours of {len(schemes)} schemes, wanted light and dark")
        return
    light, dark = schemes
    if set(light) != set(dark) or luminance(light["back"]) < 0.8 or luminance(dark["back"]) > 0.1:
        problem("the schemes have other names, or the backgrounds are not light and dark")
    for name, colours in (("light", light), ("dark", dark)):
        for key, wanted in [("text", 4.5), ("faint", 4.5), ("link", 4.5), ("warn", 4.5)] + [(f"c{i}", 3) for i in range(8)]:
            if contrast(colours[key], colours["back"]) < wanted:
                problem(f"{name}: {key} {colours[key]} has a contrast of {contrast(colours[key], colours['back']):.1f}, wanted {wanted}")


def check_page(path, wanted):
    text = open(path, encoding="utf-8").read()
    page = Page(text)
    for one, count in collections.Counter(page.ids).items():
        if count > 1:
            problem(f"{count} elements have the id {one}")
    for link in set(page.links):
        if link[1:] not in page.ids:
            problem(f"nothing has the id of {link}")
    for tag, most in (("script", 1), ("style", 1), ("title", None), ("html", 1), ("body", 1)):
        if page.counts[tag] < 1 or (most and page.counts[tag] > most):
            problem(f"found {page.counts[tag]} <{tag}>")
    if re.search(r"url\(|@import|https?:|fetch|XMLHttp|import\(", page.inside["style"] + page.inside["script"]):
        problem("style or script load something")
    check_colours(page.inside["style"])
    shown = "".join(page.texts)
    for one in wanted:
        if one not in shown:
            problem(f"the text '{one}' is not to be seen")


def check_sorted(path, row, column):
    for table in Page(open(path, encoding="utf-8").read()).tables:
        if any(name == row for name, cells in table):
            values = [float(cells[column]) for name, cells in table if name]
            if len(values) < 2 or values != sorted(values, reverse=True):
                problem(f"column {column} is {values}")
            return
    problem(f"no table has the row {row}")


def pixels(path):
    """Colours of an 8-bit PNG without interlacing, in rows of (r, g, b)."""
    data, at, packed = open(path, "rb").read(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
        if kind == b"IDAT":
            packed += body
        at += 12 + size
    bpp = {2: 3, 6: 4}[colour]
    if depth != 8:
        sys.exit(f"{path}: depth {depth}")
    raw, stride, before, rows = zlib.decompress(packed), width * bpp, bytearray(width * bpp), []
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            left, up, corner = line[i - bpp] if i >= bpp else 0, before[i], before[i - bpp] if i >= bpp else 0
            if kind == 1:
                line[i] = (line[i] + left) & 255
            elif kind == 2:
                line[i] = (line[i] + up) & 255
            elif kind == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif kind == 4:
                p = left + up - corner
                nearest = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))
                line[i] = (line[i] + nearest[2]) & 255
        rows.append([tuple(line[x:x + 3]) for x in range(0, stride, bpp)])
        before = line
    return rows


def check_pictures(light, dark):
    found = []
    for path in (light, dark):
        count = collections.Counter(c for row in pixels(path) for c in row)
        (back, n), total = count.most_common(1)[0], sum(count.values())
        found.append("#%02x%02x%02x" % back)
        if len(count) < 50 or n > 0.99 * total:
            problem(f"{path}: {len(count)} colours, {100 * n / total:.1f} % are background")
    if luminance(found[0]) < 0.8 or luminance(found[1]) > 0.1:
        problem(f"backgrounds are {found}, wanted a light one and a dark one")


if sys.argv[1] == "page":
    check_page(sys.argv[2], sys.argv[3:])
elif sys.argv[1] == "sorted":
    check_sorted(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    check_pictures(sys.argv[2], sys.argv[3])
for text in problems[:20]:
    print(f"{sys.argv[2]}: {text}")
sys.exit(1 if problems else 0)
