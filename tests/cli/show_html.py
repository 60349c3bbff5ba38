"""What `tenon show` draws, looked into. usage: show_html.py FOLDER"""
import json
import re
import sys
import xml.etree.ElementTree

from html_page import Page

folder = sys.argv[1]


def read(name):
    return open(f"{folder}/{name}", "rb").read().decode("utf-8")


def row(page, graph, op, at=0):
    rows = [e for e in page.elements if e.tag == "tr" and "node" in e.classes() and e.attributes["id"].startswith(f"g{graph}n")]
    return [e for e in rows if e.all("td")[1].children[0] == op][at]


def launches_of(page, r):
    return [link for link in r.links() if link.startswith("#l")]


# ---- names are any bytes: pages are balanced, UTF-8, hold every node and load nothing; svg and dot are UTF-8 as well
for name in "hostile.svg", "hostile.dot", "hostile.after.svg":
    assert "\\xff" in read(name), f"{name}: no escaped name"
for name in "hostile.html", "hostile.after.html", "hostile.time.html":
    page = Page(f"{folder}/{name}")
    text = page.root.text()
    for wanted in "<script>alert(1)</script>", '\\xff"<b>', "exp", "f32[8,64]", "</td><script>", "</details>":
        assert wanted in text, f"{name}: no {wanted}"
    assert bool(page.launches) == (name != "hostile.html"), name
page = Page(f"{folder}/hostile.html")
assert "</code>--><svg>" in page.root.text()
assert {"g0n0", "g0n1", "g0v1"} <= page.ids.keys()
assert {"#g0n0", "#g0n1", "#g0v1"} <= set(page.root.links())
for name in "hostile.svg", "hostile.after.svg", "fused.svg":
    xml.etree.ElementTree.fromstring(read(name))

# ---- launches are those of the program
for last in "fuse", "stages", "in_place":
    page, program, text = Page(f"{folder}/fused.{last}.html"), json.loads(read(f"fused.{last}.json")), read(f"fused.{last}.txt")
    assert [f"l{i}" for i in range(len(program["steps"]))] == [e.attributes["id"] for e in page.launches], last
    for box, step in zip(page.launches, program["steps"]):
        kernels = [e.text() for e in box.all("ul", "kernels")[0].all("code")]
        assert kernels == [program["kernels"][k]["name"] for k in step["kernels"]], (last, kernels)
    # the layouts of the text form
    wanted = set(re.findall(r": value (\d+)(?: \"\w+\")? \S+, ([\w -]+)$", text, re.M))
    cells = [[c.text() for c in r.all("td")] for box in page.launches for r in box.all("table", "values")[0].all("tr")[1:]]
    found = {(c[1].split()[0][1:], c[3]) for c in cells if c[1][0] == "%"}
    assert found == wanted and any("blocked by" in layout for _, layout in found) and any(layout == "row-major" for _, layout in found), (last, found, wanted)
    # both ends of a link; conv, relu and add are one kernel
    group = [row(page, 0, op) for op in ("conv", "relu", "add")]
    boxes = {link for r in group for link in launches_of(page, r)}
    assert len(boxes) == 1, (last, boxes)
    box = page.ids[boxes.pop()[1:]]
    assert {"#" + r.attributes["id"] for r in group} <= set(box.all("ul", "nodes")[0].links())
    assert "MFLOP" in box.all("summary")[0].text() and "conv, relu, add" in box.all("summary")[0].text()
    softmax = {link for op in ("reduce_max", "exp", "reduce_sum") for link in launches_of(page, row(page, 0, op))}
    assert (len(softmax) == 1) == (last != "fuse"), (last, softmax)
    assert last == "fuse" or "3 more stages" in page.ids[softmax.pop()[1:]].all("summary")[0].text()
assert "model.py:1" in row(page, 0, "conv").text(), "the numbers of nodes stand where their sources stood"
assert not re.search(r"\b0\.\d+\b", row(page, 0, "relu").all("td")[-1].text())
assert not Page(f"{folder}/fused.html").launches
operand = row(page, 0, "conv").all("td")[3].all("a")[0]
assert operand.text() == "%1 x" and operand.attributes["href"] == "#g0v1", "an operand links to what makes it, by name"

# ---- the drawing: boxes of launches hold their nodes, and no two of them overlap
number = lambda e, key: float(e.attrib[key])
edges = lambda e: (number(e, "x"), number(e, "y"), number(e, "x") + number(e, "width"), number(e, "y") + number(e, "height"))
inside = lambda a, b: b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]
apart = lambda a, b: a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
rects = list(xml.etree.ElementTree.fromstring(read("fused.svg")).iter("{http://www.w3.org/2000/svg}rect"))
clusters = [edges(e) for e in rects if re.fullmatch(r"h\d", e.attrib.get("class", ""))]
nodes = [edges(e) for e in rects if e.attrib["rx"] == "3"]
ports = [edges(e) for e in rects if e.attrib["rx"] == "16"]
assert len(clusters) == 3 and len(ports) == 5 and len(nodes) == 9, (len(clusters), len(ports), len(nodes))
assert all(apart(a, b) for i, a in enumerate(clusters) for b in clusters[:i])
assert all(sum(inside(n, c) for c in clusters) == 1 for n in nodes)
assert all(apart(n, c) for n in ports for c in clusters)
assert all(apart(a, b) for i, a in enumerate(nodes) for b in nodes[:i])

# ---- times: shares are of a whole, the slowest come first and lead to their boxes
for name in "fused.time.html", "fused.after.time.html", "bodies.time.html":
    page = Page(f"{folder}/{name}")
    figures = [re.search(r"([\d.]+) us, ([\d.]+) %", e.all("summary")[0].text()) for e in page.launches]
    assert all(figures) and len(figures) >= 3, name
    assert abs(sum(float(f[2]) for f in figures) - 100) < 0.1 * len(figures) + 0.1, name
    items = page.ids["slowest"].all("li")
    times = [float(re.search(r"([\d.]+) us", e.text())[1]) for e in items]
    assert times == sorted(times, reverse=True) and times[0] == max(float(f[1]) for f in figures), name
    assert all(page.ids[e.links()[0][1:]] in page.launches for e in items) and items[0].all("span", "h4"), name
    assert any(e.all("span", "h4") for e in page.launches), name
assert re.search(r"launch \d+: [\d.]+ us, [\d.]+ %", read("fused.time.svg"))
page = Page(f"{folder}/fused.time.html")
assert launches_of(page, row(page, 0, "conv")) == launches_of(page, row(page, 0, "relu")) != [], "the model's own nodes"
assert launches_of(page, row(page, 0, "softmax"))

# ---- bodies: each node links to its bodies, they link back
page = Page(f"{folder}/bodies.html")
loop, branch = row(page, 0, "loop"), row(page, 1, "if")
assert "#g1" in loop.links() and {"#g2", "#g3"} <= set(branch.links())
back = lambda graph: page.ids[f"g{graph}"].all("ul", "users")[0]
assert back(1).links() == ["#" + loop.attributes["id"], "#g0"] and back(1).text().strip().startswith("body of loop")
assert back(2).links() == ["#" + branch.attributes["id"], "#g1"] and "then_branch of if" in back(2).text() and "else_branch of if" in back(3).text()
page = Page(f"{folder}/bodies.time.html")
assert launches_of(page, row(page, 1, "tanh")) and not launches_of(page, row(page, 0, "loop"))
