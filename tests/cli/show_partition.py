"""What `tenon show --partition` says, looked into. usage: show_partition.py FOLDER"""
import json
import re
import sys
import xml.etree.ElementTree

from html_page import Page

folder = sys.argv[1]
SVG = "{http://www.w3.org/2000/svg}"


def read(name):
    return open(f"{folder}/{name}", "rb").read().decode("utf-8")


def without_cycle(graph, home):
    """Contracting every cluster leaves no cycle."""
    maker = {v["value"]: n["node"] for n in graph["nodes"] for v in n["outputs"]}
    below = {}
    for n in graph["nodes"]:
        for v in n["inputs"]:
            a, b = home.get(maker.get(v), ("stays", maker.get(v))), home.get(n["node"], ("stays", n["node"]))
            if v in maker and a != b:
                below.setdefault(a, set()).add(b)
    done, open_ = set(), set()

    def walk(a):
        assert a not in open_, f"a cycle through {a}"
        if a in done:
            return
        open_.add(a)
        for b in below.get(a, ()):
            walk(b)
        open_.remove(a)
        done.add(a)

    for a in list(below):
        walk(a)


def boxes_of(name):
    edges = lambda e: tuple(float(e.attrib[k]) for k in ("x", "y")) + tuple(float(e.attrib[a]) + float(e.attrib[b]) for a, b in (("x", "width"), ("y", "height")))
    tree = xml.etree.ElementTree.fromstring(read(name))
    clusters = {}
    for g in tree.iter(SVG + "g"):
        if g.attrib.get("class") == "launch":
            number = int(re.match(r"cluster (\d+) *:", g.find(SVG + "title").text)[1])
            clusters[number] = edges(g.find(SVG + "rect"))
    nodes = [edges(e) for e in tree.iter(SVG + "rect") if e.attrib.get("rx") == "3"]
    stays = [(g.find(SVG + "title").text, edges(g.find(SVG + "rect"))) for g in tree.iter(SVG + "g") if g.attrib.get("class") == "stays"]
    return clusters, nodes, stays


inside = lambda a, b: b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]
apart = lambda a, b: a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]

for name in "detector", "disabled", "hostile", "bodies", "state", "open", "closed":
    graph = json.loads(read(f"{name}.json"))
    computing = {n["node"]: n for n in graph["nodes"] if n["op"] != "constant"}
    home = {n: ("cluster", c["cluster"]) for c in graph["clusters"] for n in c["nodes"]}
    stay = {s["node"]: s["reason"] for s in graph["stay"]}
    # each node is in one cluster, or stays for a reason
    assert sum(len(c["nodes"]) for c in graph["clusters"]) == len(home)
    assert home.keys() | stay.keys() == computing.keys() and not home.keys() & stay.keys() and all(stay.values()), name
    without_cycle(graph, home)
    # ports are what is read across the border
    maker = {v["value"]: n["node"] for n in graph["nodes"] for v in n["outputs"]}
    constants = {v["value"] for n in graph["nodes"] if n["op"] == "constant" for v in n["outputs"]}
    for c in graph["clusters"]:
        wanted = {v for n in c["nodes"] for v in computing[n]["inputs"] if v and maker.get(v) not in c["nodes"]} - constants
        assert wanted <= set(c["inputs"]) <= wanted | constants, (name, c)
        assert c["gain_ns"] > 0 and c["outputs"], (name, c)
    # the text has them all
    text = read(f"{name}.text")
    blocks = re.findall(r"^cluster (\d+): .*\n((?:  node \d+ .*\n)+)", text, re.M)
    assert {int(c): [int(n) for n in re.findall(r"^  node (\d+) ", block, re.M)] for c, block in blocks} == {c["cluster"]: c["nodes"] for c in graph["clusters"]}, name
    for n, reason in stay.items():
        assert re.search(rf"^  node {n} .*: {re.escape(reason)}$", text, re.M), (name, n)
    # dot: a subgraph each, reasons at the nodes
    dot = read(f"{name}.dot")
    found = {int(c): [int(n) for n in re.findall(r"n(\d+);", block)] for c, block in re.findall(r"subgraph cluster_(\d+) \{\n.*\n(.*)\n  \}", dot)}
    assert found == {c["cluster"]: c["nodes"] for c in graph["clusters"]}, (name, found)
    dashed = {int(n) for n in re.findall(r'^  n(\d+) \[.*style=dashed, color="#bb3333"', dot, re.M)}
    assert dashed == stay.keys(), (name, dashed)
    # the drawing: a box holds as many nodes as its cluster has; those that stay are in none
    clusters, nodes, stays = boxes_of(f"{name}.svg")
    assert {c: sum(inside(n, box) for n in nodes) for c, box in clusters.items()} == {c["cluster"]: len(c["nodes"]) for c in graph["clusters"]}, name
    assert len(nodes) == len(computing) and sorted(t.split(";")[0] for t, _ in stays) == sorted(f"stays: {reason}".split(";")[0] for reason in stay.values()), (name, stays)
    assert all(apart(box, c) for _, box in stays for c in clusters.values()), name
    assert all(apart(a, b) for i, a in enumerate(clusters.values()) for b in list(clusters.values())[:i]), name
    # the page: a box that folds for each cluster, a line for each node that stays
    page = Page(f"{folder}/{name}.html")
    report = text.splitlines()[0]
    assert page.ids["report"].text() == report, (name, report)
    for box in page.launches:
        number = int(re.match(r"cluster (\d+)", box.all("summary")[0].text())[1])
        wanted = next(c for c in graph["clusters"] if c["cluster"] == number)
        assert box.all("ul", "nodes")[0].links() == [f"#g0n{n}" for n in wanted["nodes"]], (name, number)
        ports = [r.all("td")[0].text() for r in box.all("table", "values")[0].all("tr")[1:]]
        assert ports == ["in"] * len(wanted["inputs"]) + ["out"] * len(wanted["outputs"]), (name, ports)
        for n in wanted["nodes"]:
            assert page.ids[f"g0n{n}"].links()[-1] == "#" + box.attributes["id"], (name, n)
    assert len(page.launches) == len(graph["clusters"])
    lines = page.ids["stay"].all("li")
    assert [e.links()[0] for e in lines] == [f"#g0n{n}" for n in sorted(stay)] and all(stay[n] in e.text() for n, e in zip(sorted(stay), lines)), name
    for n, reason in stay.items():
        assert reason in page.ids[f"g0n{n}"].text(), (name, n)

reasons = lambda name: {s["op"]: s["reason"] for s in json.loads(read(f"{name}.json"))["stay"]}
count = lambda name: len(json.loads(read(f"{name}.json"))["clusters"])
assert set(reasons("detector")) == {"non_zero"} and count("detector") == 2
assert reasons("disabled")["relu"] == "disabled" and reasons("disabled")["conv"].startswith("does not pay")
assert "decides the result's shape" in reasons("open")["reshape"] and count("open") == 2
assert not reasons("closed") and count("closed") == 1, "with sizes there is nothing open"
assert [len(json.loads(read("state.json"))["clusters"][0][k]) for k in ("inputs", "outputs")] == [2, 2], "what is assigned is a port"
# a variable is an oval of its own, before and after
assert "  var0 -> n0 [" in read("state.dot") and "  n2 -> set0 [" in read("state.dot") and "in0 -> n0" in read("state.dot")
ovals = [e for e in xml.etree.ElementTree.fromstring(read("state.svg")).iter(SVG + "rect") if e.attrib["rx"] == "16"]
assert len(ovals) == 4, len(ovals)
