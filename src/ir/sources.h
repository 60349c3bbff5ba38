/* Where nodes come from: the framework's texts (file and line, its own op's name), in sets, both interned.
 *
 * A node holds the number of a set (0: none). Graphs that are copied from each other share one table, so copying a node copies a number;
 * executables specialise on any thread, hence the lock. Sets never change and live as long as the table. */
#ifndef TN_IR_SOURCES_H
#define TN_IR_SOURCES_H
#include "base/alloc.h"

enum {
    TN__SOURCE_MOST = 64,   /* texts that a set lists */
    TN__SOURCE_BYTES = 1024 /* of one text; a longer one becomes its beginning and a note */
};

typedef struct tn__source_set {
    uint32_t n;
    uint32_t hidden; /* at least so many more that are not listed */
    const char *texts[];
} tn__source_set;

/* Thread-safe, reference-counted. Functions that make a set return 0 when out of memory. */
typedef struct tn__sources tn__sources;
tn__sources *tn__sources_create(const tn_allocator *a); /* NULL when out of memory; `a` is borrowed */
void tn__sources_retain(tn__sources *t);
void tn__sources_release(tn__sources *t); /* NULL is allowed */
uint32_t tn__sources_of_text(tn__sources *t, const char *text); /* not NULL, not "" */
/* The texts of `a`, then those of `b` that are new: stable, and merge(x, x) is x. 0 is the empty set. */
uint32_t tn__sources_merge(tn__sources *t, uint32_t a, uint32_t b);
/* `set` that says it hides `hidden` more. */
uint32_t tn__sources_hide(tn__sources *t, uint32_t set, uint32_t hidden);
/* The set of that number; an empty one for 0 (t may be NULL then). */
const tn__source_set *tn__sources_get(tn__sources *t, uint32_t set);

bool tn__source_is_utf8(const char *text);
/* Appends `text` as one printable line of valid UTF-8: control characters, backslashes and bytes that are no UTF-8 become \n or \xNN. */
void tn__source_escape(tn__text *to, const char *text);
/* Appends "a, b and at least 3 more", escaped, at most `most` of them (0: all that are listed). */
void tn__source_list(tn__text *to, const tn__source_set *set, uint32_t most);
/* Puts " [from a, b]" behind the message of e, which names the node already (`name`, may be NULL): not where that is all the set says.
 * Consumes and returns e; NULL stays NULL. */
tn_error *tn__error_from(tn_error *e, const tn__source_set *set, const char *name);
#endif
