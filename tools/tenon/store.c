#include "store.h"

#include <sha2.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/os.h"
#include "base/os_thread.h"

enum { VERSION = 1, WAIT_MS = 10000, TRY_AGAIN_MS = 5, HASH_BYTES = 65, APPLICATION = 0x54656e6f /* "Teno" */ };

struct store {
    sqlite3 *db;
    char *path;
};

static const char schema[] = "CREATE TABLE record(id INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,"
                             " median_s REAL, key TEXT NOT NULL, json TEXT NOT NULL, sha256 TEXT NOT NULL);"
                             "CREATE INDEX record_key ON record(key);"
                             "PRAGMA application_id = 1415933551; PRAGMA user_version = 1;";

static tn_error *failed(const store *s, const char *what) {
    int code = sqlite3_errcode(s->db);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return TN__FAIL(NULL, IO, "%s: another program has held the record store for %d s", s->path, WAIT_MS / 1000);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return TN__FAIL(NULL, PARSE, "%s: damaged, or no record store (%s)", s->path, sqlite3_errmsg(s->db));
    if (code == SQLITE_FULL) return TN__FAIL(NULL, IO, "%s: cannot %s: the disk is full", s->path, what);
    return TN__FAIL(NULL, IO, "%s: cannot %s: %s", s->path, what, sqlite3_errmsg(s->db));
}

static tn_error *execute(store *s, const char *sql, const char *what) {
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? NULL : failed(s, what);
}

static tn_error *read_pragma(store *s, const char *sql, int64_t *out) {
    sqlite3_stmt *q = NULL;
    tn_error *e = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW) e = failed(s, "read");
    else *out = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return e;
}

static tn_error *check_version(store *s, bool write) {
    int64_t version = 0, application = 0, tables = 0;
    tn_error *e = read_pragma(s, "PRAGMA user_version", &version);
    if (!e) e = read_pragma(s, "PRAGMA application_id", &application);
    if (!e) e = read_pragma(s, "SELECT count(*) FROM sqlite_master", &tables);
    if (e) return e;
    if (!tables && write) return execute(s, schema, "make its tables");
    if (!tables) return TN__FAIL(NULL, NOT_FOUND, "%s: an empty record store", s->path);
    if (application != APPLICATION) return TN__FAIL(NULL, PARSE, "%s: an SQLite file, but no record store of Tenon", s->path);
    if (version > VERSION)
        return TN__FAIL(NULL, UNSUPPORTED, "%s: made by a newer Tenon (store version %lld, this one knows %d)", s->path, (long long)version, VERSION);
    return NULL;
}

static char *default_path(void) {
    const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (base && *base == '/') return cli_printf("%s/tenon/records.db", base);
    return home && *home ? cli_printf("%s/.local/share/tenon/records.db", home) : NULL;
}

/* The default's folder; one that the user names is the user's to make. */
static tn_error *make_folder(const char *path) {
    char *folder = cli_printf("%s", path);
    *strrchr(folder, '/') = 0;
    tn_error *e = tn__os_make_private_folder(&tn__allocator_malloc, folder);
    free(folder);
    return e;
}

/* A store in write-ahead mode wants to write even for its readers. On a read-only disk it is opened as what does not change, which leaves
 * out the log beside it. */
static tn_error *open_unchanging(store *s) {
    char *log = cli_printf("%s-wal", s->path), *uri = cli_alloc(3 * strlen(s->path) + sizeof "file://?immutable=1"), *end = uri;
    struct stat there;
    bool unfinished = stat(log, &there) == 0 && there.st_size > 0;
    free(log);
    end += sprintf(end, *s->path == '/' ? "file://" : "file:"); /* else what follows two slashes would be a host */
    for (const char *p = s->path; *p; p++) end += sprintf(end, strchr("?#%", *p) ? "%%%02X" : "%c", (unsigned char)*p);
    strcpy(end, "?immutable=1");
    sqlite3_close(s->db);
    s->db = NULL;
    int code = unfinished ? SQLITE_OK : sqlite3_open_v2(uri, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    free(uri);
    if (unfinished) return TN__FAIL(NULL, IO, "%s: read-only, with records in %s-wal: copy both to where they can be written", s->path, s->path);
    return code == SQLITE_OK ? NULL : failed(s, "open");
}

/* Where two turn a new store into write-ahead mode at once, SQLite sees that they would wait for each other for ever: one is refused without
 * waiting. It tries again. */
static tn_error *begin_writing(store *s) {
    uint64_t end = tn__os_clock_ns() + WAIT_MS * UINT64_C(1000000);
    int code;
    while ((code = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE", NULL, NULL, NULL)) == SQLITE_BUSY &&
           tn__os_clock_ns() < end)
        sqlite3_sleep(TRY_AGAIN_MS);
    return code == SQLITE_OK ? NULL : failed(s, "write");
}

static tn_error *open_file(store *s, bool write) {
    int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
    int code = sqlite3_open_v2(s->path, &s->db, flags, NULL);
    if (code == SQLITE_CANTOPEN) return TN__FAIL(NULL, IO, "cannot open the record store '%s'", s->path);
    if (code != SQLITE_OK) return failed(s, "open");
    sqlite3_busy_timeout(s->db, WAIT_MS);
    if (write && sqlite3_db_readonly(s->db, "main") == 1) return TN__FAIL(NULL, IO, "%s: read-only", s->path);
    if (write) { /* two that make the tables at once */
        tn_error *e = begin_writing(s);
        if (!e) e = check_version(s, true);
        return e ? e : execute(s, "COMMIT", "write");
    }
    if (sqlite3_db_readonly(s->db, "main") == 1) {
        tn_error *e = open_unchanging(s);
        if (e) return e;
    }
    return check_version(s, false);
}

tn_error *store_open(const char *path, bool write, store **out_store) {
    *out_store = NULL;
    store *s = cli_alloc(sizeof *s);
    s->path = path ? cli_printf("%s", path) : default_path();
    tn_error *e = NULL;
    if (!s->path) e = TN__FAIL(NULL, IO, "neither XDG_DATA_HOME nor HOME is set: name the record store by --db");
    if (!e && !path && write) e = make_folder(s->path);
    if (!e) e = open_file(s, write);
    if (e) store_close(s);
    else *out_store = s;
    return e;
}

void store_close(store *s) {
    if (!s) return;
    sqlite3_close(s->db);
    free(s->path);
    free(s);
}

const char *store_path(const store *s) { return s->path; }

static const char *text_of(const json_t *record, const char *key) {
    const char *text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

tn_error *store_add(store *s, const json_t *record, const char *key, int64_t *out_id) {
    char hash[HASH_BYTES], *text = json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS);
    sqlite3_stmt *q = NULL;
    if (!text) return tn__error_oom();
    SHA256Data((const uint8_t *)text, strlen(text), hash);
    tn_error *e = NULL;
    static const char sql[] = "INSERT INTO record(time, kind, name, median_s, key, json, sha256) VALUES(?, ?, ?, ?, ?, ?, ?)";
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK) e = failed(s, "write");
    if (!e) {
        sqlite3_bind_text(q, 1, text_of(record, "time"), -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, text_of(record, "kind"), -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 3, text_of(record, "name"), -1, SQLITE_STATIC);
        sqlite3_bind_double(q, 4, json_number_value(json_object_get(record, "median_s")));
        sqlite3_bind_text(q, 5, key, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 6, text, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 7, hash, -1, SQLITE_STATIC);
        if (sqlite3_step(q) != SQLITE_DONE) e = failed(s, "write");
        else *out_id = sqlite3_last_insert_rowid(s->db);
    }
    sqlite3_finalize(q);
    free(text);
    return e;
}

tn_error *store_get(store *s, int64_t id, json_t **out_record) {
    sqlite3_stmt *q = NULL;
    tn_error *e = NULL;
    *out_record = NULL;
    int code = sqlite3_prepare_v2(s->db, "SELECT json, sha256 FROM record WHERE id = ?", -1, &q, NULL);
    if (code == SQLITE_OK) sqlite3_bind_int64(q, 1, id), code = sqlite3_step(q);
    if (code == SQLITE_DONE) e = TN__FAIL(NULL, NOT_FOUND, "%s: there is no record %lld", s->path, (long long)id);
    else if (code != SQLITE_ROW) e = failed(s, "read");
    const char *text = e ? NULL : (const char *)sqlite3_column_text(q, 0), *hash = e ? NULL : (const char *)sqlite3_column_text(q, 1);
    char found[HASH_BYTES] = "";
    if (text) SHA256Data((const uint8_t *)text, strlen(text), found);
    if (!e && (!text || !hash || strcmp(found, hash)))
        e = TN__FAIL(NULL, PARSE, "%s: record %lld is damaged: its hash does not fit", s->path, (long long)id);
    if (!e && !(*out_record = json_loads(text, 0, NULL))) e = TN__FAIL(NULL, PARSE, "%s: record %lld is no JSON", s->path, (long long)id);
    sqlite3_finalize(q);
    return e;
}

tn_error *store_find(store *s, const char *key, int64_t *out_id) {
    sqlite3_stmt *q = NULL;
    *out_id = 0;
    int code = sqlite3_prepare_v2(s->db, "SELECT max(id) FROM record WHERE key = ?", -1, &q, NULL);
    if (code == SQLITE_OK) sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC), code = sqlite3_step(q);
    tn_error *e = code == SQLITE_ROW ? NULL : failed(s, "read");
    if (!e) *out_id = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return e;
}

tn_error *store_visit(store *s, void (*visit)(void *self, const store_row *row), void *self) {
    sqlite3_stmt *q = NULL;
    int code = sqlite3_prepare_v2(s->db, "SELECT id, time, kind, name, median_s FROM record ORDER BY id", -1, &q, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(q);
        if (code != SQLITE_ROW) break;
        const store_row row = {sqlite3_column_int64(q, 0), (const char *)sqlite3_column_text(q, 1), (const char *)sqlite3_column_text(q, 2),
                               (const char *)sqlite3_column_text(q, 3), sqlite3_column_double(q, 4)};
        if (row.time && row.kind && row.name) visit(self, &row);
    }
    tn_error *e = code == SQLITE_DONE ? NULL : failed(s, "read");
    sqlite3_finalize(q);
    return e;
}
