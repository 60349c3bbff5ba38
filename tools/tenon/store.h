/* The record store: one SQLite file of measurements. Two writers and a kill -9 do it no harm: write-ahead log, one
 * transaction a record. What is read is verified by its hash. */
#ifndef TENON_TOOL_STORE_H
#define TENON_TOOL_STORE_H
#include "cli.h"

typedef struct store store;

/* `path` NULL: $XDG_DATA_HOME/tenon/records.db, or ~/.local/share/tenon/records.db; folders are made when it is written. Without
 * `write` the file must be there. A file that is no store, is damaged, locked or of a newer version is an error, and is left alone. */
tn_error *store_open(const char *path, bool write, store **out_store);
void store_close(store *s); /* NULL is allowed */
const char *store_path(const store *s);

/* Adds a record (an object with "kind", "time", "name", "median_s"; borrowed). `key`: what a sweep knows it by, or "". */
tn_error *store_add(store *s, const json_t *record, const char *key, int64_t *out_id);
/* The record, owned by the caller. NOT_FOUND where there is none. */
tn_error *store_get(store *s, int64_t id, json_t **out_record);
/* The id of the newest record of that key, 0: none. */
tn_error *store_find(store *s, const char *key, int64_t *out_id);

typedef struct store_row {
    int64_t id;
    const char *time, *kind, *name;
    double median_s;
} store_row;
/* Visits all records, oldest first; rows live for the visit. */
tn_error *store_visit(store *s, void (*visit)(void *self, const store_row *row), void *self);
#endif
