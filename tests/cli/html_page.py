"""A page of `tenon show --format html`, read strictly: balanced, with unique ids, links that lead somewhere, and nothing that is loaded."""
import html.parser


class Element:
    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent, self.children = tag, dict(attributes), parent, []

    def walk(self):
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def text(self):
        return "".join(c if isinstance(c, str) else c.text() for c in self.children)

    def classes(self):
        return (self.attributes.get("class") or "").split()

    def all(self, tag=None, name=None):
        return [e for e in self.walk() if e is not self and (tag is None or e.tag == tag) and (name is None or name in e.classes())]

    def links(self):
        return [e.attributes["href"] for e in self.all("a")]


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.root = self.at = Element("", [], None)
        self.feed(open(path, "rb").read().decode("utf-8"))
        self.close()
        assert self.at is self.root, f"<{self.at.tag}> is open at the end"
        self.elements = self.root.all()
        self.ids = {}
        for e in self.elements:
            if "id" in e.attributes:
                assert e.attributes["id"] not in self.ids, f"id {e.attributes['id']} twice"
                self.ids[e.attributes["id"]] = e
            for name, value in e.attributes.items():
                assert name not in ("src", "srcset", "data") and not name.startswith("on"), (e.tag, name)
                assert "//" not in (value or "") or (e.tag, name, value) == ("svg", "xmlns", "http://www.w3.org/2000/svg"), (e.tag, name, value)
        for link in self.root.links():
            assert link[0] == "#" and link[1:] in self.ids, f"link {link} leads nowhere"
        count = lambda tag: sum(e.tag == tag for e in self.elements)
        assert (count("script"), count("style"), count("svg")) == (1, 2, 1)
        self.launches = [e for e in self.elements if e.tag == "details" and "launch" in e.classes()]

    def handle_starttag(self, tag, attributes):
        e = Element(tag, attributes, self.at)
        self.at.children.append(e)
        if tag not in ("meta", "input"):
            self.at = e

    def handle_startendtag(self, tag, attributes):
        self.at.children.append(Element(tag, attributes, self.at))

    def handle_endtag(self, tag):
        assert self.at.tag == tag, f"</{tag}> in <{self.at.tag}>"
        self.at = self.at.parent

    def handle_data(self, data):
        self.at.children.append(data)
