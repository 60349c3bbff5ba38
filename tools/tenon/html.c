#include "html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph_out.h"

/* ---- figures ------------------------------------------------------------------------------------------------- */

static const struct unit {
    const char *name;
    double base;    /* between prefixes */
    int least;      /* power of the first prefix */
    const char *prefixes[7];
} units[] = {
    [HTML_PLAIN] = {"", 1e3, 0, {""}},
    [HTML_SECONDS] = {"s", 1e3, -3, {"n", "\xc2\xb5", "m", ""}},
    [HTML_BYTES] = {"B", 1024, 0, {"", "Ki", "Mi", "Gi", "Ti"}},
    [HTML_FLOP] = {"FLOP", 1e3, 0, {"", "k", "M", "G", "T"}},
    [HTML_FLOP_RATE] = {"FLOP/s", 1e3, 0, {"", "k", "M", "G", "T"}},
    [HTML_BYTE_RATE] = {"B/s", 1e3, 0, {"", "k", "M", "G", "T"}},
    [HTML_INTENSITY] = {"FLOP/B", 1e3, 0, {""}},
};

static int find_prefix(double x, html_unit unit, double *factor) {
    const struct unit *u = &units[unit];
    int k = 0;
    for (*factor = pow(u->base, u->least); k < 6 && u->prefixes[k + 1] && fabs(x) >= *factor * u->base * 0.99995; k++) *factor *= u->base;
    return k;
}

double html_prefix(double x, html_unit unit) {
    double factor;
    find_prefix(x, unit, &factor);
    return factor;
}

const char *html_figure(char buffer[HTML_FIGURE_BYTES], double x, html_unit unit) {
    double factor;
    int k = x != 0 ? find_prefix(x, unit, &factor) : 0;
    if (x == 0) factor = 1;
    const char *prefix = x != 0 ? units[unit].prefixes[k] : "";
    snprintf(buffer, HTML_FIGURE_BYTES, "%.5g%s%s%s", x / factor, *units[unit].name ? " " : "", prefix, units[unit].name);
    return buffer;
}

/* ---- texts --------------------------------------------------------------------------------------------------- */

void html_put(FILE *to, const char *text) {
    char *escaped = cli_escape(text ? text : "");
    cli_put_markup(escaped, to);
    free(escaped);
}

void html_put_short(FILE *to, const char *text, size_t most) {
    char *escaped = cli_escape(text ? text : "");
    size_t bytes = 0, characters = 0, fits = 0; /* fits: bytes of most - 1 characters */
    for (; escaped[bytes]; bytes++) {
        if (((unsigned char)escaped[bytes] & 0xc0) == 0x80) continue;
        if (++characters == most) fits = bytes;
    }
    if (characters > most) escaped[fits] = 0;
    cli_put_markup(escaped, to);
    if (characters > most) fputs("\xe2\x80\xa6", to);
    free(escaped);
}

void html_put_figure(FILE *to, double x, html_unit unit) {
    char text[HTML_FIGURE_BYTES];
    fputs(html_figure(text, x, unit), to);
}

void html_put_cell(FILE *to, double x, html_unit unit) {
    if (!isfinite(x)) {
        fputs("<td class=\"n\" data-v=\"-1\">-</td>", to);
        return;
    }
    fprintf(to, "<td class=\"n\" data-v=\"%.9g\">", x);
    html_put_figure(to, x, unit);
    fputs("</td>", to);
}

/* ---- the page ------------------------------------------------------------------------------------------------ */

/* Colours of both schemes: texts have a contrast of at least 4.5 to the background, lines and marks of at least 3 (WCAG 2.1); a test
 * computes both. */
static const char style[] =
    ":root{color-scheme:light dark;--back:#ffffff;--text:#1c2024;--faint:#5b6470;--link:#0b57b0;--grid:#dfe3e8;--warn:#a33a00;--mark:#fff3d6;"
    "--c0:#0b62c4;--c1:#b34700;--c2:#13793f;--c3:#8a3ab9;--c4:#a8275c;--c5:#6b6a00;--c6:#00737d;--c7:#4d5661}"
    "@media(prefers-color-scheme:dark){:root{--back:#14171b;--text:#e3e6ea;--faint:#9aa4b0;--link:#84b9ff;--grid:#2e343c;--warn:#ffab70;--mark:#3a2f14;"
    "--c0:#6fb1ff;--c1:#ff9a57;--c2:#5fd08f;--c3:#c99bf5;--c4:#ff86b3;--c5:#d3cf4a;--c6:#4fd0dc;--c7:#b3bdc9}}"
    "body{background:var(--back);color:var(--text);font:15px/1.45 system-ui,sans-serif;margin:1.5em auto;max-width:1200px;padding:0 1em}"
    "a{color:var(--link)}h1{font-size:1.5em;overflow-wrap:anywhere}h2{font-size:1.2em;margin-top:2em}h3{font-size:1em;overflow-wrap:anywhere}"
    "p,figcaption,.legend{max-width:75em}figcaption,.legend,.faint{color:var(--faint);font-size:.9em}.warn{color:var(--warn)}"
    "figure{margin:1em 0;overflow-x:auto}svg{width:100%;min-width:640px;height:auto;display:block}"
    "svg text{fill:var(--text);font-size:12px}svg .tick{fill:var(--faint);font-size:11px}.grid{stroke:var(--grid)}.frame{stroke:var(--faint);fill:none}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9em}td,th{border-bottom:1px solid var(--grid);padding:3px 8px;text-align:left;"
    "vertical-align:top}td{overflow-wrap:break-word;max-width:24em}th button{all:unset;cursor:pointer}"
    "th button:hover,th button:focus-visible{text-decoration:underline}"
    ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}tr:target{background:var(--mark)}"
    "pre{overflow-x:auto;font-size:.85em;white-space:pre-wrap;overflow-wrap:anywhere}summary{cursor:pointer}"
    ".legend{list-style:none;padding:0}.legend svg{display:inline;width:14px;min-width:0;height:14px;vertical-align:-2px}"
    ".line{fill:none;stroke:var(--c);stroke-width:1.5}.dot{fill:var(--c);stroke:var(--c)}.hollow{fill:var(--back);stroke:var(--c);stroke-width:1.5}"
    ".bar{fill:var(--c)}.area{fill:var(--c);fill-opacity:.25;stroke:var(--c)}.dash{stroke-dasharray:4 3}.thin{stroke-width:.7;opacity:.6}"
    ".c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}";

/* Headers become buttons: largest first, then smallest first. */
static const char script[] =
    "for(const t of document.querySelectorAll('table.sort')){const b=t.tBodies[0];[...t.tHead.rows[0].cells].forEach((h,i)=>{"
    "const k=document.createElement('button');k.textContent=h.textContent;h.textContent='';h.append(k);k.addEventListener('click',()=>{"
    "const down=h.getAttribute('aria-sort')!=='descending';for(const o of t.tHead.rows[0].cells)o.removeAttribute('aria-sort');"
    "h.setAttribute('aria-sort',down?'descending':'ascending');const v=r=>r.cells[i].dataset.v??r.cells[i].textContent;"
    "const num=h.classList.contains('n');const rows=[...b.rows].sort((x,y)=>num?v(x)-v(y):v(x).localeCompare(v(y)));"
    "if(down)rows.reverse();b.append(...rows)})})}";

void html_page_begin(FILE *to, const char *title) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>", to);
    html_put(to, title);
    fprintf(to, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    html_put(to, title);
    fputs("</h1>\n", to);
}

void html_page_end(FILE *to) { fprintf(to, "<script>%s</script>\n</body>\n</html>\n", script); }
