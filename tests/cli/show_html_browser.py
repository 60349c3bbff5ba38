"""Pages of `tenon show` in a headless Chromium. usage: show_html_browser.py CHROMIUM FOLDER
A copy of the page gets a script that uses it as a reader would, and writes what it saw to the end of the page."""
import html
import json
import re
import subprocess
import sys
import zlib

chromium, folder = sys.argv[1:]
DARK, LIGHT = 0, 1

WATCH = "<script>window.problems=[];addEventListener('error',e=>problems.push(e.message))</script>"
DRIVE = r"""<script>addEventListener('load',async()=>{
const rest=()=>new Promise(done=>setTimeout(done,20)), q=document.getElementById('q'), seen={start:q.value};
const rows=()=>[...document.querySelectorAll('.find')], shown=()=>rows().filter(r=>!r.hidden&&getComputedStyle(r).display!=='none');
const count=()=>({shown:shown().length,all:rows().length,text:document.getElementById('found').textContent,
                  wrong:rows().filter(r=>r.hidden===r.textContent.toLowerCase().includes(q.value.toLowerCase())).length});
const type=t=>{q.value=t;q.dispatchEvent(new Event('input'));return count()};
const open=()=>document.querySelectorAll('details[open]').length;
seen.first=count();
seen.some=type('TANH'); seen.none=type('no such text'); seen.all=type('');
seen.details=document.querySelectorAll('details').length;
document.getElementById('fold').click(); seen.folded=open();
document.getElementById('unfold').click(); seen.unfolded=open();
document.getElementById('fold').click();
type('no such text');
const link=document.querySelector('a[href="#g1n0"]'); link.click(); await rest();
const row=document.getElementById('g1n0'), opened=[]; for(let e=row;e;e=e.parentElement)if(e.tagName==='DETAILS')opened.push(e.open);
seen.followed={opened,hidden:row.hidden,visible:row.checkVisibility(),target:row.matches(':target'),marked:getComputedStyle(row).backgroundColor};
document.getElementById('fold').click(); history.replaceState(null,'','#g1n1'); dispatchEvent(new HashChangeEvent('hashchange'));
seen.scripted=document.getElementById('g1n1').checkVisibility(); // where the browser does not open by itself
document.getElementById('unfold').click();
const light=c=>{const p=c.match(/[\d.]+/g).map(Number).slice(0,3).map(x=>(x/=255)<=0.04045?x/12.92:((x+0.055)/1.055)**2.4);return .2126*p[0]+.7152*p[1]+.0722*p[2]};
const behind=e=>{for(;e;e=e.parentElement){const c=getComputedStyle(e).backgroundColor;if(!/, 0\)$/.test(c))return c}return'rgb(255, 255, 255)'};
const contrast=(a,b)=>{a=light(a);b=light(b);return(Math.max(a,b)+.05)/(Math.min(a,b)+.05)};
seen.contrast={texts:0,least:99,heats:[...new Set([...document.querySelectorAll('.h')].map(e=>e.className))].sort()};
for(const e of document.querySelectorAll('body *:not(script):not(style):not(svg):not(svg *):not(input):not(button)')){
  if(![...e.childNodes].some(n=>n.nodeType===3&&n.data.trim()))continue;
  const x=contrast(getComputedStyle(e).color,behind(e));seen.contrast.texts++;
  if(x<seen.contrast.least){seen.contrast.least=x;seen.contrast.where=e.outerHTML.slice(0,80)}}
seen.back=getComputedStyle(document.body).backgroundColor;
seen.problems=problems;
const pre=document.createElement('pre');pre.id='result';pre.textContent=JSON.stringify(seen);document.body.append(pre)})</script>"""


FOLD = r"""<script>addEventListener('load',()=>{
const seen={}, svg=document.querySelector('.picture svg'), all=q=>[...svg.querySelectorAll(q)];
const box=e=>{const r=e.getBoundingClientRect();return[r.left,r.top,r.right,r.bottom]};
const state=()=>({height:box(svg)[3]-box(svg)[1],boxes:all('.launch rect').map(box),nodes:all('rect[rx="3"]').map(box).filter(b=>b[2]>b[0]),
  stays:all('.stays rect').map(box),arrows:all('path').map(box).filter(b=>b[3]>b[1]),drawn:all('path').map(p=>p.getAttribute('d').match(/-?\d+/g).join(' ')),
  folded:all('.fold').map(e=>e.getAttribute('aria-expanded')),buttons:all('.fold').map(e=>e.checkVisibility())});
seen.before=state();
all('.fold')[0].dispatchEvent(new MouseEvent('click',{bubbles:true})); seen.one=state();
all('.fold')[1].dispatchEvent(new KeyboardEvent('keydown',{key:'Enter',bubbles:true})); seen.both=state();
const buttons=document.getElementById('boxes').children;
buttons[1].click(); seen.after=state(); buttons[0].click(); seen.all=state();
seen.problems=problems;
const pre=document.createElement('pre');pre.id='result';pre.textContent=JSON.stringify(seen);document.body.append(pre)})</script>"""


def browse(url, scheme, *options):
    """Stdout; the console must stay empty."""
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={folder}/profile",
               f"--blink-settings=preferredColorScheme={scheme}", "--window-size=900,700", "--virtual-time-budget=10000", *options, f"file://{folder}/{url}"]
    ran = subprocess.run(command, capture_output=True, timeout=300, stdin=subprocess.DEVNULL)
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")[-2000:]
    console = [line for line in ran.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    assert not console, console
    return ran.stdout.decode("utf-8")


def drive(name, scheme, fragment="", script=DRIVE):
    text = open(f"{folder}/{name}.html", "rb").read().decode("utf-8")
    assert text.count("<head>") == 1 and text.endswith("</body>\n</html>\n")
    with open(f"{folder}/{name}.driven.html", "w", encoding="utf-8") as to:
        to.write(text.replace("<head>", "<head>" + WATCH).removesuffix("</body>\n</html>\n") + script + "</body>\n</html>\n")
    dom = browse(f"{name}.driven.html{fragment}", scheme, "--dump-dom")
    result = re.search(r'<pre id="result">(.*?)</pre>', dom, re.S)
    assert result, f"{name}: the driving script did not end: {dom[-1500:]}"
    seen = json.loads(html.unescape(result[1]))
    assert seen["problems"] == [], seen["problems"]
    return seen


def background(name, scheme):
    """The picture's first pixel, which every filter of PNG leaves as it is."""
    browse(name, scheme, f"--screenshot={folder}/{scheme}.png")
    data, at, pixels = open(f"{folder}/{scheme}.png", "rb").read(), 8, b""
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        pixels += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return tuple(zlib.decompress(pixels)[1:4])


backs = {}
for scheme in DARK, LIGHT:
    seen = drive("bodies", scheme)
    all_rows = seen["all"]["all"]
    assert seen["start"] == "" and seen["first"]["shown"] == all_rows, seen
    for key in "first", "some", "none", "all":
        assert seen[key]["wrong"] == 0 and seen[key]["text"] == f"{seen[key]['shown']} of {all_rows}", (key, seen[key])
    assert 0 < seen["some"]["shown"] < all_rows and seen["none"]["shown"] == 0 and seen["all"]["shown"] == all_rows, seen
    assert seen["folded"] == 0 and seen["unfolded"] == seen["details"] > 8, seen
    followed = seen["followed"]
    assert followed["opened"] == [True] and not followed["hidden"] and followed["visible"] and followed["target"], followed
    assert seen["scripted"]
    assert followed["marked"] != "rgba(0, 0, 0, 0)", followed
    assert seen["contrast"]["texts"] > 50 and seen["contrast"]["least"] >= 4.5, seen["contrast"]
    backs[scheme] = seen["back"]
    # every heat, by standing in for the times of this run
    text = open(f"{folder}/bodies.html", encoding="utf-8").read()
    heats = iter("01234" * text.count('class="h h'))
    with open(f"{folder}/heats.html", "w", encoding="utf-8") as to:
        to.write(re.sub(r'class="h h\d"', lambda _: f'class="h h{next(heats)}"', text))
    seen = drive("heats", scheme)
    assert seen["contrast"]["heats"] == [f"h h{i}" for i in range(5)] and seen["contrast"]["least"] >= 4.5, seen["contrast"]
assert backs[DARK] != backs[LIGHT], backs
dark, light = background("bodies.html", DARK), background("bodies.html", LIGHT)
assert max(dark) < 64 and min(light) > 192, (dark, light)

# boxes of the drawing fold: what is in them goes, what is below moves up, and all comes back
seen = drive("detector", LIGHT, script=FOLD)
before, one, both, after = (seen[key] for key in ("before", "one", "both", "after"))
height = lambda b: b[3] - b[1]
apart = lambda a, b: a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
assert before["buttons"] == [True, True] and len(before["nodes"]) == 11 and len(before["boxes"]) == 2, before
assert one["folded"] == ["false", "true"] and len(one["nodes"]) == 5 and len(both["nodes"]) == 1, (one, both)
gained = height(before["boxes"][0]) - height(one["boxes"][0])
assert gained > 50 and abs(before["height"] - one["height"] - gained) < 1.5, (before["height"], one["height"], gained)
assert abs(before["boxes"][1][1] - one["boxes"][1][1] - gained) < 1.5 and height(one["boxes"][1]) == height(before["boxes"][1])
assert abs(before["stays"][0][1] - one["stays"][0][1] - gained) < 1.5
assert before["height"] > one["height"] > both["height"], (before["height"], one["height"], both["height"])
for state in before, one, both:
    assert apart(*state["boxes"]) and all(apart(n, b) for n in state["stays"] for b in state["boxes"]), state
assert len(before["arrows"]) > len(one["arrows"]) > len(both["arrows"]) > 0
# an arrow into a folded box ends at it
assert all(any(abs(a[3] - b[1]) < 1.5 or abs(a[1] - b[3]) < 1.5 for b in both["boxes"]) for a in both["arrows"]), both
assert {**after, "folded": []} == {**before, "folded": []}, (before, after)
assert {**seen["all"], "folded": []} == {**both, "folded": []}, (seen["all"], both)

# a link may carry a search
seen = drive("bodies", LIGHT, "#q=exp%20")
assert seen["start"] == "exp " and seen["first"]["wrong"] == 0, seen["first"]
# names of any bytes run no script of theirs, and the page's own runs
dom = browse("hostile.html", LIGHT, "--dump-dom")
assert re.search(r'<span id="found">(\d+) of \1</span>', dom)
