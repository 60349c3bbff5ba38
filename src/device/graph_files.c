#include "device/graph_files.h"

#include "base/os.h"

enum { MOST_FOLDERS = 9999, NAME_BYTES = 64, MOST_CONSTANT = 1 << 10 };

/* A graph's name as a part of a file's. */
static void plain_name(const char *name, char out[NAME_BYTES + 1]) {
    size_t n = 0;
    for (; name[n] && n < NAME_BYTES; n++) {
        char c = name[n];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        out[n] = plain ? c : '_';
    }
    if (!n) out[n++] = '_';
    out[n] = 0;
}

static char *joined(const tn_allocator *a, const char *folder, unsigned number, int digits, const char *name, const char *ending) {
    tn__text t;
    tn__text_init(&t, a);
    tn__text_addf(&t, "%s/%0*u-%s%s", folder, digits, number, name, ending);
    return tn__text_take(&t);
}

static tn_error *make_folder(const tn_allocator *a, const char *parent, const char *name, char **out) {
    for (unsigned i = 1; i <= MOST_FOLDERS; i++) {
        char *path = joined(a, parent, i, 4, name, "");
        if (!path) return tn__error_oom();
        bool there;
        tn_error *e = tn__os_make_new_folder(a, path, &there);
        if (!e && !there) {
            *out = path;
            return NULL;
        }
        tn__strfree(a, path);
        TN__TRY(e);
    }
    return TN__FAIL(a, LIMIT_EXCEEDED, "folder '%.300s' holds %d graphs '%s' already; remove some", parent, (int)MOST_FOLDERS, name);
}

static tn_error *put(tn__dump *d, const char *name, const char *ending, const char *text) {
    char *path = joined(d->a, d->folder, d->n++, 2, name, ending);
    if (!path) return tn__error_oom();
    tn_error *e = tn__os_write_file_quickly(d->a, path, &(tn__os_span){text, strlen(text)}, 1);
    tn__strfree(d->a, path);
    return tn__error_prefix(e, "option dump_graphs");
}

static tn_error *put_graph(tn__dump *d, const char *name, const tn_graph *g, size_t most_constant) {
    char *text;
    TN__TRY(tn__graph_print(g, most_constant, &text));
    tn_error *e = put(d, name, ".tn", text);
    tn__strfree(d->a, text);
    return e;
}

tn_error *tn__dump_begin(const tn__device_config *config, const tn_graph *g, tn__dump *out) {
    *out = (tn__dump){.a = &config->context->allocator};
    if (!config->dump_folder || config->dry) return NULL;
    char name[NAME_BYTES + 1];
    plain_name(g->name, name);
    TN__TRY(tn__error_prefix(make_folder(out->a, config->dump_folder, name, &out->folder), "option dump_graphs"));
    tn_error *e = put_graph(out, "graph", g, SIZE_MAX);
    if (e) tn__dump_end(out);
    return e;
}

void tn__dump_end(tn__dump *d) {
    tn__strfree(d->a, d->folder);
    d->folder = NULL;
}

tn_error *tn__dump_pass(void *self, const char *pass, const tn_graph *g) {
    tn__dump *d = self;
    return d->folder ? put_graph(d, pass, g, MOST_CONSTANT) : NULL;
}

tn_error *tn__dump_program(tn__dump *d, char *text) {
    tn_error *e = d->folder ? put(d, "program", ".txt", text) : NULL;
    tn__strfree(d->a, text);
    return e;
}
