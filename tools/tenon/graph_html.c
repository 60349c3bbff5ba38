/* A graph as one HTML page that needs nothing else: the launches of its program, every node in a table, bodies of control flow behind it,
 * the nodes by op, the drawing. All is there without script, which only adds the search, folding at once, and opening what a link leads to. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "graph_out.h"
#include "html_page.h"
#include "inputs.h"

void html_put_text(const char *text, FILE *to) {
    char *escaped = cli_escape(text ? text : "");
    cli_put_markup(escaped, to);
    free(escaped);
}

void html_put_type(const tn_graph *g, tn_value v, FILE *to) {
    char type[400];
    html_put_text(cli_type_text(g, v, type, sizeof type), to);
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static const char *name_of_value(const tn_graph *g, tn_value v) {
    const tn__value_data *d = &g->values.data[v.id];
    if (d->name && *d->name) return d->name;
    return d->node == TN__NO_NODE && d->out_index < g->inputs.count && g->inputs.data[d->out_index].value.id == v.id ? g->inputs.data[d->out_index].name : NULL;
}

void html_put_value_link(const html_page *p, size_t graph, tn_value v) {
    const tn_graph *g = p->graphs.items[graph];
    const tn__value_data *d = &g->values.data[v.id];
    if (!v.id) {
        fputs("<i>none</i>", p->to);
        return;
    }
    if (d->node != TN__NO_NODE) fprintf(p->to, "<a href=\"#g%zun%" PRIu32 "\">%%%" PRIu32, graph, d->node, v.id);
    else fprintf(p->to, "<a href=\"#g%zuv%" PRIu32 "\">%%%" PRIu32, graph, v.id, v.id);
    const char *name = name_of_value(g, v);
    if (name) fputs(" ", p->to), html_put_text(name, p->to);
    fputs("</a>", p->to);
}

/* A value where it is made. */
static void put_value(const html_page *p, size_t graph, tn_value v, const char *name) {
    fprintf(p->to, "<div>%%%" PRIu32 " ", v.id);
    if (name && *name) {
        fputs("<b>", p->to);
        html_put_text(name, p->to);
        fputs("</b> ", p->to);
    }
    fputs("<code>", p->to);
    html_put_type(p->graphs.items[graph], v, p->to);
    fputs("</code></div>", p->to);
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

void html_put_node_link(const html_page *p, cli_node_ref n) {
    const tn__node *node = &p->graphs.items[n.graph]->nodes.data[n.node];
    fprintf(p->to, "<a href=\"#g%" PRIu32 "n%" PRIu32 "\">", n.graph, n.node);
    html_put_text(tn__op_text(node->op, node->attrs), p->to);
    if (node->name && *node->name) fputs(" ", p->to), html_put_text(node->name, p->to);
    fputs("</a>", p->to);
}

static void put_body_link(void *self, const char *name, size_t body) {
    const html_page *p = self;
    fprintf(p->to, "<div>%s: <a href=\"#g%zu\">Body %zu</a></div>", name, body, body);
}

static void put_node(const html_page *p, size_t graph, uint32_t index) {
    const tn_graph *g = p->graphs.items[graph];
    const tn__node *n = &g->nodes.data[index];
    FILE *to = p->to;
    fprintf(to, "<tr id=\"g%zun%" PRIu32 "\" class=\"node find\"><td>%" PRIu32 "</td><td>", graph, index, index);
    html_put_text(tn__op_text(n->op, n->attrs), to);
    cli_bodies_of(&p->graphs, n, put_body_link, (void *)p);
    fputs("</td><td>", to);
    html_put_text(n->name, to);
    fputs("</td><td>", to);
    for (uint32_t k = 0; k < n->n_in; k++) {
        if (k) fputs(" ", to);
        html_put_value_link(p, graph, tn__in(g, n, k));
    }
    fputs("</td><td>", to);
    for (uint32_t k = 0; k < n->n_out; k++) put_value(p, graph, tn__out(n, k), g->values.data[tn__out(n, k).id].name);
    if (p->launches) fputs("</td><td>", to), html_put_launch_links(p, (cli_node_ref){(uint32_t)graph, index});
    if (!graph && cli_launches_reason(p->launches, index)) html_put_text(cli_launches_reason(p->launches, index), to);
    const tn__source_set *set = tn__graph_sources(g, n->source);
    char *sources = cli_sources_text(set->texts, set->n, set->hidden, 0); /* escapes each */
    fputs("</td><td>", to);
    cli_put_markup(sources, to);
    fputs("</td></tr>\n", to);
    free(sources);
}

static void put_ports(const html_page *p, size_t graph) {
    const tn_graph *g = p->graphs.items[graph];
    FILE *to = p->to;
    fputs("<h3>Inputs</h3>\n<ul>\n", to);
    for (uint32_t i = 0; i < g->inputs.count; i++) {
        fprintf(to, "<li id=\"g%zuv%" PRIu32 "\">", graph, g->inputs.data[i].value.id);
        put_value(p, graph, g->inputs.data[i].value, g->inputs.data[i].name);
        fputs("</li>\n", to);
    }
    for (uint32_t i = 0; i < g->variables.count; i++) {
        fprintf(to, "<li id=\"g%zuv%" PRIu32 "\">variable ", graph, g->variables.data[i].read.id);
        put_value(p, graph, g->variables.data[i].read, g->values.data[g->variables.data[i].read.id].name);
        fputs("</li>\n", to);
    }
    fputs("</ul>\n<h3>Outputs</h3>\n<ul>\n", to);
    for (uint32_t i = 0; i < g->outputs.count; i++) {
        fputs("<li>", to);
        html_put_value_link(p, graph, g->outputs.data[i].value);
        fputs(" <b>", to);
        html_put_text(g->outputs.data[i].name, to);
        fputs("</b> <code>", to);
        html_put_type(g, g->outputs.data[i].value, to);
        fputs("</code></li>\n", to);
    }
    fputs("</ul>\n", to);
}

/* For each op of the table that occurs, links to its nodes. */
static void put_ops(const html_page *p, size_t graph) {
    const tn_graph *g = p->graphs.items[graph];
    FILE *to = p->to;
    fputs("<details><summary>Nodes by op</summary>\n", to);
    bool *done = cli_alloc(g->nodes.count + 1);
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        if (done[i]) continue;
        tn__op op = g->nodes.data[i].op;
        size_t count = 0;
        for (uint32_t k = i; k < g->nodes.count; k++) count += g->nodes.data[k].op == op;
        fputs("<details class=\"op\"><summary>", to);
        html_put_text(tn__op_infos[op].name, to);
        fprintf(to, " (%zu)</summary>", count);
        for (uint32_t k = i; k < g->nodes.count; k++) {
            if (g->nodes.data[k].op != op) continue;
            done[k] = true;
            fprintf(to, " <a href=\"#g%zun%" PRIu32 "\">%" PRIu32 "</a>", graph, k, k);
        }
        fputs("</details>\n", to);
    }
    free(done);
    fputs("</details>\n", to);
}

typedef struct user_list {
    html_page *p;
    cli_node_ref from;
} user_list;

static void add_user(void *self, const char *name, size_t body) {
    user_list *l = self;
    l->p->users = cli_realloc(l->p->users, (l->p->n_users + 1) * sizeof *l->p->users);
    l->p->users[l->p->n_users++] = (html_user){l->from, name, body};
}

static void find_users(html_page *p) {
    user_list l = {.p = p};
    for (; l.from.graph < p->graphs.count; l.from.graph++) {
        const tn_graph *g = p->graphs.items[l.from.graph];
        for (l.from.node = 0; l.from.node < g->nodes.count; l.from.node++) cli_bodies_of(&p->graphs, &g->nodes.data[l.from.node], add_user, &l);
    }
}

/* The nodes whose body it is. */
static void put_users(const html_page *p, size_t graph) {
    fputs("<ul class=\"users\">\n", p->to);
    for (size_t i = 0; i < p->n_users; i++) {
        const html_user *u = &p->users[i];
        if (u->body != graph) continue;
        fprintf(p->to, "<li>%s of ", u->name);
        html_put_node_link(p, u->node);
        fprintf(p->to, " in <a href=\"#g%" PRIu32 "\">%s", u->node.graph, u->node.graph ? "Body" : "Graph");
        if (u->node.graph) fprintf(p->to, " %" PRIu32, u->node.graph);
        fputs("</a></li>\n", p->to);
    }
    fputs("</ul>\n", p->to);
}

static void put_graph(const html_page *p, size_t graph) {
    const tn_graph *g = p->graphs.items[graph];
    FILE *to = p->to;
    fprintf(to, "<details open class=\"graph\" id=\"g%zu\"><summary>%s ", graph, graph ? "Body" : "Graph");
    if (graph) fprintf(to, "%zu ", graph);
    html_put_text(g->name, to);
    fprintf(to, ": %zu nodes</summary>\n", (size_t)g->nodes.count);
    if (graph) put_users(p, graph);
    put_ports(p, graph);
    fprintf(to, "<table>\n<thead><tr><th>#</th><th>op</th><th>name</th><th>inputs</th><th>outputs</th>%s<th>written at</th></tr></thead>\n<tbody>\n",
            !p->launches ? "" : p->launches->report ? "<th>cluster, or why none</th>" : "<th>launch</th>");
    for (uint32_t i = 0; i < g->nodes.count; i++) put_node(p, graph, i);
    fputs("</tbody>\n</table>\n", to);
    put_ops(p, graph);
    fputs("</details>\n", to);
}

/* ---- page ---------------------------------------------------------------------------------------------------- */

static const char style[] =
    ":root{color-scheme:light dark;--back:#fff;--text:#222;--line:#ccc;--mark:#dfe9f7;--link:#0645ad;"
    "--h1:#fdebd3;--h2:#fbd3a4;--h3:#f8b36b;--h4:#f08c4a}"
    "@media(prefers-color-scheme:dark){:root{--back:#181a1d;--text:#ddd;--line:#444;--mark:#263040;--link:#8bf;"
    "--h1:#33261a;--h2:#4d3018;--h3:#693c14;--h4:#80440f}}"
    "body{background:var(--back);color:var(--text);font:14px sans-serif;margin:1em}a{color:var(--link)}"
    "table{border-collapse:collapse}td,th{border:1px solid var(--line);padding:2px 6px;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere}th,td:first-child{white-space:nowrap;overflow-wrap:normal}"
    "tr:target,li:target,details:target>summary{background:var(--mark)}"
    "summary{cursor:pointer;font-weight:bold;margin:.4em 0}.op,.launch{margin-left:1.5em}.launch>summary{font-weight:normal}"
    ".h{padding:0 4px}.h1{background:var(--h1)}.h2{background:var(--h2)}.h3{background:var(--h3)}.h4{background:var(--h4)}"
    ".picture{overflow:auto;background:#fff}.picture a{color:#0645ad}[hidden]{display:none}";

/* #q=TEXT searches, any other fragment opens what it leads to. */
static const char script[] =
    "const q=document.getElementById('q'),found=document.getElementById('found'),items=document.querySelectorAll('.find');"
    "const texts=Array.from(items,r=>r.textContent.toLowerCase());q.closest('p').hidden=false;"
    "const find=()=>{const t=q.value.toLowerCase();let n=0;items.forEach((r,i)=>{r.hidden=!texts[i].includes(t);n+=!r.hidden});"
    "found.textContent=n+' of '+items.length};"
    "const go=()=>{let h=location.hash.slice(1);try{h=decodeURIComponent(h)}catch(e){}"
    "if(h.startsWith('q=')){q.value=h.slice(2);find();return}"
    "const to=document.getElementById(h);if(!to)return;"
    "if(to.hidden){q.value='';find()}"
    "for(let e=to;e;e=e.parentElement)if(e.tagName==='DETAILS')e.open=true;to.scrollIntoView()};"
    "const fold=open=>document.querySelectorAll('details').forEach(d=>{d.open=open});"
    "q.addEventListener('input',find);window.addEventListener('hashchange',go);"
    "document.getElementById('fold').addEventListener('click',()=>fold(false));"
    "document.getElementById('unfold').addEventListener('click',()=>fold(true));find();go();";

/* Folds boxes of the drawing: what is below moves up by as much as its layer becomes lower, arrows lead to the box instead of into it. */
static const char fold_script[] =
    "const svg=document.querySelector('.picture svg'),FOLDED=24,boxes=document.getElementById('boxes');"
    "const units=svg.dataset.units.split(';').map(t=>{const[layer,top,height,middle]=t.split(',').map(Number);"
    "return{layer,top,height,middle,parts:[],button:null,folded:false,up:0}});"
    "svg.querySelectorAll('[data-u]').forEach(e=>units[e.dataset.u].parts.push(e));"
    "const arrows=Array.from(svg.querySelectorAll('path'),path=>({path,ends:path.dataset.e.split(' ').map(i=>units[i]),"
    "at:path.getAttribute('d').match(/-?\\d+/g).map(Number)}));"
    "const whole=svg.viewBox.baseVal.height;"
    "const place=()=>{const full=[],now=[];"
    "for(const u of units){full[u.layer]=Math.max(full[u.layer]||0,u.height);now[u.layer]=Math.max(now[u.layer]||0,u.folded?FOLDED:u.height)}"
    "const up=[];let sum=0;full.forEach((h,i)=>{up[i]=sum;sum+=h-now[i]});"
    "for(const u of units){u.up=up[u.layer];for(const e of u.parts){e.setAttribute('transform','translate(0,'+-u.up+')');"
    "if(e.classList.contains('launch'))e.querySelector('rect').setAttribute('height',u.folded?FOLDED:u.height);"
    "else if(!e.classList.contains('t'))e.style.display=u.folded?'none':''}"
    "if(u.button){u.button.textContent=u.folded?'+':'-';u.button.setAttribute('aria-expanded',String(!u.folded))}}"
    "for(const{path,ends:[a,b],at}of arrows){const x0=a.folded?a.middle:at[0],y0=a.folded?a.top-a.up+FOLDED:at[1]-a.up,"
    "x1=b.folded?b.middle:at[6],y1=b.folded?b.top-b.up:at[7]-b.up;path.style.display=a===b&&a.folded?'none':'';"
    "path.setAttribute('d','M'+[x0,y0]+'C'+[x0,y0+30,x1,y1-30,x1,y1])}"
    "svg.setAttribute('height',whole-sum);svg.viewBox.baseVal.height=whole-sum};"
    "const turn=(u,folded)=>{if(u.button)u.folded=folded};"
    "svg.querySelectorAll('.fold').forEach(b=>{const u=units[b.parentNode.dataset.u];u.button=b;b.removeAttribute('hidden');"
    "const change=()=>{turn(u,!u.folded);place()};b.addEventListener('click',change);"
    "b.addEventListener('keydown',e=>{if(e.key==='Enter'||e.key===' '){e.preventDefault();change()}})});"
    "boxes.hidden=false;[true,false].forEach((folded,i)=>boxes.children[i].addEventListener('click',()=>{units.forEach(u=>turn(u,folded));place()}));";

void cli_graph_write_html(tn_graph *g, const cli_launches *launches, FILE *to) {
    html_page p = {.graphs = cli_graphs_of(g), .launches = launches, .to = to};
    html_places_init(&p);
    find_users(&p);
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", to);
    html_put_text(g->name, to);
    fprintf(to, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    html_put_text(g->name, to);
    fputs("</h1>\n<p hidden><label>Search op, name, type, kernel: <input id=\"q\" type=\"search\"></label> <span id=\"found\"></span>"
          " <button id=\"fold\">Fold all</button> <button id=\"unfold\">Unfold all</button></p>\n", to);
    html_put_launches(&p);
    fprintf(to, "<details%s><summary>Drawing</summary>\n", launches && launches->report ? " open" : "");
    if (launches) fputs("<p hidden id=\"boxes\"><button>Fold boxes</button> <button>Unfold boxes</button></p>\n", to);
    fputs("<div class=\"picture\">\n", to);
    cli_graph_write_svg(g, launches, true, to);
    fputs("</div>\n</details>\n", to);
    for (size_t i = 0; i < p.graphs.count; i++) put_graph(&p, i);
    fprintf(to, "<script>%s%s</script>\n</body>\n</html>\n", script, launches ? fold_script : "");
    free(p.places);
    free(p.users);
    cli_graphs_free(&p.graphs);
}
